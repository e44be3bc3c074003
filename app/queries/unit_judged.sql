-- How many units could be judged in the 4 weeks up to $week, by kind of evidence?
select kind, count(p_value)::bigint as n_units, count(*)::bigint as n_listed
from evidence
where unit_name is not null and week_start_on = $week::date
group by kind
order by kind
