-- Which items are behind service_dissatisfied? Redacted; newest first; one page of $n_rows from $offset, with n_listed of all
-- pages. Items that are counted only are not listed.
with page as (
    select e.*, count(*) over () as n_listed
    from event as e
    inner join item_fact as f on f.event_key = e.event_key
    where
        f.rated_on between $first_day::date and $last_day::date
        and f.is_rated
        and f.is_dissatisfied
        and not e.is_counted_only
        and ($county::varchar is null or e.county_code = $county)
        and ($unit::varchar is null or e.unit_name = $unit)
    order by e.registered_at desc, e.event_key
    limit $n_rows offset $offset
)
-- then: item_rows
