-- Which warning was the matter $matter behind, up to $week? The newest.
select s.*, coalesce(i.group_code, s.issue_code) as group_code
from signal as s
left join issue as i on i.issue_code = s.issue_code
where s.matter_id = $matter and s.week_start_on <= $week::date
order by s.week_start_on desc, s.rank
limit 1
