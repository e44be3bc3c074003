-- Of the items whose deadline falls in a period, which were closed in time? One row a unit, and one of all (is_all).
-- n_due: those of which it is known; of these n_on_time, n_overdue and n_waiting (open, its deadline still ahead) add
-- up to it. n_unknown: with a deadline, without an outcome the source tells. n_due_ever: in a year and a week up to it.
with chosen as (
    select
        *,
        due_at >= $from_on::date and due_at < $to_on::date + 1 as is_now,
        due_at >= $before_from::date and due_at < $before_to::date + 1 as is_before,
        due_at >= $year_ago_from::date and due_at < $year_ago_to::date + 1 as is_year_ago
    from event
    where
        due_at >= least($year_ago_from::date, $from_on::date - 371)
        and due_at < $to_on::date + 1
        and ($county::varchar is null or county_code = $county)
        and ($town::varchar is null or town_code = $town)
)

select
    grouping(unit_name) = 1 as is_all,
    unit_name,
    count(is_overdue)::bigint as n_due_ever,
    count(*) filter (where is_now)::bigint as n_with_deadline,
    count(is_overdue) filter (where is_now)::bigint as n_due,
    count(*) filter (where is_now and not is_overdue and closed_at is not null)::bigint as n_on_time,
    count(*) filter (where is_now and is_overdue)::bigint as n_overdue,
    count(*) filter (where is_now and not is_overdue and closed_at is null)::bigint as n_waiting,
    count(*) filter (where is_now and is_overdue is null)::bigint as n_unknown,
    count(is_overdue) filter (where is_before)::bigint as n_due_before,
    count(*) filter (where is_before and not is_overdue and closed_at is not null)::bigint as n_on_time_before,
    count(*) filter (where is_before and is_overdue)::bigint as n_overdue_before,
    count(is_overdue) filter (where is_year_ago)::bigint as n_due_year_ago,
    count(*) filter (where is_year_ago and is_overdue)::bigint as n_overdue_year_ago
from chosen
group by grouping sets ((), (unit_name))
order by is_all desc, unit_name
