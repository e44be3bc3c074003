-- Rows not taken in, and why.
-- grain: batch_id, source_row, rule, column_name
-- inputs: core.rejected_row, known_batch
select batch_id, cast(source_row as bigint) as source_row, rule, column_name, found, hint
from core.rejected_row
where batch_id in (select batch_id from known_batch)
order by batch_id, source_row, rule
