-- Which item stands $n_skipped + 1 places before the item $after_at, $after_key in the list (null: before its end)?
-- then: items_chosen
select registered_at, event_key
from chosen
where
    $after_at::timestamp is null
    or registered_at > $after_at::timestamp
    or (registered_at = $after_at::timestamp and event_key < $after_key)
order by registered_at, event_key desc
limit 1 offset $n_skipped
