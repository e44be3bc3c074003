-- Days of each stage by institution, of the cases that ended in the period: exact median and 90th percentile.
-- $source: mediation | litigation. Cases whose dates run backwards have no days.
select
    institution_name,
    count(*)::bigint as n_cases,
    count(total_days)::bigint as n_timed,
    quantile_cont(accept_days, 0.5) as accept_median,
    quantile_cont(start_days, 0.5) as start_median,
    quantile_cont(handle_days, 0.5) as handle_median,
    quantile_cont(total_days, 0.5) as total_median,
    quantile_cont(total_days, 0.9) as total_p90
from referral
where
    source = $source
    and ended_on between $from_on::date and $last_on::date
    and ($county::varchar is null or county_code = $county)
    and ($dispute::varchar is null or dispute_code = $dispute)
group by grouping sets ((), (institution_name))
having grouping(institution_name) = 1 or institution_name is not null
order by grouping(institution_name) desc, n_cases desc, institution_name
