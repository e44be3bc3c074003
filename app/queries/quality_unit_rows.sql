-- Which rows of which files should one unit look at? No text: file and row number, the newest of each fault.
select q.fault, q.fault_rank, q.n_rows, b.file_name, q.source_row, q.registered_on
from quality_row as q
inner join batch as b on b.batch_id = q.batch_id
where q.unit_name is not distinct from $unit and q.source = $of_source
order by q.fault, q.fault_rank
