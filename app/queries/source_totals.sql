-- Which sources are in the warehouse, and do any of their items carry these marks?
select
    source,
    sum(n_events)::bigint as n_events,
    sum(n_repeat)::bigint as n_repeat,
    sum(n_group)::bigint as n_group
from daily_counts
group by source
order by source
