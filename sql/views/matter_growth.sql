-- How fast do matters grow? One row a matter × week in which it was raised, of matters of $min_size items or more: from
-- resolved_item. n_recent: of $recent_weeks up to this one; n_so_far; expected: of n_events, from the weeks before these, of
-- $window_weeks in all.
with weekly as (
    select matter_id, week_start_on, count(*)::bigint as n_events
    from resolved_item
    group by matter_id, week_start_on
    qualify sum(count(*)) over (partition by matter_id) >= $min_size
)
select
    matter_id, week_start_on, n_events,
    (sum(n_events) over recent)::bigint as n_recent,
    (sum(n_events) over so_far)::bigint as n_so_far,
    (sum(n_events) over half_year - sum(n_events) over recent) / ($window_weeks - $recent_weeks) as expected
from weekly
window
    recent as (partition by matter_id order by week_start_on range between to_days(7 * $recent_weeks - 1) preceding and current row),
    half_year as (partition by matter_id order by week_start_on range between to_days(7 * $window_weeks - 1) preceding and current row),
    so_far as (partition by matter_id order by week_start_on)
