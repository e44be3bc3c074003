-- How well are the items of each registration week filled in? Counts of faults; one item can have several.
-- grain: week_start_on, source
-- inputs: event_fault
-- refresh: week_start_on by registered_on
select
    cast(date_trunc('week', registered_on) as date) as week_start_on,
    source,
    count(*) as n_events,
    count(*) filter (where is_place_missing) as n_place_missing,
    count(*) filter (where is_category_missing) as n_category_missing,
    count(*) filter (where is_category_other) as n_category_other,
    count(*) filter (where is_occurred_late) as n_occurred_late,
    count(*) filter (where is_accepted_early) as n_accepted_early,
    count(*) filter (where is_replied_early) as n_replied_early,
    count(*) filter (where is_closed_early) as n_closed_early,
    count(*) filter (where is_due_early) as n_due_early,
    count(*) filter (where is_closing_time_missing) as n_closing_time_missing,
    count(*) filter (where is_open_but_closed) as n_open_but_closed,
    count(lag_days) as n_lag_known,
    count(*) filter (where lag_days > 1) as n_late_1d,
    count(*) filter (where lag_days > 3) as n_late_3d,
    count(*) filter (where lag_days > 7) as n_late_7d,
    percentile_cont(0.5) within group (order by lag_days) as lag_days_median
from event_fault
group by cast(date_trunc('week', registered_on) as date), source
order by week_start_on, source
