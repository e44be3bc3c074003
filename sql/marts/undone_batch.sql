-- Batches that were taken back: what they were and when they went.
-- grain: batch_id, undone_at
-- inputs: core.undone_batch, build_parameter
select
    u.batch_id, u.source, u.layout, u.file_name, u.n_read, u.n_loaded, u.loaded_at, u.known_on, u.undone_at
from core.undone_batch as u
cross join build_parameter as p
where u.undone_at < p.as_of_end
order by u.undone_at, u.batch_id
