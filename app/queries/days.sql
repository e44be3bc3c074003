-- Which days are working days, and which holidays, from $from_on to $to_on? Also days to come, as far as they were announced.
select day_on, is_workday, holiday_name
from workday
where day_on between $from_on::date and $to_on::date
order by day_on
