-- How many items of each issue were registered in each week, from $source and inside the place (null = all)?
select issue_code, week_start_on, sum(n_events)::integer as n_events
from weekly_counts
where
    ($source::varchar is null or source = $source)
    and ($county::varchar is null or county_code = $county)
    and ($town::varchar is null or town_code = $town)
    and ($community::varchar is null or community_code = $community)
group by issue_code, week_start_on
