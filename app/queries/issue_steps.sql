-- How much does each issue move from one week to the next, beyond what all items do, over the 52 weeks before the week $from_on
-- (what is to be judged is no part of the yardstick)? Sums over pairs of neighbouring weeks: items of this + last; squares of
-- (this − r × last)² ÷ r, where r is all items of this week ÷ all of last: on a holiday everything steps. For Poisson counts both
-- are expected to be the same.
with week as (
    select week_start_on, row_number() over (order by week_start_on) as week_number
    from (
        select distinct week_start_on
        from weekly_counts
        where week_start_on between $from_on::date - 364 and $from_on::date - 7
    ) as known
),
counted as (
    select w.issue_code, w.week_start_on, sum(w.n_events) as n_events
    from weekly_counts as w
    where
        w.week_start_on between $from_on::date - 364 and $from_on::date - 7
        and ($source::varchar is null or w.source = $source)
        and ($county::varchar is null or w.county_code = $county)
        and ($town::varchar is null or w.town_code = $town)
        and ($community::varchar is null or w.community_code = $community)
    group by all
),
course as (
    select
        i.issue_code,
        week.week_number,
        coalesce(c.n_events, 0)::double as n_events,
        sum(coalesce(c.n_events, 0)) over (partition by week.week_number)::double as n_all
    from (select distinct issue_code from counted) as i
    cross join week
    left join counted as c on c.issue_code = i.issue_code and c.week_start_on = week.week_start_on
),
step as (
    select
        issue_code,
        n_events,
        lag(n_events) over by_week as n_last,
        n_all / nullif(lag(n_all) over by_week, 0) as ratio
    from course
    window by_week as (partition by issue_code order by week_number)
)
select
    issue_code,
    sum((n_events - ratio * n_last) * (n_events - ratio * n_last) / ratio) as squares,
    sum(n_events + n_last) as items
from step
where ratio > 0
group by issue_code
order by issue_code
