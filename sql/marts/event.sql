-- Items registered up to the as-of day, with our place and issue codes, ready for drilling.
-- grain: event_key
-- inputs: core.event, resolved_place, resolved_category, build_parameter
select
    lower(printf('%016x', e.event_id)) as event_key,
    e.source,
    e.channel,
    e.purpose,
    e.registered_at,
    cast(e.registered_at as date) as registered_on,
    cast(coalesce(e.occurred_at, e.registered_at) as date) as occurred_on,
    case when e.closed_at < p.as_of_end then e.closed_at end as closed_at,
    e.due_at,
    case
        when e.closed_at < p.as_of_end
            then (epoch(e.closed_at) - epoch(e.registered_at)) / 86400.0
    end as handling_days,
    case when e.status = 'closed' and e.closed_at >= p.as_of_end then 'in_progress' else e.status end as status,
    case
        when e.due_at is null then null
        when e.closed_at < p.as_of_end then e.closed_at > e.due_at
        when e.status in ('closed', 'declined') and e.closed_at is null then null
        else e.due_at < p.as_of_end
    end as is_overdue,
    e.is_repeat,
    e.is_group,
    e.satisfaction,
    e.persons,
    e.unit_name,
    r.county_code,
    r.town_code,
    r.community_code,
    c.issue_code,
    e.category_raw,
    e.title,
    e.text
from core.event as e
inner join resolved_place as r
    on
        r.county_name is not distinct from e.county_name
        and r.town_name is not distinct from e.town_name
        and r.community_name is not distinct from e.community_name
inner join resolved_category as c
    on c.source = e.source and c.category_raw is not distinct from e.category_raw
cross join build_parameter as p
where e.registered_at < p.as_of_end
order by e.registered_at, e.event_id
