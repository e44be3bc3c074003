-- What do all indicators come to in the periods from $from_on to $to_on ($kind week or month), at a place, unit, group?
select
    k.kpi_id,
    k.variant,
    coalesce(sum(p.numerator), 0)::bigint as numerator,
    sum(p.denominator)::bigint as denominator,
    coalesce(sum(p.n_excluded), 0)::bigint as n_excluded,
    coalesce(sum(p.n_unknown), 0)::bigint as n_unknown
from kpi as k
left join (
    select p.*
    from kpi_period as p
    inner join kpi_cell as c on c.cell_id = p.cell_id
    where
        p.period_kind = $kind
        and p.period_start_on between $from_on::date and $to_on::date
        and ($county::varchar is null or c.county_code = $county)
        and ($unit::varchar is null or c.unit_name = $unit)
        and ($group::varchar is null or c.issue_group = $group)
) as p on p.kpi_id = k.kpi_id and p.variant = k.variant
group by k.kpi_order, k.kpi_id, k.variant
order by k.kpi_order
