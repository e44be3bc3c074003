-- How many items can be listed behind this figure, and how many of them stand before the page that begins after the item
-- $after_at, $after_key (null: the first page)?
-- then: items_chosen
select
    count(*)::bigint as n_events,
    (
        count(*) filter (
            where
                registered_at > $after_at::timestamp
                or (registered_at = $after_at::timestamp and event_key <= $after_key)
        )
    )::bigint as n_before
from chosen
