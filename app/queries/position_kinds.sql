-- How many items of each source have a usable point, and why not?
select source, position_kind, count(*) as n_events
from event
group by source, position_kind
order by source, position_kind
