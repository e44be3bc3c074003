-- Who handles this issue, how much of it, in time, to whose satisfaction, in how many days? One row a unit, most items first; items
-- registered in the weeks from $from_on to $to_on.
select
    e.unit_name,
    count(*)::bigint as n_events,
    (count(*) filter (where f.is_answered_in_time and f.is_due and not f.is_declined))::bigint as n_in_time,
    (count(f.is_answered_in_time) filter (where f.is_due and not f.is_declined))::bigint as n_due,
    (count(*) filter (where f.is_satisfied))::bigint as n_satisfied,
    (count(*) filter (where f.is_rated))::bigint as n_rated,
    (count(*) filter (where f.is_returned))::bigint as n_returned,
    count(f.is_returned)::bigint as n_return_known
from event as e
inner join item_fact as f on f.event_key = e.event_key
where
    e.issue_code = $issue
    and e.unit_name is not null
    and e.registered_at >= $from_on::date
    and e.registered_at < $to_on::date + 7
    and f.registered_on between $from_on::date and $to_on::date + 6
    and ($source::varchar is null or e.source = $source)
    and ($county::varchar is null or e.county_code = $county)
    and ($town::varchar is null or e.town_code = $town)
    and ($community::varchar is null or e.community_code = $community)
group by e.unit_name
order by n_events desc, e.unit_name
