-- How many items lie in this place, now and in the equally long period before, wherever in it?
select
    coalesce(sum(n_events) filter (where week_start_on >= $from_on::date), 0)::bigint as n_events,
    coalesce(sum(n_events) filter (where week_start_on < $from_on::date), 0)::bigint as n_events_before
from weekly_counts
where
    week_start_on >= $before_on::date
    and week_start_on <= $to_on::date
    and ($source::varchar is null or source = $source)
    and ($issue::varchar is null or issue_code = $issue)
    and ($group::varchar is null or issue_code in (select issue_code from issue where group_code = $group))
    and ($county::varchar is null or county_code = $county)
    and ($town::varchar is null or town_code = $town)
