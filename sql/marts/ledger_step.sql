-- Which steps lie before an entry of a ledger, by when is each due and why, and was it done?
-- grain: entry_key, step
-- inputs: known_ledger_entry, ledger_step_rule, workday, build_parameter
with entry as (
    select
        lower(printf('%016x', e.entry_id)) as entry_key,
        e.ledger_kind,
        e.subtype,
        e.opened_on,
        case when e.due_on >= e.opened_on then e.due_on end as own_due_on,
        case when e.signed_on < p.as_of_end then e.signed_on end as signed_on,
        case when e.planned_on < p.as_of_end then e.planned_on end as planned_on,
        case when e.replied_on < p.as_of_end then e.replied_on end as replied_on,
        case when e.closed_on < p.as_of_end then e.closed_on end as closed_on,
        e.state = 'withdrawn' or (e.state = 'closed' and (e.closed_on is null or e.closed_on < p.as_of_end)) as is_over,
        e.state = 'closed' and e.closed_on is null as is_closed_undated,
        cast(p.as_of_end as date) as after_on
    from known_ledger_entry as e
    cross join build_parameter as p
    where e.opened_on < p.as_of_end
),

step as (
    select
        e.entry_key,
        r.rule_id,
        r.step,
        r.step_order,
        r.step_name,
        r.n as n_days,
        r.unit as day_unit,
        r.basis,
        r.is_verified,
        r.is_deciding,
        case when r.takes_own_due then e.own_due_on end as own_due_on,
        r.start_event,
        case r.start_event
            when 'opened' then e.opened_on
            when 'signed' then e.signed_on
            when 'planned' then e.planned_on
            when 'replied' then e.replied_on
        end as start_on,
        case r.step
            when 'signed' then e.signed_on
            when 'planned' then e.planned_on
            when 'replied' then e.replied_on
            when 'closed' then e.closed_on
        end as done_on,
        r.step = 'closed' and e.is_closed_undated as is_done_undated,
        e.is_over,
        e.after_on
    from entry as e
    inner join ledger_step_rule as r
        on r.ledger_kind = e.ledger_kind and r.subtype is not distinct from e.subtype
),

clocked as (
    select
        s.*,
        case when s.own_due_on is not null then 'own' when s.n_days is not null then s.rule_id end as due_rule,
        case
            when s.own_due_on is not null then s.own_due_on
            when s.day_unit = 'calendar' then s.start_on + cast(s.n_days as integer)
            when s.day_unit = 'workday' then last.day_on
        end as due_on,
        s.own_due_on is null and s.day_unit = 'workday' and not last.is_published as is_estimated
    from step as s
    left join workday as first on first.day_on = s.start_on
    left join workday as last
        on
            s.day_unit = 'workday'
            and last.is_workday
            and last.workday_number = first.workday_number + s.n_days
)

select
    entry_key,
    step,
    step_order,
    step_name,
    start_event,
    start_on,
    cast(n_days as bigint) as n_days,
    day_unit,
    basis,
    is_verified,
    is_deciding,
    case when due_on is not null then due_rule end as due_rule,
    due_on as step_due_on,
    done_on,
    coalesce(is_estimated, false) as is_estimated,
    case
        when done_on > due_on then 'late'
        when done_on is not null and due_on is not null then 'on_time'
        when done_on is not null or is_done_undated then 'done'
        when is_over then 'not_recorded'
        when due_on < after_on then 'overdue'
        else 'pending'
    end as step_state
from clocked
order by entry_key, step_order, step
