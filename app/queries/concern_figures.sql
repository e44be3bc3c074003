-- How many items had each group of concern in $week and in the 13 weeks up to it, and what was to be expected?
-- One row a group and place (the city, its counties); `course`: the counts of the 13 weeks, oldest first.
with series as (
    select p.place_code, p.place_name, p.place_level, g.concern_group
    from place as p
    cross join (select distinct concern_group from concern_group) as g
    where p.place_level in ('city', 'county')
),
weeks as (select distinct week_start_on from calendar where week_start_on between $week::date - 84 and $week::date)
select
    s.concern_group,
    s.place_level,
    s.place_code,
    s.place_name,
    coalesce(sum(w.observed) filter (where k.week_start_on = $week::date), 0)::bigint as observed,
    coalesce(sum(w.observed), 0)::bigint as n_events,
    max(w.expected) filter (where k.week_start_on = $week::date) as expected,
    max(w.upper_bound) filter (where k.week_start_on = $week::date) as upper_bound,
    max(w.status) filter (where k.week_start_on = $week::date) as status,
    list(coalesce(w.observed, 0)::bigint order by k.week_start_on) as course
from series as s
cross join weeks as k
left join weekly_concern as w
    on w.place_code = s.place_code and w.concern_group = s.concern_group and w.week_start_on = k.week_start_on
group by s.concern_group, s.place_level, s.place_code, s.place_name
order by s.place_level, s.place_code, s.concern_group
