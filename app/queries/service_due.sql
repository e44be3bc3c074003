-- Whose items are overdue on $day, the first day not in the data, or due from then to $through? Items not yet closed;
-- n_long_overdue: by more than 30 days. unit_name null: 未写明.
select
    unit_name,
    count(*) filter (where due_at < $day::date)::bigint as n_overdue,
    count(*) filter (where due_at < $day::date - 30)::bigint as n_long_overdue,
    count(*) filter (where due_at >= $day::date)::bigint as n_due_soon,
    min(due_at)::date as earliest_due_on
from event
where
    closed_at is null
    and is_overdue is not null
    and status not in ('closed', 'declined')
    and due_at < $through::date + 1
    and ($county::varchar is null or county_code = $county)
group by unit_name
order by n_overdue desc, n_due_soon desc, unit_name nulls last
