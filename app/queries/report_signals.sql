-- Which warnings were given for the weeks from $since to $week? One row a warning and week, newest week first, most urgent
-- first. first_listed_on: the first week in which the warning was listed.
with first as (
    select signal_id, min(week_start_on) as first_listed_on from signal group by signal_id
)

select
    s.*, coalesce(i.group_code, s.issue_code) as group_code, c.place_name as county_name, f.first_listed_on
from signal as s
inner join first as f on f.signal_id = s.signal_id
left join issue as i on i.issue_code = s.issue_code
left join place as c on c.place_code = s.county_code
where s.week_start_on between $since::date and $week::date
order by s.week_start_on desc, s.rank
