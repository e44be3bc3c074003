-- Of the items whose deadline fell into a week, how many were late? One row a week, by deadline.
select week_start_on, sum(n_due)::bigint as n_due, sum(n_overdue)::bigint as n_overdue
from weekly_outcome
group by week_start_on
having sum(n_due) > 0
order by week_start_on
