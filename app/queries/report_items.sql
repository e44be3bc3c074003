-- How many items were registered a day, counted one by one, from $from_on to $to_on?
select registered_on, count(*)::bigint as n_events
from event
where
    registered_at >= $from_on::date
    and registered_at < $to_on::date + 1
    and ($county::varchar is null or county_code = $county)
    and ($town::varchar is null or town_code = $town)
group by registered_on
order by registered_on
