-- Which items are behind this figure? Redacted; newest first; one page of $n_rows from $offset. Items that are counted
-- only (检举控告, 涉法涉诉, 保密) are not listed.
with page as (
    select
        event_key, source, channel, registered_at, registered_on, closed_at, due_at, due_rule, rule_id, due_start_on,
        rule_due_at, status, is_overdue, is_repeat, is_group, county_code, town_code, community_code, unit_name, category_raw, title, text
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
select
    page.event_key, page.source, page.channel, page.registered_on, page.closed_at::date as closed_on,
    page.due_at::date as due_on, page.due_rule, page.rule_id, page.due_start_on, page.rule_due_at::date as rule_due_on,
    d.is_estimated, page.status, page.is_overdue, page.is_repeat, page.is_group,
    concat_ws(' ', c.place_name, t.place_name, m.place_name) as place_name,
    page.unit_name, page.category_raw, page.title, page.text
from page
left join place as c on c.place_code = page.county_code
left join place as t on t.place_code = page.town_code
left join place as m on m.place_code = page.community_code
left join deadline_day as d on d.rule_id = page.rule_id and d.start_on = page.due_start_on
order by page.registered_at desc, page.event_key
