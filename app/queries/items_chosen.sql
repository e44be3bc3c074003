-- The items that a choice of period, issue, source, place, unit, source category and word lists: `chosen`, with their place in
-- the order of the list. What is counted only (检举控告, 涉法涉诉, 保密) is not listed. Not a question of its own: others begin with it
-- (`-- then: items_chosen`).
with chosen as (
    select rowid as row_no, registered_at, event_key
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
        and ($unit::varchar is null or unit_name = $unit)
        and ($category::varchar is null or source || '·' || coalesce(category_raw, '未填') = $category)
        and ($word::varchar is null or contains(concat_ws(' ', title, text), $word))
)
