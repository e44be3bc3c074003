-- After the mediations that succeeded and ended by $last_on: the same issue in the same community, 90 days before and after.
-- Only those whose 90 days are over; of the two years before $last_on, so that most issues have enough.
select
    r.issue_code,
    i.issue_name,
    count(*)::bigint as n_mediated,
    count(*) filter (r.n_after_30 > 0)::bigint as n_again_30,
    count(*) filter (r.n_before_90 > 0)::bigint as n_before,
    count(*) filter (r.n_after_90 > 0)::bigint as n_again,
    sum(r.n_before_90)::bigint as n_items_before,
    sum(r.n_after_90)::bigint as n_items_after
from mediation_recurrence as r
inner join issue as i on i.issue_code = r.issue_code
where
    r.n_after_90 is not null
    and r.ended_on between $last_on::date - 730 and $last_on::date
    and ($county::varchar is null or r.county_code = $county)
    and ($dispute::varchar is null or r.dispute_code = $dispute)
group by r.issue_code, i.issue_name
order by n_mediated desc, r.issue_code
