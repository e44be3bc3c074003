-- Which items are one run of the same issue at the same place, from $first_on to $last_on? Redacted, newest first.
with page as (
    select *, null::bigint as n_listed
    from event
    where
        not is_counted_only
        and issue_code = $issue
        and registered_at >= $first_on::date
        and registered_at < $last_on::date + 1
        and community_code is not distinct from $community
        and ($community::varchar is not null or (lon = $lon and lat = $lat))
    order by registered_at desc, event_key
    limit $n_rows offset $offset
)
-- then: item_rows
