-- What do the office's ledgers hold: 督办, 交办, 包案, 积案, 三项建议, 排查, 接访, entry by entry, and how far is each?
-- grain: entry_key
-- inputs: known_ledger_entry, resolved_ledger, event, ledger_step, build_parameter
with entry as (
    select
        e.*,
        lower(printf('%016x', e.entry_id)) as entry_key,
        r.event_id as named_event_id,
        r.county_code,
        r.town_code,
        r.community_code,
        r.issue_code,
        r.is_counted_only,
        case when e.state = 'closed' and e.closed_on >= p.as_of_end then 'open' else e.state end as state_known,
        cast(p.as_of_end as date) as after_on,
        p.as_of_end
    from known_ledger_entry as e
    inner join resolved_ledger as r on r.entry_id = e.entry_id
    cross join build_parameter as p
    where e.opened_on < p.as_of_end
),

next_step as (
    select entry_key, step, step_name, step_due_on, step_state
    from (
        select
            s.*,
            row_number() over (partition by s.entry_key order by s.step_order, s.step) as place
        from ledger_step as s
        where s.step_state in ('pending', 'overdue')
    ) as waiting
    where place = 1
),

led as (
    select distinct coalesce(petition_id, hotline_id, grid_id) as item_id
    from known_ledger_entry
    where ledger_kind = 'leader_case' and state <> 'withdrawn'
)

select
    e.entry_key,
    e.ledger_kind,
    e.subtype,
    e.ledger_number,
    i.event_key,
    case
        when not (e.is_counted_only or coalesce(i.is_counted_only, false)) and e.subtype is distinct from 'accountability'
            then coalesce(e.title, i.title)
    end as title,
    coalesce(e.issue_code, i.issue_code) as issue_code,
    coalesce(e.county_code, i.county_code) as county_code,
    case when e.county_code is null or e.county_code = i.county_code then coalesce(e.town_code, i.town_code) else e.town_code end
        as town_code,
    case when not (e.is_counted_only or coalesce(i.is_counted_only, false)) then e.unit_name end as unit_name,
    e.leader_role,
    e.leader_role is not null or l.item_id is not null as is_led,
    e.opened_on,
    coalesce(e.arisen_on, i.registered_on) as arisen_on,
    d.step_due_on as due_on,
    d.due_rule,
    e.is_report_required,
    e.state_known as ledger_state,
    case when e.state_known in ('closed', 'replied') then e.result end as ledger_result,
    d.step_state as due_state,
    d.step_state in ('late', 'overdue') as is_overdue,
    n.step as next_step,
    n.step_name as next_step_name,
    n.step_due_on as next_due_on,
    coalesce(n.step_state = 'overdue', false) as is_next_overdue,
    case when e.signed_on < e.as_of_end then e.signed_on end as signed_on,
    case when e.planned_on < e.as_of_end then e.planned_on end as planned_on,
    case when e.replied_on < e.as_of_end then e.replied_on end as replied_on,
    case when e.closed_on < e.as_of_end then e.closed_on end as closed_on,
    case
        when e.state_known in ('open', 'replied') then date_diff('day', coalesce(e.arisen_on, i.registered_on, e.opened_on), e.after_on) - 1
    end as age_days,
    cast(e.n_visits as bigint) as n_visits,
    e.persons,
    case
        when not (e.is_counted_only or coalesce(i.is_counted_only, false)) and e.subtype is distinct from 'accountability'
            then e.progress
    end as progress,
    e.is_counted_only or coalesce(i.is_counted_only, false) as is_counted_only
from entry as e
left join event as i on i.event_key = lower(printf('%016x', e.named_event_id))
left join ledger_step as d on d.entry_key = e.entry_key and d.is_deciding
left join next_step as n on n.entry_key = e.entry_key and e.state_known in ('open', 'replied')
left join led as l on l.item_id = coalesce(e.petition_id, e.hotline_id, e.grid_id) and e.ledger_kind = 'backlog'
order by e.opened_on, e.entry_key
