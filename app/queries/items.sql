-- Which items are behind this figure? Redacted; newest first; one page of $n_rows from $offset. Items that are counted
-- only (检举控告, 涉法涉诉, 保密) are not listed.
with page as (
    select
        event_key, source, channel, registered_at, registered_on, closed_at, due_at, due_rule, rule_id, due_start_on,
        rule_due_at, status, is_overdue, is_repeat, is_group, county_code, town_code, community_code, unit_name, category_raw, title, text,
        null::bigint as n_listed
    from event
    where
        not is_counted_only
        and registered_at >= $from_on::date
        and registered_at < $to_on::date + 7
        and ($issue::varchar is null or issue_code = $issue)
        and ($group::varchar is null or issue_code in (select issue_code from issue where group_code = $group))
        and ($source::varchar is null or source = $source)
        and ($county::varchar is null or county_code = $county)
        and ($town::varchar is null or town_code = $town)
        and ($community::varchar is null or community_code = $community)
    order by registered_at desc, event_key
    limit $n_rows offset $offset
)
-- then: item_rows
