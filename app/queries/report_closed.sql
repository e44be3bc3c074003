-- How many items were closed in a period, after how many days, and how were they rated? One row a unit, and one of all.
-- A rated item without a time of closing counts on the day it was registered (as in weekly_outcome). Days: calendar days
-- from registration to closing; days_quantiles: median and 90 % quantile.
with counted as (
    select unit_name, closed_at, handling_days, satisfaction, coalesce(closed_at, registered_at) as counted_at
    from event
    where
        registered_at < $to_on::date + 1
        and (closed_at >= $year_ago_from::date or (closed_at is null and satisfaction is not null))
        and ($county::varchar is null or county_code = $county)
        and ($town::varchar is null or town_code = $town)
),
chosen as (
    select
        *,
        counted_at >= $from_on::date and counted_at < $to_on::date + 1 as is_now,
        counted_at >= $before_from::date and counted_at < $before_to::date + 1 as is_before,
        counted_at >= $year_ago_from::date and counted_at < $year_ago_to::date + 1 as is_year_ago
    from counted
)

select
    grouping(unit_name) = 1 as is_all,
    unit_name,
    count(closed_at) filter (where is_now)::bigint as n_closed,
    count(closed_at) filter (where is_before)::bigint as n_closed_before,
    count(closed_at) filter (where is_year_ago)::bigint as n_closed_year_ago,
    round(favg(handling_days) filter (where is_now), 4) as days_mean,
    round(favg(handling_days) filter (where is_before), 4) as days_mean_before,
    quantile_cont(handling_days, [0.5, 0.9]) filter (where is_now) as days_quantiles,
    quantile_cont(handling_days, [0.5, 0.9]) filter (where is_before) as days_quantiles_before,
    count(satisfaction) filter (where is_now)::bigint as n_rated,
    count(satisfaction) filter (where is_before)::bigint as n_rated_before,
    count(*) filter (where is_now and satisfaction in ('satisfied', 'fairly_satisfied'))::bigint as n_satisfied,
    count(*) filter (where is_before and satisfaction in ('satisfied', 'fairly_satisfied'))::bigint as n_satisfied_before
from chosen
where is_now or is_before or is_year_ago
group by grouping sets ((), (unit_name))
order by is_all desc, unit_name
