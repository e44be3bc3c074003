-- How fast do matters grow? One row a matter × week in which it was raised, of matters of 3 items or more: from resolved_item.
-- n_recent: of four weeks up to this one; n_so_far; expected: of n_events, from the 22 weeks before these four.
with weekly as (
    select matter_id, week_start_on, count(*)::bigint as n_events
    from resolved_item
    group by matter_id, week_start_on
    qualify sum(count(*)) over (partition by matter_id) >= 3
)
select
    matter_id, week_start_on, n_events,
    (sum(n_events) over recent)::bigint as n_recent,
    (sum(n_events) over so_far)::bigint as n_so_far,
    (sum(n_events) over half_year - sum(n_events) over recent) / 22 as expected
from weekly
window
    recent as (partition by matter_id order by week_start_on range between interval 27 days preceding and current row),
    half_year as (partition by matter_id order by week_start_on range between interval 181 days preceding and current row),
    so_far as (partition by matter_id order by week_start_on)
