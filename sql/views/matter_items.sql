-- Which items registered from $first to $last can belong to a matter? All with a text that are not counted only, in the order
-- in which they are looked at.
select
    e.event_key, e.registered_on, date_trunc('week', e.registered_on)::date as week_start_on,
    e.county_code, e.town_code, e.community_code, e.issue_code, i.group_code, e.title, e.text
from event as e
left join issue as i on i.issue_code = e.issue_code
where e.registered_on between $first and $last and e.text is not null and not e.is_counted_only
order by e.registered_on, e.text, e.title nulls last, e.event_key
