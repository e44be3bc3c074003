-- The ledger of files taken in.
-- grain: batch_id
-- inputs: known_batch
select
    batch_id, source, layout, file_name, file_bytes, encoding,
    n_read, n_loaded, n_updated, n_rejected, n_duplicate, n_out_of_scope,
    first_registered_on, last_registered_on, redactions, dropped_columns, loaded_at, known_on,
    crs, crs_hits, control_totals, notes
from known_batch
order by loaded_at, batch_id
