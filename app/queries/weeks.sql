-- Which complete weeks can be looked at? Newest first.
select distinct week_start_on, iso_week
from calendar
where week_start_on >= $data_from::date and week_start_on <= $last_full_week::date
order by week_start_on desc
