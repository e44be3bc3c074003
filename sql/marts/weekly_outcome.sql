-- What became of the items of a place, unit and issue, by the week in which it is known: repeats by registration,
-- overdue by deadline, dissatisfaction and returns by closing. A file without a column leaves it unknown (null), not 0.
-- grain: week_start_on, county_code, town_code, unit_name, issue_code
-- inputs: event, known_event, returning_batch
-- refresh: week_start_on by registered_on, due_at, closed_at
select
    week_start_on,
    county_code,
    town_code,
    unit_name,
    issue_code,
    cast(coalesce(sum(n_events), 0) as bigint) as n_events,
    cast(coalesce(sum(n_repeat), 0) as bigint) as n_repeat,
    cast(coalesce(sum(n_repeat_known), 0) as bigint) as n_repeat_known,
    cast(coalesce(sum(n_due), 0) as bigint) as n_due,
    cast(coalesce(sum(n_overdue), 0) as bigint) as n_overdue,
    cast(coalesce(sum(n_rated), 0) as bigint) as n_rated,
    cast(coalesce(sum(n_dissatisfied), 0) as bigint) as n_dissatisfied,
    cast(sum(n_return_known) as bigint) as n_return_known,
    cast(sum(n_returned) as bigint) as n_returned
from (
    select
        cast(date_trunc('week', registered_on) as date) as week_start_on,
        county_code,
        town_code,
        unit_name,
        issue_code,
        count(*) as n_events,
        count(*) filter (where is_repeat) as n_repeat,
        count(is_repeat) as n_repeat_known,
        null as n_due,
        null as n_overdue,
        null as n_rated,
        null as n_dissatisfied,
        null as n_return_known,
        null as n_returned
    from event
    group by cast(date_trunc('week', registered_on) as date), county_code, town_code, unit_name, issue_code
    union all
    select
        cast(date_trunc('week', due_at) as date) as week_start_on,
        county_code,
        town_code,
        unit_name,
        issue_code,
        null, null, null,
        count(*) as n_due,
        count(*) filter (where is_overdue) as n_overdue,
        null, null, null, null
    from event
    where is_overdue is not null
    group by cast(date_trunc('week', due_at) as date), county_code, town_code, unit_name, issue_code
    union all
    -- When an item was rated is in no file; nobody is asked before it is closed. A rated item that has no time of
    -- closing counts in the week of its registration.
    select
        cast(date_trunc('week', coalesce(e.closed_at, e.registered_at)) as date) as week_start_on,
        e.county_code,
        e.town_code,
        e.unit_name,
        e.issue_code,
        null, null, null, null, null,
        count(e.satisfaction) as n_rated,
        count(*) filter (where e.satisfaction = 'dissatisfied') as n_dissatisfied,
        case when count(r.event_key) > 0 then count(r.event_key) filter (where e.closed_at is not null) end as n_return_known,
        case when count(r.event_key) > 0 then count(*) filter (where r.n_returns > 0 and e.closed_at is not null) end as n_returned
    from event as e
    -- An empty field of a file that fills this column elsewhere means: never returned.
    left join (
        select lower(printf('%016x', event_id)) as event_key, n_returns
        from known_event
        where batch_id in (select batch_id from returning_batch)
    ) as r on r.event_key = e.event_key
    where e.satisfaction is not null or e.closed_at is not null
    group by
        cast(date_trunc('week', coalesce(e.closed_at, e.registered_at)) as date),
        e.county_code, e.town_code, e.unit_name, e.issue_code
) as happened
group by week_start_on, county_code, town_code, unit_name, issue_code
order by week_start_on, county_code, town_code, unit_name, issue_code
