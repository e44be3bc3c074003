-- How many items a week has the topic, up to the week $to_on?
select week_start_on as period_start_on, sum(n_events)::bigint as n_events
from topic_week
where
    topic_id = $topic
    and week_start_on between $since_on::date and $to_on::date
    and ($county::varchar is null or county_code = $county)
group by 1
order by 1
