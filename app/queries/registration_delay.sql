-- How long after it occurred was an item registered, over the last year? One row a number of days, $source or all.
select delay_days, sum(n_events)::bigint as n_events
from registration_delay
where $source::varchar is null or source = $source
group by 1
order by 1
