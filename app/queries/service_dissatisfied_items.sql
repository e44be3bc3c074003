-- Which items are behind service_dissatisfied? Redacted; those of the newest days first; one page of $n_rows from $offset, with
-- n_listed of all pages. Items that are counted only are not listed.
with matched as (
    select event_key, registered_on
    from item_fact
    where
        rated_on between $first_day::date and $last_day::date
        and is_rated
        and is_dissatisfied
        and not is_counted_only
        and ($county::varchar is null or county_code = $county)
        and ($unit::varchar is null or unit_name = $unit)
),
-- Key and day: the day tells where in the table the key stands.
page as (
    select e.*, (select count(*) from matched) as n_listed
    from event as e
    inner join (select * from matched order by registered_on desc, event_key limit $n_rows offset $offset) as m
        on m.event_key = e.event_key and m.registered_on = e.registered_on
)
-- then: item_rows
