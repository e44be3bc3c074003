-- How many items had each of the matters of $week, week by week, in the 13 weeks up to it?
select w.matter_id, w.week_start_on, w.n_events
from matter_week as w
where
    w.week_start_on between $week::date - 12 * 7 and $week::date
    and w.matter_id in (select matter_id from matter_week where week_start_on = $week::date and n_events > 0)
order by w.matter_id, w.week_start_on
