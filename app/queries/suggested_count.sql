-- How many of these items have an issue that was only suggested, their source having given no category?
select coalesce(sum(w.n_suggested), 0)::bigint as n_suggested
from weekly_counts as w
where
    w.week_start_on between $from_on::date and $to_on::date
    and ($source::varchar is null or w.source = $source)
    and ($county::varchar is null or w.county_code = $county)
    and ($town::varchar is null or w.town_code = $town)
    and ($community::varchar is null or w.community_code = $community)
    and ($issue::varchar is null or w.issue_code = $issue)
    and ($group::varchar is null or w.issue_code in (select issue_code from issue where group_code = $group))
