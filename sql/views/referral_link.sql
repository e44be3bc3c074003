-- Which known item is a case about, by its number alone? A petition's number before a work order's before a grid event's.
-- grain: source, entry_id
-- inputs: known_referral, known_event
select n.source, n.entry_id, lower(printf('%016x', n.event_id)) as event_key
from (
    select source, entry_id, petition_id as event_id, 1 as place from known_referral
    union all
    select source, entry_id, hotline_id, 2 from known_referral
    union all
    select source, entry_id, grid_id, 3 from known_referral
) as n
semi join known_event using (event_id)
qualify row_number() over (partition by n.source, n.entry_id order by n.place) = 1
