-- Which issues stood above their upper bound in $week, city-wide? The largest excess first.
select
    d.issue_code,
    i.issue_name,
    i.group_name,
    d.observed,
    d.expected,
    d.upper_bound,
    d.observed - d.expected as excess,
    d.status,
    coalesce(b.observed, 0)::bigint as observed_before
from weekly_detection as d
inner join issue as i on i.issue_code = d.issue_code
left join weekly_detection as b
    on
        b.week_start_on = $week::date - 7
        and b.place_level = 'city'
        and b.issue_code = d.issue_code
where
    d.week_start_on = $week::date
    and d.place_level = 'city'
    and d.status <> 'not_assessed'
    and d.observed > d.upper_bound
    and d.observed >= $min_observed
order by excess desc, d.issue_code
limit $n_rows
