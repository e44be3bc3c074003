-- Of the items whose deadline fell into a week, how many were late? The 54 weeks up to $week, by deadline.
select week_start_on, sum(n_due)::bigint as n_due, sum(n_overdue)::bigint as n_overdue
from weekly_outcome
where week_start_on between $week::date - 371 and $week::date
group by week_start_on
having sum(n_due) > 0
order by week_start_on
