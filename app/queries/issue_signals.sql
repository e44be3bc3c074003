-- Which warnings of this issue were given in the year up to $week, each as it was said last? The newest first.
select s.*, coalesce(i.group_code, s.issue_code) as group_code, c.place_name as county_name
from signal as s
left join issue as i on i.issue_code = s.issue_code
left join place as c on c.place_code = s.county_code
left join place as p on p.place_code = s.place_code
where
    s.issue_code = $issue
    and s.week_start_on between $week::date - 357 and $week::date
    and ($county::varchar is null or s.county_code = $county)
    and ($town::varchar is null or p.town_code = $town)
    and ($community::varchar is null or s.place_code = $community)
qualify row_number() over (partition by s.signal_id order by s.week_start_on desc) = 1
order by s.week_start_on desc, s.rank
