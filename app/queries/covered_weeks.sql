-- For which weeks does each source tell anything? Elsewhere a figure of it is unknown, not 0.
-- From its first to its last week, without the weeks in which nothing at all was registered: a gap of the data.
with span as (
    select source, min(week_start_on) as first_on, max(week_start_on) as last_on
    from weekly_counts
    group by source
),
filled as (select distinct week_start_on from weekly_counts)
select filled.week_start_on, span.source
from filled
inner join span on filled.week_start_on between span.first_on and span.last_on
order by filled.week_start_on, span.source
