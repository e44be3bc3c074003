-- Days on which a deadline can start or end: does the office work, and which workday is it, counted through?
-- grain: day_on
-- inputs: deadline_span, holiday_seed
select
    w.day_on,
    w.is_workday,
    w.is_published,
    w.holiday_name,
    cast(
        sum(case when w.is_workday then 1 else 0 end)
            over (order by w.day_on rows between unbounded preceding and current row) as bigint
    ) as workday_number
from (
    select
        d.day_on,
        case
            when h.day_on is not null then not h.is_off_day
            else d.day_on <= cast(date_trunc('week', d.day_on) as date) + 4
        end as is_workday,
        y.year_number is not null as is_published,
        h.name as holiday_name
    from deadline_span as d
    left join holiday_seed as h on h.day_on = d.day_on
    left join (select distinct extract(year from day_on) as year_number from holiday_seed) as y
        on y.year_number = extract(year from d.day_on)
) as w
order by w.day_on
