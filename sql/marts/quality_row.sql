-- Which rows of which files should a unit look at? Of the last 13 weeks, per unit and fault at most 100, the newest.
-- grain: source, unit_name, fault, fault_rank
-- inputs: event_fault, build_parameter
with recent as (
    select f.*
    from event_fault as f
    where
        f.registered_on >= (select cast(as_of_end as date) - 91 from build_parameter)
        and (
            f.is_place_missing
            or f.is_category_missing
            or f.is_category_other
            or f.is_occurred_late
            or f.is_accepted_early
            or f.is_replied_early
            or f.is_closed_early
            or f.is_due_early
            or f.is_closing_time_missing
            or f.is_open_but_closed
            or f.lag_days > 7
        )
),
kind as (
    select 'place_missing' as fault
    union all
    select 'category_missing' as fault
    union all
    select 'category_other' as fault
    union all
    select 'occurred_late' as fault
    union all
    select 'accepted_early' as fault
    union all
    select 'replied_early' as fault
    union all
    select 'closed_early' as fault
    union all
    select 'due_early' as fault
    union all
    select 'closing_time_missing' as fault
    union all
    select 'open_but_closed' as fault
    union all
    select 'late_7d' as fault
),
faulty as (
    select f.source, f.unit_name, k.fault, f.batch_id, f.source_row, f.registered_on
    from recent as f
    inner join kind as k
        on case k.fault
            when 'place_missing' then f.is_place_missing
            when 'category_missing' then f.is_category_missing
            when 'category_other' then f.is_category_other
            when 'occurred_late' then f.is_occurred_late
            when 'accepted_early' then f.is_accepted_early
            when 'replied_early' then f.is_replied_early
            when 'closed_early' then f.is_closed_early
            when 'due_early' then f.is_due_early
            when 'closing_time_missing' then f.is_closing_time_missing
            when 'open_but_closed' then f.is_open_but_closed
            when 'late_7d' then coalesce(f.lag_days > 7, false)
        end
),
ranked as (
    select
        source, unit_name, fault, batch_id, source_row, registered_on,
        row_number() over (
            partition by source, unit_name, fault order by registered_on desc, batch_id, source_row
        ) as fault_rank,
        count(*) over (partition by source, unit_name, fault) as n_rows
    from faulty
)
select
    source, unit_name, fault, fault_rank, n_rows, batch_id, cast(source_row as bigint) as source_row, registered_on
from ranked
where fault_rank <= 100
order by source, unit_name, fault, fault_rank
