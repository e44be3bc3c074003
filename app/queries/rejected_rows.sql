-- Which rows were not taken in? For the download: file, row, column, what was found, what to do.
select b.source, b.layout, b.file_name, r.source_row, r.column_name, r.found, r.rule, r.hint
from rejected_row as r
inner join batch as b on b.batch_id = r.batch_id
where $source::varchar is null or b.source = $source
order by b.file_name, r.source_row, r.rule
limit 100000
