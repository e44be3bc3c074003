-- Of the items whose deadline fell into a week, how many were late? The 54 weeks up to $week, by deadline.
select
    date_trunc('week', due_at)::date as week_start_on,
    count(*)::bigint as n_due,
    count(*) filter (where is_overdue)::bigint as n_overdue
from event
where due_at >= $week::date - 371 and due_at < $week::date + 7 and is_overdue is not null
group by 1
order by 1
