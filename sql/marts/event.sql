-- Items registered up to the as-of day, with our place and issue codes, ready for drilling.
-- grain: event_key
-- inputs: known_event, known_co_unit, known_batch, resolved_place, resolved_position, resolved_category, known_suggestion, build_parameter, deadline_kind, kind_rule, deadline_day, outcome_batch
-- refresh: items
-- turns: known_event registered_at, known_event accepted_at, known_event closed_at, event due_at
select
    lower(printf('%016x', e.event_id)) as event_key,
    e.source,
    e.channel,
    e.purpose,
    e.registered_at,
    cast(e.registered_at as date) as registered_on,
    cast(e.occurred_at as date) as occurred_on,
    case when e.closed_at < p.as_of_end then e.closed_at end as closed_at,
    coalesce(e.due_at, d.rule_due_at) as due_at,
    case when e.due_at is not null then 'source' else d.rule_id end as due_rule,
    q.rule_id,
    d.start_on as due_start_on,
    d.rule_due_at,
    case
        when e.closed_at < p.as_of_end
            then (epoch(e.closed_at) - epoch(e.registered_at)) / 86400.0
    end as handling_days,
    case when e.status = 'closed' and e.closed_at >= p.as_of_end then 'in_progress' else e.status end as status,
    case
        when coalesce(e.due_at, case when o.batch_id is not null then d.rule_due_at end) is null then null
        when e.closed_at < p.as_of_end then e.closed_at > coalesce(e.due_at, d.rule_due_at)
        when e.status in ('closed', 'declined') and e.closed_at is null then null
        else coalesce(e.due_at, d.rule_due_at) < p.as_of_end
    end as is_overdue,
    e.is_repeat,
    e.is_group,
    e.satisfaction,
    e.persons,
    case when not (e.is_private or c.is_counted_only) then e.unit_name end as unit_name,
    case when not (e.is_private or c.is_counted_only) then coalesce(co.names, e.unit_co_name) end as unit_co_name,
    coalesce(r.county_code, g.county_code) as county_code,
    coalesce(r.town_code, g.town_code) as town_code,
    coalesce(r.community_code, g.community_code) as community_code,
    case when g.county_code is not null then 'from_point' else r.how end as place_how,
    case when cell.position_kind = 'cell' then e.lon end as lon,
    case when cell.position_kind = 'cell' then e.lat end as lat,
    coalesce(cell.position_kind, 'none') as position_kind,
    coalesce(e.suggested_code, c.issue_code) as issue_code,
    case when e.suggested_code is null then 'source' else 'suggested' end as issue_basis,
    e.probability as issue_confidence,
    e.category_raw,
    case when not (e.is_private or c.is_counted_only) then e.title end as title,
    case when not (e.is_private or c.is_counted_only) then e.text end as text,
    e.is_private or c.is_counted_only as is_counted_only
-- Private: the source says 保密, the purpose (perhaps corrected since) is an accusation, or the suggested issue is counted only.
from (
    select
        k.*,
        s.issue_code as suggested_code,
        s.probability,
        coalesce(k.is_confidential, false)
        or coalesce(k.purpose like '%检举%' or k.purpose like '%揭发%' or k.purpose like '%控告%', false)
        or coalesce(s.is_counted_only, false) as is_private
    from known_event as k
    left join known_suggestion as s on s.event_id = k.event_id
) as e
inner join resolved_place as r
    on
        r.county_name is not distinct from e.county_name
        and r.town_name is not distinct from e.town_name
        and r.community_name is not distinct from e.community_name
left join known_batch as b on b.batch_id = e.batch_id
left join resolved_position as cell
    on cell.source = e.source and cell.layout = b.layout and cell.lon = e.lon and cell.lat = e.lat
-- The same cell again, where it says more about the place than the names do.
left join resolved_position as g
    on
        g.source = e.source
        and g.layout = b.layout
        and g.lon = e.lon
        and g.lat = e.lat
        and r.town_code is null
        and (r.county_code is null or (r.county_code = g.county_code and g.town_code is not null))
inner join resolved_category as c
    on c.source = e.source and c.category_raw is not distinct from e.category_raw
left join (
    select c.event_id, string_agg(distinct c.unit_name, '、' order by c.unit_name) as names
    from known_co_unit as c
    inner join known_event as k on k.event_id = c.event_id and k.unit_name is distinct from c.unit_name
    group by c.event_id
) as co on co.event_id = e.event_id
cross join build_parameter as p
left join deadline_kind as k
    on
        k.source = e.source
        and k.category_raw is not distinct from e.category_raw
        and k.purpose is not distinct from e.purpose
        and k.severity is not distinct from e.severity
left join kind_rule as q
    on
        q.kind_id = k.kind_id
        and q.county_code is not distinct from coalesce(r.county_code, g.county_code)
        and cast(e.registered_at as date) between q.from_on and q.to_on
left join deadline_day as d
    on
        d.rule_id = q.rule_id
        and e.status <> 'declined'
        and d.start_on = cast(
            case
                when q.start_event = 'registered' then e.registered_at
                when e.accepted_at < p.as_of_end then e.accepted_at
            end as date
        )
left join outcome_batch as o on o.batch_id = e.batch_id
where e.registered_at < p.as_of_end
order by e.registered_at, e.event_id
