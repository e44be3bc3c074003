-- Which items raise the matter $matter (the first on $first_on), up to $week? Redacted; newest first; one page of $n_rows from
-- $offset, with n_listed of all pages. Items that are counted only (检举控告, 涉法涉诉, 保密) are not listed.
with matched as (
    select e.rowid as row_no, e.registered_at, e.event_key
    from event as e
    inner join event_matter as m on m.event_key = e.event_key
    where
        m.matter_id = $matter
        and e.registered_at >= $first_on::date
        and e.registered_at < $week::date + 7
        and not e.is_counted_only
),
page as (
    select e.*, (select count(*) from matched) as n_listed
    from event as e
    where e.rowid in (select row_no from matched order by registered_at desc, event_key limit $n_rows offset $offset)
)
-- then: item_rows
