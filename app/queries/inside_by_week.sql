-- How many items a week has each county of the city ($county null) or each town of a county? By registration; silent
-- weeks are left out. With what was to be expected of $series (an issue or a group; null = no verdicts).
with counted as (
    select
        case when $county::varchar is null then county_code else town_code end as place_code,
        date_trunc('week', day_on)::date as week_start_on,
        sum(n_events)::bigint as n_events
    from dated_counts
    where
        date_basis = 'registered'
        and day_on >= $from_on::date
        and day_on < $to_on::date + 7
        and ($county::varchar is null or county_code = $county)
        and ($source::varchar is null or source = $source)
        and ($issue::varchar is null or issue_code = $issue)
        and ($group::varchar is null or issue_code in (select issue_code from issue where group_code = $group))
    group by 1, 2
),
judged as (
    select place_code, week_start_on, expected, upper_bound, status = 'alarm' as is_alarm
    from weekly_detection
    where issue_code = $series::varchar and week_start_on between $from_on::date and $to_on::date
)
select
    p.place_code,
    p.place_name,
    p.population,
    coalesce(c.week_start_on, j.week_start_on) as period_start_on,
    coalesce(c.n_events, 0) as n_events,
    j.expected,
    j.upper_bound,
    coalesce(j.is_alarm, false) as is_alarm
from counted as c
full outer join judged as j on j.place_code = c.place_code and j.week_start_on = c.week_start_on
inner join place as p on p.place_code = coalesce(c.place_code, j.place_code)
where
    p.place_level = case when $county::varchar is null then 'county' else 'town' end
    and ($county::varchar is null or p.county_code = $county)
order by p.place_code, period_start_on
