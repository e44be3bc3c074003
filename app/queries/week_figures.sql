-- How many items of which kind were registered in each week? One row a week of the calendar, oldest first.
-- A week without any item has null, and so has a source before its first or after its last week: unknown, not 0.
with weeks as (
    select week_start_on, count(*) filter (where is_workday) as n_workdays
    from calendar
    group by week_start_on
),
counted as (
    select
        c.week_start_on,
        sum(d.n_events) as n_events,
        sum(d.n_events) filter (where d.source = 'petition') as n_petition,
        sum(d.n_events) filter (where d.source = 'hotline') as n_hotline,
        sum(d.n_events) filter (where d.source = 'grid') as n_grid,
        sum(d.n_repeat) as n_repeat,
        sum(d.n_group) as n_group,
        coalesce(sum(d.n_events) filter (where c.is_workday), 0) as n_on_workdays
    from daily_counts as d
    inner join calendar as c on c.day_on = d.registered_on
    group by c.week_start_on
),
span as (
    select source, min(registered_on) as first_on, max(registered_on) as last_on
    from daily_counts
    group by source
),
covered as (
    select w.week_start_on, list(s.source) as sources
    from weeks as w
    inner join span as s on s.first_on <= w.week_start_on + 6 and s.last_on >= w.week_start_on
    group by w.week_start_on
)
select
    w.week_start_on,
    w.n_workdays,
    n.n_events::bigint as n_events,
    case when n.n_events > 0 and list_contains(k.sources, 'petition') then coalesce(n.n_petition, 0)::bigint end as n_petition,
    case when n.n_events > 0 and list_contains(k.sources, 'hotline') then coalesce(n.n_hotline, 0)::bigint end as n_hotline,
    case when n.n_events > 0 and list_contains(k.sources, 'grid') then coalesce(n.n_grid, 0)::bigint end as n_grid,
    n.n_repeat::bigint as n_repeat,
    n.n_group::bigint as n_group,
    n.n_on_workdays::bigint as n_on_workdays
from weeks as w
left join counted as n on n.week_start_on = w.week_start_on
left join covered as k on k.week_start_on = w.week_start_on
order by w.week_start_on
