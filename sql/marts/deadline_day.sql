-- When is an item due by each rule, for every day its clock can start on? At the end of the last day, the first day
-- not being counted (民法典 201条); rolled on to a workday where the rule says so (203条).
-- grain: rule_id, start_on
-- inputs: reference_deadline_rule, workday
with counted as (
    select r.rule_id, r.unit, r.roll, s.day_on as start_on, e.day_on as last_on, e.is_workday, e.workday_number
    from reference_deadline_rule as r
    cross join workday as s
    inner join workday as e on e.day_on = s.day_on + cast(r.n as integer)
    where r.is_active and r.unit = 'calendar'
    union all
    select r.rule_id, r.unit, r.roll, s.day_on, e.day_on, e.is_workday, e.workday_number
    from reference_deadline_rule as r
    cross join workday as s
    inner join workday as e on e.is_workday and e.workday_number = s.workday_number + r.n
    where r.is_active and r.unit = 'workday'
)
select
    c.rule_id,
    c.start_on,
    cast(w.day_on + interval 1 day as timestamp) - interval 1 second as rule_due_at,
    (c.unit = 'workday' or c.roll = 'next_workday') and not w.is_published as is_estimated
from counted as c
inner join workday as w
    on
        w.workday_number
        = c.workday_number + case when c.roll = 'next_workday' and not c.is_workday then 1 else 0 end
        and case when c.roll = 'next_workday' then w.is_workday else w.day_on = c.last_on end
order by c.rule_id, c.start_on
