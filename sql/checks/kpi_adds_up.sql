-- 指标的分子不超过分母、周之和等于月之和、天数分布与合计一致、登记件一件不少
select kpi_id, variant, 'numerator' as what, sum(numerator) as n_found, sum(denominator) as n_expected
from kpi_period inner join kpi using (kpi_id, variant)
where kpi_unit = 'share' and (numerator > denominator or numerator < 0)
group by kpi_id, variant
union all
select kpi_id, variant, 'weeks', sum(case period_kind when 'week' then n end), sum(case period_kind when 'month' then n end)
from (
    select kpi_id, variant, period_kind, numerator + coalesce(denominator, 0) + n_excluded + n_unknown as n from kpi_period
)
group by kpi_id, variant
having sum(case period_kind when 'week' then n else -n end) <> 0
union all
select d.kpi_id, d.variant, 'days', d.n, p.n
from (select kpi_id, variant, sum(n_events * (1 + n_days)) as n from kpi_days group by kpi_id, variant) as d
full join (
    select kpi_id, variant, sum(numerator + denominator) as n
    from kpi_period inner join kpi using (kpi_id, variant)
    where kpi_unit = 'days' and period_kind = 'month'
    group by kpi_id, variant
) as p on p.kpi_id = d.kpi_id and p.variant = d.variant
where coalesce(d.n, 0) <> coalesce(p.n, 0)
union all
-- An indicator that means all items registered in a source accounts for each of them once.
select k.kpi_id, k.variant, 'items', k.n, f.n
from (
    select kpi_id, variant, any_value(kpi_source) as kpi_source, sum(coalesce(denominator, numerator) + n_excluded + n_unknown) as n
    from kpi_period inner join kpi using (kpi_id, variant)
    where
        cohort = 'registered'
        and kpi_filter is null
        and 'all' in (denominator_rule, case when kpi_unit = 'count' then numerator_rule end)
        and period_kind = 'month'
    group by kpi_id, variant
) as k
inner join (
    select source, count(*) as n from item_fact group by source
    union all
    select 'all', count(*) from item_fact
) as f on f.source = k.kpi_source
where k.n <> f.n
