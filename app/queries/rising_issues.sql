-- Which issues stood above their upper bound at $place in the weeks from $since to $week? The largest excess first.
-- $place: the city, a county or a town; figures are summed over the weeks above the bound; observed_before is that of
-- the one week before, null where more than one week is asked for.
with judged as (
    select
        issue_code,
        sum(observed)::bigint as observed,
        round(sum(expected), 6) as expected,
        round(sum(upper_bound), 6) as upper_bound,
        round(sum(observed - expected), 6) as excess,
        max(status) as status,
        count(*)::bigint as n_weeks
    from weekly_detection
    where
        week_start_on between $since::date and $week::date
        and place_code = $place
        and status <> 'not_assessed'
        and observed > upper_bound
        and observed >= $min_observed
    group by issue_code
)

select
    d.issue_code,
    i.issue_name,
    i.group_name,
    d.observed,
    d.expected,
    d.upper_bound,
    d.excess,
    d.status,
    case when $since::date = $week::date then coalesce(b.observed, 0)::bigint end as observed_before,
    d.n_weeks
from judged as d
inner join issue as i on i.issue_code = d.issue_code
left join weekly_detection as b
    on
        b.week_start_on = $since::date - 7
        and b.place_code = $place
        and b.issue_code = d.issue_code
order by d.excess desc, d.issue_code
limit $n_rows
