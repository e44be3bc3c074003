-- Which of the days from $from_on to $to_on are working days?
select day_on, is_workday from calendar where day_on between $from_on::date and $to_on::date order by day_on
