-- Which files say how often an item came back? In these an empty field means: never.
-- grain: batch_id
-- inputs: known_event
select distinct batch_id from known_event where n_returns is not null
