-- Which units fell out of their control limits in the 4 weeks up to $week, and since when? The rarest first.
with judged as (
    select e.*, count(e.p_value) over (partition by e.week_start_on, e.kind) as n_units
    from evidence as e
    where e.unit_name is not null and e.week_start_on <= $week::date
),
alarms as (
    select *, week_start_on - 7 * cast(row_number() over (partition by kind, unit_name order by week_start_on) as integer) as run
    from judged
    where status = 'alarm'
),
lasting as (
    select *, min(week_start_on) over (partition by kind, unit_name, run) as since_on
    from alarms
)
select
    l.unit_name,
    l.kind,
    l.observed,
    l.base,
    l.expected,
    l.upper_bound,
    l.since_on,
    l.p_value,
    l.p_value * l.n_units * 52 as chance_per_year,
    p.county_code
from lasting as l
left join place as p on p.place_code = l.place_code
where l.week_start_on = $week::date
order by l.p_value, l.unit_name, l.kind
