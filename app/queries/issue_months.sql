-- How many items a week has this issue in each month of each year, over the whole weeks known up to $to_on? A week belongs to the
-- month of its Thursday. n_weeks: the weeks of that month that (the source asked for, or) any source tells about.
with covered as (
    select distinct week_start_on
    from weekly_counts
    where week_start_on between $data_from::date and $to_on::date and ($source::varchar is null or source = $source)
),
counted as (
    select week_start_on, sum(n_events) as n_events
    from weekly_counts
    where
        issue_code = $issue
        and week_start_on between $data_from::date and $to_on::date
        and ($source::varchar is null or source = $source)
        and ($county::varchar is null or county_code = $county)
        and ($town::varchar is null or town_code = $town)
        and ($community::varchar is null or community_code = $community)
    group by week_start_on
)
select
    year(k.week_start_on + 3) as year,
    month(k.week_start_on + 3) as month_of_year,
    count(*)::bigint as n_weeks,
    coalesce(sum(c.n_events), 0)::bigint as n_events
from covered as k
left join counted as c on c.week_start_on = k.week_start_on
group by all
order by 1, 2
