-- Which items are behind a topic, an issue or all suggestions? Redacted; newest first; one page of $n_rows from $offset.
-- Items that are counted only (检举控告, 涉法涉诉, 保密) are not listed.
-- then: topic_chosen
, page as (
    select e.*, null::bigint as n_listed
    from event as e
    where e.rowid in (
        select m.rowid
        from event as m
        inner join item as i on i.event_key = m.event_key
        where
            not m.is_counted_only
            and m.registered_at >= $from_on::date
            and m.registered_at < $to_on::date + 7
        order by m.registered_at desc, m.event_key
        limit $n_rows offset $offset
    )
)
-- then: item_rows
