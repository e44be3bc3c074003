-- How did this unit do, in one kind of evidence, in the 13 weeks up to $week? Each week stands for the 4 weeks up to it.
select week_start_on, observed, base, expected, upper_bound, status
from evidence
where unit_name = $unit and kind = $kind and week_start_on between $week::date - 84 and $week::date
order by week_start_on
