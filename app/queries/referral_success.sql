-- Of the mediations that ended by a result in the period, how many succeeded, by type of dispute? Withdrawn ones and those
-- not taken have no result.
select
    t.dispute_code,
    t.dispute_name,
    count(*) filter (r.referral_outcome = 'succeeded')::bigint as n_settled,
    count(*) filter (r.referral_outcome in ('failed', 'terminated'))::bigint as n_unsettled
from referral as r
inner join dispute_type as t on t.dispute_code = r.dispute_code
where
    r.source = 'mediation'
    and r.referral_outcome in ('succeeded', 'failed', 'terminated')
    and r.ended_on between $from_on::date and $last_on::date
    and ($county::varchar is null or r.county_code = $county)
    and ($dispute::varchar is null or r.dispute_code = $dispute)
group by t.dispute_code, t.dispute_name
order by t.dispute_code
