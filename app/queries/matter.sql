-- What is the matter $matter, and how did it stand in $week (or in its last week before)?
select
    m.matter_id, m.title, m.place_level, m.place_code, p.place_name, p.county_code, c.place_name as county_name, m.issue_code,
    coalesce(i.issue_name, m.issue_code) as issue_name, coalesce(m.group_code, m.issue_code) as group_code, m.first_on,
    w.week_start_on, w.n_events, w.n_recent, w.n_so_far, w.chance_per_year, w.is_alarm
from matter as m
inner join matter_week as w on w.matter_id = m.matter_id
left join place as p on p.place_code = m.place_code
left join place as c on c.place_code = p.county_code and m.place_level <> 'county'
left join issue as i on i.issue_code = m.issue_code
where m.matter_id = $matter and w.week_start_on <= $week::date
order by w.week_start_on desc
limit 1
