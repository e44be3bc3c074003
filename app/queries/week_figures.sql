-- How many items of which kind were registered in each of the 54 weeks up to $week? One row a week, oldest first.
with weeks as (
    select week_start_on, count(*) filter (where is_workday) as n_workdays
    from calendar
    where week_start_on between $week::date - 371 and $week::date
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
        sum(d.n_group) as n_group
    from daily_counts as d
    inner join calendar as c on c.day_on = d.registered_on
    where d.registered_on between $week::date - 371 and $week::date + 6
    group by c.week_start_on
)
select
    w.week_start_on,
    w.n_workdays,
    coalesce(n.n_events, 0)::bigint as n_events,
    coalesce(n.n_petition, 0)::bigint as n_petition,
    coalesce(n.n_hotline, 0)::bigint as n_hotline,
    coalesce(n.n_grid, 0)::bigint as n_grid,
    coalesce(n.n_repeat, 0)::bigint as n_repeat,
    coalesce(n.n_group, 0)::bigint as n_group
from weeks as w
left join counted as n on n.week_start_on = w.week_start_on
order by w.week_start_on
