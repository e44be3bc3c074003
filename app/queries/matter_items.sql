-- Which items raise the matter $matter, up to $week? Redacted; newest first; one page of $n_rows from $offset, with n_listed
-- of all pages. Items that are counted only (检举控告, 涉法涉诉, 保密) are not listed.
with page as (
    select e.*, count(*) over () as n_listed
    from event as e
    inner join event_matter as m on m.event_key = e.event_key
    where m.matter_id = $matter and e.registered_on <= $week::date + 6 and not e.is_counted_only
    order by e.registered_at desc, e.event_key
    limit $n_rows offset $offset
)
-- then: item_rows
