-- How many suggestions a month, up to the last whole month before the end of the week $to_on?
select cast(date_trunc('month', registered_on) as date) as period_start_on, count(*)::bigint as n_events
from item_fact
where
    is_suggestion
    and registered_on >= $since_on::date
    and registered_on < date_trunc('month', $to_on::date + 7)
    and ($county::varchar is null or county_code = $county)
group by 1
order by 1
