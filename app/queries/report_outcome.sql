-- How many items does weekly_outcome say were due in $week, and how many of them late?
select coalesce(sum(n_due), 0)::bigint as n_due, coalesce(sum(n_overdue), 0)::bigint as n_overdue
from weekly_outcome
where
    week_start_on = $week::date
    and ($county::varchar is null or county_code = $county)
    and ($town::varchar is null or town_code = $town)
