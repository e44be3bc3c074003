-- Week by week, was this group of concern in this place above what was to be expected? Weeks left out were silent.
select week_start_on, observed, expected, upper_bound, status
from weekly_concern
where place_code = $place and concern_group = $concern and week_start_on <= $week::date
order by week_start_on
