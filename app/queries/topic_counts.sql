-- How many items has each topic and each issue in it, now, in the period before and a year ago? The topic itself: issue_code null.
select
    t.topic_id,
    w.issue_code,
    coalesce(sum(w.n_events) filter (where w.week_start_on between $from_on::date and $to_on::date), 0)::bigint as n_events,
    coalesce(sum(w.n_events) filter (where w.week_start_on >= $before_on::date and w.week_start_on < $from_on::date), 0)::bigint
        as n_events_before,
    coalesce(sum(w.n_events) filter (where w.week_start_on between $from_on::date - 364 and $to_on::date - 364), 0)::bigint
        as n_events_year_ago
from topic as t
left join topic_week as w
    on
        w.topic_id = t.topic_id
        and w.week_start_on between least($before_on::date, $from_on::date - 364) and $to_on::date
        and ($county::varchar is null or w.county_code = $county)
group by grouping sets ((t.topic_id), (t.topic_id, w.issue_code))
having grouping(w.issue_code) = 1 or w.issue_code is not null
order by t.topic_id, w.issue_code nulls first
