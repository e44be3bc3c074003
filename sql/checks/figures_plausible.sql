-- 计数不为负，分项不超过总数
select registered_on, source, issue_code, n_events, n_closed, n_overdue, n_rated, n_satisfied
from daily_counts
where n_events <= 0 or n_closed > n_events or n_overdue > n_events or n_rated > n_events or n_satisfied > n_rated
