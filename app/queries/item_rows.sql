-- The columns of listed items, from `page` (rows of event and n_listed). The end of the queries that say `-- then: item_rows`.
select
    page.event_key, page.source, page.channel, page.registered_at, page.registered_on, page.closed_at::date as closed_on,
    page.due_at::date as due_on, page.due_rule, page.rule_id, page.due_start_on, page.rule_due_at::date as rule_due_on,
    d.is_estimated, page.status, page.is_overdue, page.is_repeat, page.is_group,
    concat_ws(' ', c.place_name, t.place_name, m.place_name) as place_name,
    page.unit_name, page.category_raw, s.issue_name as suggested_name, page.issue_confidence, page.title, page.text, page.n_listed
from page
left join issue as s on s.issue_code = page.issue_code and page.issue_basis = 'suggested'
left join place as c on c.place_code = page.county_code
left join place as t on t.place_code = page.town_code
left join place as m on m.place_code = page.community_code
left join deadline_day as d on d.rule_id = page.rule_id and d.start_on = page.due_start_on
order by page.registered_at desc, page.event_key
