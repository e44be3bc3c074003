-- Which counties had sent nothing yet for a week when the version was made, though they used to have by then?
select distinct d.week_start_on, p.place_name
from weekly_detection as d
inner join place as p on p.place_code = d.place_code
where d.place_level = 'county' and d.reason = '本周还没有上报'
order by d.week_start_on, p.place_name
