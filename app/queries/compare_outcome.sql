-- How were the items of one side of a comparison (compare_weeks) handled, of all sources? What fell due, was closed or rated
-- in its period (weekly_outcome). Null: not known in any file.
select
    sum(n_due)::bigint as n_due,
    sum(n_overdue)::bigint as n_overdue,
    sum(n_rated)::bigint as n_rated,
    sum(n_dissatisfied)::bigint as n_dissatisfied,
    sum(n_repeat_known)::bigint as n_repeat_known,
    sum(n_repeat)::bigint as n_repeat,
    sum(n_return_known)::bigint as n_return_known,
    sum(n_returned)::bigint as n_returned
from weekly_outcome
where
    week_start_on between $from_on::date and $to_on::date
    and ($issue::varchar is null or issue_code = $issue)
    and ($group::varchar is null or issue_code in (select issue_code from issue where group_code = $group))
    and ($county::varchar is null or county_code = $county)
    and ($town::varchar is null or town_code = $town)
    and ($not_county::varchar is null or county_code <> $not_county)
    and ($not_town::varchar is null or town_code <> $not_town)
