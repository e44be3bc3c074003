-- How many days after it occurred was an item registered? Of the items registered in the last year; later than a year is left out.
-- grain: source, delay_days
-- inputs: event, build_parameter
select
    source,
    delay_days,
    count(*) as n_events
from (
    select
        e.source,
        datediff('day', e.occurred_on, e.registered_on) as delay_days
    from event as e
    cross join build_parameter as p
    where e.occurred_on is not null and e.registered_on > cast(p.as_of_end as date) - 366
) as delayed
where delay_days between 0 and 365
group by source, delay_days
order by source, delay_days
