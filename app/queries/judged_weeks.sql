-- Which weeks were judged for warnings? One row a week with at least one verdict, oldest first.
select distinct week_start_on
from weekly_detection
where status <> 'not_assessed'
order by week_start_on
