-- Which files were taken in, and does every row have its place in the ledger? Newest first.
select * from batch order by loaded_at desc, batch_id
