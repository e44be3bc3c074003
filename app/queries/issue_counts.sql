-- Which issues are the most frequent, now, in the period before and a year ago? One row an issue.
with counted as (
    select
        issue_code,
        sum(n_events) filter (where week_start_on >= $from_on::date) as n_events,
        sum(n_events) filter (where week_start_on >= $before_on::date and week_start_on < $from_on::date) as n_events_before,
        sum(n_events) filter (
            where week_start_on between $from_on::date - 364 and $to_on::date - 364
        ) as n_events_year_ago
    from weekly_counts
    where
        (
            week_start_on between $before_on::date and $to_on::date
            or week_start_on between $from_on::date - 364 and $to_on::date - 364
        )
        and ($source::varchar is null or source = $source)
        and ($county::varchar is null or county_code = $county)
        and ($town::varchar is null or town_code = $town)
        and ($community::varchar is null or community_code = $community)
    group by issue_code
)
select
    i.issue_code,
    i.issue_name,
    i.group_code,
    i.group_name,
    i.role_name,
    i.is_provisional,
    c.n_events::bigint as n_events,
    coalesce(c.n_events_before, 0)::bigint as n_events_before,
    coalesce(c.n_events_year_ago, 0)::bigint as n_events_year_ago
from counted as c
inner join issue as i on i.issue_code = c.issue_code
where
    c.n_events > 0
    and ($group::varchar is null or i.group_code = $group)
    and ($issue::varchar is null or i.issue_code = $issue)
order by n_events desc, i.issue_code
