-- How many warnings of each level were given, week by week?
select week_start_on, signal_level, count(*)::bigint as n_signals
from signal
group by week_start_on, signal_level
order by week_start_on, signal_level
