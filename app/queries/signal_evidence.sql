-- What speaks for this warning in $week, and what does not? One row a kind of evidence, the most telling first.
-- $unit: of a warning about a unit (place and issue are then not asked); else null. Matters, new words and clusters stand at
-- the place most of their items have: they count for the places it is in and for those within it.
with nested as (
    select p.place_code
    from place as s
    inner join place as p
        on
            p.place_code = s.place_code
            or 'city' in (s.place_level, p.place_level)
            or (s.place_level = 'county' and p.county_code = s.place_code)
            or (s.place_level = 'town' and p.place_code = s.county_code)
    where s.place_code = $place
),
alike as (
    select i.issue_code
    from issue as i
    where $issue in (i.issue_code, i.group_code)
    union
    select group_code from issue where issue_code = $issue
    union
    select $issue
),
found as (
    select 'excess' as kind, observed, null::bigint as base, expected, upper_bound, p_value, status
    from weekly_detection
    where week_start_on = $week::date and place_code = $place and issue_code = $issue and $unit::varchar is null
    union all
    select kind, observed, base, expected, upper_bound, p_value, status
    from evidence
    where
        week_start_on = $week::date
        and unit_name is not distinct from $unit::varchar
        and (
            $unit::varchar is not null
            or (kind not in ('matter', 'emerging', 'cluster') and place_code = $place and issue_code = $issue)
            or (
                kind in ('matter', 'emerging', 'cluster')
                and place_code in (select place_code from nested)
                and issue_code in (select issue_code from alike)
            )
        )
)
select kind, observed, base, expected, upper_bound, p_value, status
from found
where p_value is not null
qualify row_number() over (partition by kind order by p_value, observed desc) = 1
order by p_value, kind
