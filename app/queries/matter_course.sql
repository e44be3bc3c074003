-- How many items had the matter $matter, week by week, up to $week?
select week_start_on as period_start_on, n_events, is_alarm
from matter_week
where matter_id = $matter and week_start_on <= $week::date
order by week_start_on
