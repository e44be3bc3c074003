-- How many items have the places that have any, now and in the equally long period before?
-- Only those inside $county and $town (null = all).
with chosen as (
    select county_code, town_code, community_code, n_events, week_start_on >= $from_on::date as is_now
    from weekly_counts
    where
        week_start_on >= $before_on::date
        and week_start_on <= $to_on::date
        and ($source::varchar is null or source = $source)
        and ($issue::varchar is null or issue_code = $issue)
        and ($group::varchar is null or issue_code in (select issue_code from issue where group_code = $group))
        and ($county::varchar is null or county_code = $county)
        and ($town::varchar is null or town_code = $town)
)
select
    coalesce(county_code, town_code, community_code) as place_code,
    sum(n_events) filter (where is_now)::bigint as n_events,
    sum(n_events) filter (where not is_now)::bigint as n_events_before
from chosen
group by grouping sets ((county_code), (town_code), (community_code))
having coalesce(county_code, town_code, community_code) is not null
