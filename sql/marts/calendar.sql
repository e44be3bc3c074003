-- Days of the covered period with their week, month and whether people worked.
-- grain: day_on
-- inputs: covered_day, holiday_seed
select
    d.day_on,
    cast(date_trunc('week', d.day_on) as date) as week_start_on,
    d.iso_week,
    cast(date_trunc('month', d.day_on) as date) as month_start_on,
    cast(date_trunc('quarter', d.day_on) as date) as quarter_start_on,
    case
        when h.day_on is not null then not h.is_off_day
        else d.day_on <= cast(date_trunc('week', d.day_on) as date) + 4
    end as is_workday,
    h.name as holiday_name
from covered_day as d
left join holiday_seed as h on h.day_on = d.day_on
order by d.day_on
