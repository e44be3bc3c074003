-- Which complete weeks hold items? Newest first; weeks in a gap of the data are left out.
select distinct week_start_on
from weekly_counts
where week_start_on >= $data_from::date and week_start_on <= $last_full_week::date
order by week_start_on desc
