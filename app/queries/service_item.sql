-- What is known of one item of a sample? Redacted; none where the item is counted only.
with page as (
    select *, null::bigint as n_listed from event where event_key = $event and not is_counted_only
)
-- then: item_rows
