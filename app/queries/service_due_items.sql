-- Which items are due soon ($standing 'due') or overdue ('overdue'), as in service_due? Redacted; the longest due first; one page of
-- $n_rows from $offset, with n_listed of all pages. Items that are counted only are not listed.
with matched as (
    select rowid as row_no, due_at, event_key
    from event
    where
        not is_counted_only
        and closed_at is null
        and is_overdue is not null
        and status not in ('closed', 'declined')
        and due_at < case when $standing = 'overdue' then $day::date else $through::date + 1 end
        and ($standing = 'overdue' or due_at >= $day::date)
        and ($county::varchar is null or county_code = $county)
        and ($unit::varchar is null or unit_name = $unit)
),
-- The texts of the page alone are read, not those of all matches.
page as (
    select e.*, (select count(*) from matched) as n_listed
    from event as e
    where e.rowid in (select row_no from matched order by due_at, event_key limit $n_rows offset $offset)
)
-- then: item_rows
