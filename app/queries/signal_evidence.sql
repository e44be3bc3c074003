-- What speaks for this warning in $week, and what does not? One row a kind of evidence, the most telling first.
-- $unit: of a warning about a unit (place and issue are then not asked); else null.
select kind, observed, base, expected, upper_bound, p_value, status
from (
    select 'excess' as kind, observed, null::bigint as base, expected, upper_bound, p_value, status
    from weekly_detection
    where week_start_on = $week::date and place_code = $place and issue_code = $issue and $unit::varchar is null
    union all
    select kind, observed, base, expected, upper_bound, p_value, status
    from evidence
    where
        week_start_on = $week::date
        and unit_name is not distinct from $unit::varchar
        and ($unit::varchar is not null or (place_code = $place and issue_code = $issue))
)
where p_value is not null
order by p_value, kind
