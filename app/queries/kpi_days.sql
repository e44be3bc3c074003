-- How many days did the items of an indicator of days take, $first_day to $last_day? Mean, median and P90 are exact.
-- P90: nine items in ten took no longer.
with counted as (
    select d.n_days, sum(d.n_events) as n
    from kpi_days as d
    inner join kpi_cell as c on c.cell_id = d.cell_id
    where
        d.kpi_id = $kpi
        and d.variant = $variant
        and d.cohort_on between $first_day::date and $last_day::date
        and ($county::varchar is null or c.county_code = $county)
        and ($unit::varchar is null or c.unit_name = $unit)
        and ($group::varchar is null or c.issue_group = $group)
    group by d.n_days
),
summed as (
    select n_days, n, sum(n) over (order by n_days) as n_up_to, sum(n) over () as n_all
    from counted
)
select
    coalesce(max(n_all), 0)::bigint as n_events,
    sum(n * n_days) / max(n_all) as mean,
    sqrt(greatest(sum(n * n_days * n_days) / max(n_all) - (sum(n * n_days) / max(n_all)) ** 2, 0)) as sd,
    min(n_days) filter (where n_up_to * 2 >= n_all) as median,
    min(n_days) filter (where n_up_to * 10 >= n_all * 9) as p90
from summed
