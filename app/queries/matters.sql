-- Which matters had items in $week, as they stood then? The most surprising first.
select
    m.matter_id, m.title, m.place_level, m.place_code, p.place_name, c.place_name as county_name, m.issue_code,
    coalesce(i.issue_name, m.issue_code) as issue_name, m.group_code, m.first_on, w.n_events, w.n_so_far, m.n_sources,
    w.chance_per_year, w.is_alarm
from matter_week as w
inner join matter as m on m.matter_id = w.matter_id
left join place as p on p.place_code = m.place_code
left join place as c on c.place_code = p.county_code and m.place_level <> 'county'
left join issue as i on i.issue_code = m.issue_code
where
    w.week_start_on = $week::date
    and w.n_events > 0
    and ($county::varchar is null or p.county_code = $county)
    and ($group::varchar is null or m.group_code = $group)
order by coalesce(w.is_alarm, false) desc, w.chance_per_year nulls last, w.n_events desc, m.matter_id
limit $n_rows
