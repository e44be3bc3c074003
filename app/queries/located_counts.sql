-- How many items lie in this place, and how many of them name no county, no town, no community?
select
    coalesce(sum(n_events), 0)::bigint as n_events,
    coalesce(sum(n_events) filter (where county_code is null), 0)::bigint as n_without_county,
    coalesce(sum(n_events) filter (where town_code is null), 0)::bigint as n_without_town,
    coalesce(sum(n_events) filter (where community_code is null), 0)::bigint as n_without_community
from weekly_counts
where
    week_start_on >= $from_on::date
    and week_start_on <= $to_on::date
    and ($source::varchar is null or source = $source)
    and ($issue::varchar is null or issue_code = $issue)
    and ($group::varchar is null or issue_code in (select issue_code from issue where group_code = $group))
    and ($county::varchar is null or county_code = $county)
    and ($town::varchar is null or town_code = $town)
