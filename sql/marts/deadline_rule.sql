-- The deadline rules in force or at hand, and how many items go by each.
-- grain: rule_id
-- inputs: reference_deadline_rule, event
select
    r.rule_id,
    r.title as rule_title,
    r.source,
    r.item_type,
    r.path,
    r.region,
    r.start_event,
    r.end_event,
    r.n as n_days,
    r.unit as day_unit,
    r.roll,
    r.extension_max as extension_days,
    r.basis,
    r.valid_from,
    r.valid_to,
    r.is_active,
    r.is_verified,
    r.is_local,
    r.note,
    coalesce(u.n_events, 0) as n_events,
    coalesce(u.n_source_due, 0) as n_source_due,
    coalesce(u.n_overdue, 0) as n_overdue
from reference_deadline_rule as r
left join (
    select
        rule_id,
        count(*) as n_events,
        count(*) filter (where due_rule = 'source') as n_source_due,
        count(*) filter (where due_rule = rule_id and is_overdue) as n_overdue
    from event
    where rule_id is not null
    group by rule_id
) as u on u.rule_id = r.rule_id
order by r.source, r.rule_id
