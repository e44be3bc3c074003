-- Week by week, was this topic in this place above what was to be expected? Weeks left out were silent.
select week_start_on, expected, upper_bound, status
from weekly_topic
where place_code = $place and topic_id = $topic and week_start_on <= $to_on::date
order by week_start_on
