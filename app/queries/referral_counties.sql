-- 导入率 by county: items registered in the period that suit mediation, and those led in.
select
    p.place_code as county_code,
    p.place_name as county_name,
    coalesce(sum(f.n_suited), 0)::bigint as n_suited,
    coalesce(sum(f.n_referred), 0)::bigint as n_referred
from place as p
left join referral_funnel as f
    on
        f.county_code = p.place_code
        and f.week_start_on between $from_on::date and $to_on::date
        and ($dispute::varchar is null or f.dispute_code = $dispute)
where p.place_level = 'county' and not p.is_provisional
group by all
order by p.place_code
