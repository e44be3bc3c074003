-- Which warnings began up to $week? One row a warning, as it was listed last up to then, with its highest count and level.
select
    s.signal_id,
    arg_max(s.title, s.week_start_on) as title,
    arg_max(s.kind, s.week_start_on) as kind,
    arg_min(s.signal_level, case s.signal_level when 'red' then 1 when 'orange' then 2 when 'yellow' then 3 else 4 end) as signal_level,
    arg_max(s.place_level, s.week_start_on) as place_level,
    arg_max(s.place_code, s.week_start_on) as place_code,
    arg_max(s.county_code, s.week_start_on) as county_code,
    arg_max(s.issue_code, s.week_start_on) as issue_code,
    arg_max(coalesce(i.group_code, s.issue_code), s.week_start_on) as group_code,
    arg_max(s.unit_name, s.week_start_on) as unit_name,
    min(s.since_on) as since_on,
    max(s.week_start_on) as last_on,
    max(s.n_weeks) as n_weeks,
    max(s.observed) as observed
from signal as s
left join issue as i on i.issue_code = s.issue_code
where s.week_start_on <= $week::date
group by s.signal_id
order by last_on desc, s.signal_id
