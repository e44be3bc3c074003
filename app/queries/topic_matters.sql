-- Which matters (同一事项) do the items of a topic, an issue or of all belong to, and how many of these came for the first time?
-- then: topic_chosen
select
    m.matter_id,
    any_value(m.title) as title,
    any_value(m.issue_code) as issue_code,
    any_value(s.issue_name) as issue_name,
    any_value(m.place_level) as place_level,
    any_value(p.place_name) as place_name,
    any_value(p.county_name) as county_name,
    min(m.first_on) as first_on,
    count(*)::bigint as n_events,
    (count(*) filter (where coalesce(i.is_first, not i.is_repeat)))::bigint as n_first,
    count(coalesce(i.is_first, not i.is_repeat))::bigint as n_first_known
from item as i
inner join event_matter as x on x.event_key = i.event_key
inner join matter as m on m.matter_id = x.matter_id
left join place as p on p.place_code = m.place_code
left join issue as s on s.issue_code = m.issue_code
group by m.matter_id
order by n_first desc, n_events desc, m.matter_id
limit $n_rows
