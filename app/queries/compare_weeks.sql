-- How many items of each issue has one side of a comparison in each week from $first_on to $to_on? Those with any.
-- A side is the whole city, a county or a town, without $not_county or $not_town where it contains the other side; items
-- that do not say where are then in neither.
select week_start_on, issue_code, sum(n_events)::bigint as n_events
from weekly_counts
where
    week_start_on between $first_on::date and $to_on::date
    and ($source::varchar is null or source = $source)
    and ($issue::varchar is null or issue_code = $issue)
    and ($group::varchar is null or issue_code in (select issue_code from issue where group_code = $group))
    and ($county::varchar is null or county_code = $county)
    and ($town::varchar is null or town_code = $town)
    and ($not_county::varchar is null or county_code <> $not_county)
    and ($not_town::varchar is null or town_code <> $not_town)
group by week_start_on, issue_code
order by week_start_on, issue_code
