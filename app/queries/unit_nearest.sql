-- Which units came closest to their limits in $week, or beyond? The most unusual first.
select kind, unit_name
from evidence
where week_start_on = $week::date and unit_name is not null and p_value is not null
order by p_value, kind, unit_name
limit $n_rows
