-- Rows not taken in, and why.
-- grain: batch_id, source_row, rule, column_name
-- inputs: core.rejected_row
select batch_id, cast(source_row as bigint) as source_row, rule, column_name, found, hint
from core.rejected_row
order by batch_id, source_row, rule
