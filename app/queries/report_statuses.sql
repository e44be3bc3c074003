-- Where do the items registered from $from_on to $to_on stand? One row a source and status.
select source, status, count(*)::bigint as n_events
from event
where
    registered_at >= $from_on::date
    and registered_at < $to_on::date + 1
    and ($county::varchar is null or county_code = $county)
    and ($town::varchar is null or town_code = $town)
group by source, status
order by source, n_events desc, status
