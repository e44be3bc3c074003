-- Which matters (同一事项) of this issue had items in the weeks from $from_on to $to_on? The largest first.
select
    m.matter_id, m.title, m.place_level, m.place_code, p.place_name, c.place_name as county_name, m.issue_code, m.group_code,
    m.first_on, m.last_on, sum(w.n_events)::bigint as n_events, max(w.n_so_far)::bigint as n_so_far, m.n_sources
from matter_week as w
inner join matter as m on m.matter_id = w.matter_id
left join place as p on p.place_code = m.place_code
left join place as c on c.place_code = p.county_code and m.place_level <> 'county'
where
    m.issue_code = $issue
    and w.week_start_on between $from_on::date and $to_on::date
    and ($county::varchar is null or p.county_code = $county)
    and ($town::varchar is null or p.town_code = $town)
    and ($community::varchar is null or m.place_code = $community)
group by all
having sum(w.n_events) > 0
order by n_events desc, m.matter_id
limit $n_rows
