-- Cases by month up to $last_on: led in, ended with a result, settled; filed at court.
select
    month_start_on,
    coalesce(sum(n_applied) filter (source = 'mediation'), 0)::bigint as n_applied,
    coalesce(sum(n_settled) filter (source = 'mediation'), 0)::bigint as n_settled,
    coalesce(sum(n_applied) filter (source = 'litigation'), 0)::bigint as n_in_court
from referral_month
where
    month_start_on <= $last_on::date
    and ($county::varchar is null or county_code = $county)
    and ($dispute::varchar is null or dispute_code = $dispute)
group by month_start_on
order by month_start_on
