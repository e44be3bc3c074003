-- What speaks for this warning in $week, and what does not? One row a kind of evidence, the most telling first.
select kind, observed, base, expected, upper_bound, p_value, status
from (
    select 'excess' as kind, observed, null::bigint as base, expected, upper_bound, p_value, status
    from weekly_detection
    where week_start_on = $week::date and place_code = $place and issue_code = $issue
    union all
    select kind, observed, base, expected, upper_bound, p_value, status
    from evidence
    where week_start_on = $week::date and place_code = $place and issue_code = $issue and unit_name is null
)
where p_value is not null
order by p_value, kind
