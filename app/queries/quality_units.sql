-- How well does each unit fill in its items? Most items first.
select
    source,
    unit_name,
    n_events,
    n_place_missing,
    n_category_missing,
    n_category_other,
    n_occurred_late + n_accepted_early + n_replied_early + n_closed_early + n_due_early as n_time_inverted,
    n_closing_time_missing + n_open_but_closed as n_status_contradicted,
    n_lag_known,
    n_late_1d,
    n_late_3d,
    n_late_7d,
    lag_days_median
from quality_unit
where $source::varchar is null or source = $source
order by n_events desc, source, unit_name
