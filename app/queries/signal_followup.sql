-- What became of the warnings of the week before $week? One row a warning, with this week's figures beside it.
select
    s.signal_id,
    s.signal_level,
    s.place_level,
    c.place_name as county_name,
    s.place_code,
    s.place_name,
    s.issue_code,
    s.issue_name,
    s.rank,
    s.observed as observed_before,
    s.upper_bound as upper_before,
    coalesce(d.observed, 0)::bigint as observed,
    d.expected,
    d.upper_bound,
    coalesce(d.status, 'normal') as status
from signal as s
left join place as c on c.place_code = s.county_code
left join weekly_detection as d
    on
        d.week_start_on = $week::date
        and d.place_level = s.place_level
        and d.place_code = s.place_code
        and d.issue_code = s.issue_code
where s.week_start_on = $week::date - 7
order by s.rank
