-- Which items are behind a topic, an issue or all suggestions? Redacted; newest first; one page of $n_rows from $offset.
-- Items that are counted only (检举控告, 涉法涉诉, 保密) are not listed.
-- then: topic_chosen
, page as (
    select e.*, null::bigint as n_listed
    from event as e
    inner join item as i on i.event_key = e.event_key
    where
        not e.is_counted_only
        and e.registered_at >= $from_on::date
        and e.registered_at < $to_on::date + 7
    order by e.registered_at desc, e.event_key
    limit $n_rows offset $offset
)
-- then: item_rows
