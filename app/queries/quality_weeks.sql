-- How well are the items of each registration week filled in? The 53 newest weeks.
select
    week_start_on,
    sum(n_events)::bigint as n_events,
    sum(n_place_missing) / sum(n_events) as place_missing_share,
    sum(n_category_missing) / sum(n_events) as category_missing_share,
    sum(n_category_other) / sum(n_events) as category_other_share,
    sum(n_occurred_late + n_accepted_early + n_replied_early + n_closed_early + n_due_early) / sum(n_events)
        as time_inverted_share,
    sum(n_closing_time_missing + n_open_but_closed) / sum(n_events) as status_contradicted_share,
    sum(n_late_3d) / nullif(sum(n_lag_known), 0) as late_3d_share
from quality_week
where
    ($source::varchar is null or source = $source)
    and week_start_on > (select max(week_start_on) from quality_week) - 371
group by week_start_on
order by week_start_on
