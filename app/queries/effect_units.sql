-- Of how many items were how many overdue, dissatisfied or returned, unit by unit and week by week?
-- $kind: overdue | satisfaction | returns.
select
    unit_name as code,
    week_start_on,
    sum(case $kind when 'overdue' then n_overdue when 'satisfaction' then n_dissatisfied else n_returned end)::bigint as n_events,
    sum(case $kind when 'overdue' then n_due when 'satisfaction' then n_rated else n_return_known end)::bigint as base
from weekly_outcome
where week_start_on between $from_on::date and $to_on::date and unit_name is not null
group by 1, 2
having base > 0
order by 1, 2
