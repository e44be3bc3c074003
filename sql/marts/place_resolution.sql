-- How the items of each source came to their place: by name, by alias, from the point, or not at all.
-- grain: source, place_how
-- inputs: event
select source, place_how, count(*) as n_events
from event
group by source, place_how
order by source, place_how
