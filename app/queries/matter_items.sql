-- Which items raise the matter $matter, up to $week? Redacted; newest first; one page of $n_rows from $offset, with n_listed
-- of all pages. Items that are counted only (检举控告, 涉法涉诉, 保密) are not listed.
with page as (
    select e.*, count(*) over () as n_listed
    from event as e
    inner join event_matter as m on m.event_key = e.event_key
    where m.matter_id = $matter and e.registered_on <= $week::date + 6 and not e.is_counted_only
    order by e.registered_at desc, e.event_key
    limit $n_rows offset $offset
)
select
    page.event_key, page.source, page.channel, page.registered_on, page.closed_at::date as closed_on,
    page.due_at::date as due_on, page.due_rule, page.rule_id, page.due_start_on, page.rule_due_at::date as rule_due_on,
    d.is_estimated, page.status, page.is_overdue, page.is_repeat, page.is_group,
    concat_ws(' ', c.place_name, t.place_name, m.place_name) as place_name,
    page.unit_name, page.category_raw, page.title, page.text, page.n_listed
from page
left join place as c on c.place_code = page.county_code
left join place as t on t.place_code = page.town_code
left join place as m on m.place_code = page.community_code
left join deadline_day as d on d.rule_id = page.rule_id and d.start_on = page.due_start_on
order by page.registered_at desc, page.event_key
