-- Of the items registered from $from_on to $to_on in this choice: how many in all, with a day of occurrence, closed?
select
    coalesce(sum(n_events), 0)::bigint as n_events,
    coalesce(sum(n_occurred_known), 0)::bigint as n_occurred_known,
    coalesce(sum(n_closed), 0)::bigint as n_closed
from dated_counts
where
    date_basis = 'registered'
    and day_on between $from_on::date and $to_on::date
    and ($source::varchar is null or source = $source)
    and ($county::varchar is null or county_code = $county)
    and ($town::varchar is null or town_code = $town)
    and ($issue::varchar is null or issue_code = $issue)
    and ($group::varchar is null or issue_code in (select issue_code from issue where group_code = $group))
