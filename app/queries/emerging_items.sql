-- The redacted items with these keys ($keys, comma-separated), newest first; none that is counted only.
select
    e.event_key, e.source, e.channel, e.registered_on, e.closed_at::date as closed_on, e.due_at::date as due_on, e.due_rule,
    e.rule_id, e.due_start_on, e.rule_due_at::date as rule_due_on, d.is_estimated, e.status, e.is_overdue, e.is_repeat,
    e.is_group, concat_ws(' ', c.place_name, t.place_name, m.place_name) as place_name, e.unit_name, e.category_raw,
    e.title, e.text
from event as e
left join place as c on c.place_code = e.county_code
left join place as t on t.place_code = e.town_code
left join place as m on m.place_code = e.community_code
left join deadline_day as d on d.rule_id = e.rule_id and d.start_on = e.due_start_on
where not e.is_counted_only and e.event_key in (select unnest(string_split($keys, ',')))
order by e.registered_at desc, e.event_key
