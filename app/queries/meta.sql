-- What does the published version say about itself?
select key, value from meta
