-- The same for each unit, $first_day to $last_day. unit_name null: 未写明. denominator = the items.
with counted as (
    select c.unit_name, d.n_days, sum(d.n_events) as n
    from kpi_days as d
    inner join kpi_cell as c on c.cell_id = d.cell_id
    where
        d.kpi_id = $kpi
        and d.variant = $variant
        and d.cohort_on between $first_day::date and $last_day::date
        and ($county::varchar is null or c.county_code = $county)
        and ($group::varchar is null or c.issue_group = $group)
    group by c.unit_name, d.n_days
),
summed as (
    select
        unit_name,
        n_days,
        n,
        sum(n) over (partition by unit_name order by n_days) as n_up_to,
        sum(n) over (partition by unit_name) as n_all
    from counted
)
select
    unit_name,
    sum(n * n_days)::bigint as numerator,
    max(n_all)::bigint as denominator,
    sum(n * n_days) / max(n_all) as mean,
    sqrt(greatest(sum(n * n_days * n_days) / max(n_all) - (sum(n * n_days) / max(n_all)) ** 2, 0)) as sd,
    min(n_days) filter (where n_up_to * 2 >= n_all) as median,
    min(n_days) filter (where n_up_to * 10 >= n_all * 9) as p90
from summed
group by unit_name
order by unit_name nulls last
