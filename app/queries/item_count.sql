-- How many items can be listed behind this figure? Those that are counted only are not.
select count(*)::bigint as n_events
from event as e
where
    not e.is_counted_only
    and e.registered_at >= $from_on::date
    and e.registered_at < $to_on::date + 7
    and ($issue::varchar is null or e.issue_code = $issue)
    and ($group::varchar is null or e.issue_code in (select issue_code from issue where group_code = $group))
    and ($source::varchar is null or e.source = $source)
    and ($county::varchar is null or e.county_code = $county)
    and ($town::varchar is null or e.town_code = $town)
    and ($community::varchar is null or e.community_code = $community)
