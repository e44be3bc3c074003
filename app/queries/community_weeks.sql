-- How many items a week in this community, for this choice?
select week_start_on as period_start_on, sum(n_events)::bigint as n_events
from weekly_counts
where
    community_code = $community
    and week_start_on between $since_on::date and $to_on::date
    and ($source::varchar is null or source = $source)
    and ($issue::varchar is null or issue_code = $issue)
    and ($group::varchar is null or issue_code in (select issue_code from issue where group_code = $group))
group by 1
order by 1
