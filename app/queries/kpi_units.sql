-- What does one indicator come to for each unit, in the periods from $from_on to $to_on? unit_name null: 未写明.
select
    c.unit_name,
    sum(p.numerator)::bigint as numerator,
    sum(p.denominator)::bigint as denominator,
    sum(p.n_excluded)::bigint as n_excluded,
    sum(p.n_unknown)::bigint as n_unknown
from kpi_period as p
inner join kpi_cell as c on c.cell_id = p.cell_id
where
    p.kpi_id = $kpi
    and p.variant = $variant
    and p.period_kind = $kind
    and p.period_start_on between $from_on::date and $to_on::date
    and ($county::varchar is null or c.county_code = $county)
    and ($group::varchar is null or c.issue_group = $group)
group by c.unit_name
order by c.unit_name nulls last
