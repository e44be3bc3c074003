-- Which groups of issues make one indicator what it is, in the periods from $from_on to $to_on, for a place or unit?
select
    c.issue_group,
    any_value(g.group_name) as group_name,
    sum(p.numerator)::bigint as numerator,
    sum(p.denominator)::bigint as denominator,
    sum(p.n_excluded)::bigint as n_excluded,
    sum(p.n_unknown)::bigint as n_unknown
from kpi_period as p
inner join kpi_cell as c on c.cell_id = p.cell_id
left join (select group_code, min(group_name) as group_name from issue group by group_code) as g
    on g.group_code = c.issue_group
where
    p.kpi_id = $kpi
    and p.variant = $variant
    and p.period_kind = $kind
    and p.period_start_on between $from_on::date and $to_on::date
    and ($county::varchar is null or c.county_code = $county)
    and ($unit::varchar is null or c.unit_name = $unit)
group by c.issue_group
order by c.issue_group
