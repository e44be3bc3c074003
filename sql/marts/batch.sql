-- The ledger of files taken in.
-- grain: batch_id
-- inputs: core.batch
select
    batch_id, source, layout, file_name, file_bytes, encoding,
    n_read, n_loaded, n_updated, n_rejected, n_duplicate, n_out_of_scope,
    first_registered_on, last_registered_on, redactions, dropped_columns, loaded_at
from core.batch
order by loaded_at, batch_id
