-- What is known of one item of a sample, registered on $registered_on? Redacted; none where the item is counted only.
with page as (
    select *, null::bigint as n_listed
    from event
    where
        registered_at >= $registered_on::date
        and registered_at < $registered_on::date + 1
        and event_key = $event
        and not is_counted_only
)
-- then: item_rows
