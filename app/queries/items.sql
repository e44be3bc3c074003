-- Which items are behind this figure? Redacted; newest first; the $n_rows that come after the item $after_at, $after_key (null:
-- from the first).
-- then: items_chosen
, page as (
    select e.*, null::bigint as n_listed
    from event as e
    where
        e.rowid in (
            select row_no
            from chosen
            where
                $after_at::timestamp is null
                or registered_at < $after_at::timestamp
                or (registered_at = $after_at::timestamp and event_key > $after_key)
            order by registered_at desc, event_key
            limit $n_rows
        )
)
-- then: item_rows
