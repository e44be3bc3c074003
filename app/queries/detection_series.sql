-- Week by week, was this issue in this place above what was to be expected? Weeks left out were silent.
select week_start_on, observed, expected, upper_bound, status, reason
from weekly_detection
where place_code = $place and issue_code = $issue and week_start_on <= $week::date
order by week_start_on
