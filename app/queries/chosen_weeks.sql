-- How many items a week, for this choice of source, place and issue?
select week_start_on as period_start_on, sum(n_events)::bigint as n_events
from weekly_counts
where
    week_start_on between $since_on::date and $to_on::date
    and ($source::varchar is null or source = $source)
    and ($county::varchar is null or county_code = $county)
    and ($town::varchar is null or town_code = $town)
    and ($community::varchar is null or community_code = $community)
    and ($issue::varchar is null or issue_code = $issue)
    and ($group::varchar is null or issue_code in (select issue_code from issue where group_code = $group))
group by 1
order by 1
