-- Of the items registered in the period that suit mediation: how many took each step? In $county, of $dispute (null = all).
select
    coalesce(sum(n_suited), 0)::bigint as n_suited,
    coalesce(sum(n_referred), 0)::bigint as n_referred,
    coalesce(sum(n_taken), 0)::bigint as n_taken,
    coalesce(sum(n_settled), 0)::bigint as n_settled,
    coalesce(sum(n_confirmed), 0)::bigint as n_confirmed,
    coalesce(sum(n_in_court), 0)::bigint as n_in_court,
    coalesce(sum(n_court_ended), 0)::bigint as n_court_ended
from referral_funnel
where
    week_start_on between $from_on::date and $to_on::date
    and ($county::varchar is null or county_code = $county)
    and ($dispute::varchar is null or dispute_code = $dispute)
