-- How many entries has each ledger: by the month in which they began, how far they have come; by the month in which their
-- deciding step fell due, how many were in time; by the month in which they closed. Withdrawn ones count as begun only.
-- grain: ledger_kind, subtype, month_start_on, county_code, unit_name
-- inputs: ledger
select
    ledger_kind,
    subtype,
    month_start_on,
    county_code,
    unit_name,
    cast(coalesce(sum(n_opened), 0) as bigint) as n_opened,
    cast(coalesce(sum(n_withdrawn), 0) as bigint) as n_withdrawn,
    cast(coalesce(sum(n_led), 0) as bigint) as n_led,
    cast(coalesce(sum(n_signed), 0) as bigint) as n_signed,
    cast(coalesce(sum(n_planned), 0) as bigint) as n_planned,
    cast(coalesce(sum(n_replied), 0) as bigint) as n_replied,
    cast(coalesce(sum(n_finished), 0) as bigint) as n_finished,
    cast(coalesce(sum(n_achieved), 0) as bigint) as n_achieved,
    cast(coalesce(sum(n_partly), 0) as bigint) as n_partly,
    cast(coalesce(sum(n_visits), 0) as bigint) as n_visits,
    cast(coalesce(sum(persons), 0) as bigint) as n_persons,
    cast(coalesce(sum(n_fell_due), 0) as bigint) as n_fell_due,
    cast(coalesce(sum(n_on_time), 0) as bigint) as n_on_time,
    cast(coalesce(sum(n_closed_then), 0) as bigint) as n_closed_then
from (
    select
        ledger_kind,
        subtype,
        cast(date_trunc('month', opened_on) as date) as month_start_on,
        county_code,
        unit_name,
        count(*) as n_opened,
        count(*) filter (where ledger_state = 'withdrawn') as n_withdrawn,
        count(*) filter (where is_led and ledger_state <> 'withdrawn') as n_led,
        count(*) filter (where ledger_state <> 'withdrawn' and (signed_on is not null or planned_on is not null or replied_on is not null or ledger_state in ('replied', 'closed'))) as n_signed,
        count(*) filter (where ledger_state <> 'withdrawn' and (planned_on is not null or replied_on is not null or ledger_state in ('replied', 'closed'))) as n_planned,
        count(*) filter (where ledger_state <> 'withdrawn' and (replied_on is not null or ledger_state in ('replied', 'closed'))) as n_replied,
        count(*) filter (where ledger_state = 'closed') as n_finished,
        count(*) filter (where ledger_state <> 'withdrawn' and ledger_result = 'achieved') as n_achieved,
        count(*) filter (where ledger_state <> 'withdrawn' and ledger_result = 'partly') as n_partly,
        sum(n_visits) as n_visits,
        sum(persons) as persons,
        null as n_fell_due,
        null as n_on_time,
        null as n_closed_then
    from ledger
    group by ledger_kind, subtype, cast(date_trunc('month', opened_on) as date), county_code, unit_name
    union all
    select
        ledger_kind,
        subtype,
        cast(date_trunc('month', due_on) as date) as month_start_on,
        county_code,
        unit_name,
        null, null, null, null, null, null, null, null, null, null, null,
        count(*) as n_fell_due,
        count(*) filter (where due_state = 'on_time') as n_on_time,
        null
    from ledger
    where due_state in ('on_time', 'late', 'overdue') and ledger_state <> 'withdrawn'
    group by ledger_kind, subtype, cast(date_trunc('month', due_on) as date), county_code, unit_name
    union all
    select
        ledger_kind,
        subtype,
        cast(date_trunc('month', closed_on) as date) as month_start_on,
        county_code,
        unit_name,
        null, null, null, null, null, null, null, null, null, null, null, null, null,
        count(*) as n_closed_then
    from ledger
    where closed_on is not null and ledger_state = 'closed'
    group by ledger_kind, subtype, cast(date_trunc('month', closed_on) as date), county_code, unit_name
) as happened
group by ledger_kind, subtype, month_start_on, county_code, unit_name
order by ledger_kind, subtype, month_start_on, county_code, unit_name
