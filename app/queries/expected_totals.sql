-- What was to be expected of all issues of a place together? The sum of the groups of issues; null where one was not assessed.
-- One row a judged week. What the sum leaves out (groups too small to be judged) shows in `observed`.
select
    week_start_on,
    sum(observed)::bigint as observed,
    case when count(*) = count(expected) then sum(expected) end as expected
from weekly_detection
where place_code = $place and week_start_on <= $week::date and issue_code in (select group_code from issue)
group by 1
order by 1
