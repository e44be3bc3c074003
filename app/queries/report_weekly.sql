-- How many items does weekly_counts have a week, from $from_on to $to_on?
select week_start_on, sum(n_events)::bigint as n_events
from weekly_counts
where
    week_start_on between $from_on::date and $to_on::date
    and ($county::varchar is null or county_code = $county)
    and ($town::varchar is null or town_code = $town)
group by week_start_on
order by week_start_on
