-- Which warnings were given? Newest week first, the most urgent of it first.
select s.*, coalesce(i.group_code, s.issue_code) as group_code, c.place_name as county_name
from signal as s
left join issue as i on i.issue_code = s.issue_code
left join place as c on c.place_code = s.county_code
order by s.week_start_on desc, s.rank
