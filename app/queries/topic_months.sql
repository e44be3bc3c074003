-- How many items a week has each issue of the topic in each month of the year, over all whole weeks known? A week belongs to
-- the month of its Thursday. n_weeks: the weeks of that month that any source tells about.
with week as (
    select distinct week_start_on, month(week_start_on + 3) as month_of_year
    from weekly_counts
    where week_start_on between $data_from::date and $to_on::date
),
month as (select month_of_year, count(*) as n_weeks from week group by month_of_year)
select
    t.issue_code, i.issue_name, m.month_of_year, m.n_weeks::bigint as n_weeks,
    coalesce(sum(w.n_events), 0)::bigint as n_events
from topic_issue as t
inner join issue as i on i.issue_code = t.issue_code
cross join month as m
left join week as k on k.month_of_year = m.month_of_year
left join topic_week as w
    on
        w.topic_id = t.topic_id
        and w.issue_code = t.issue_code
        and w.week_start_on = k.week_start_on
        and ($county::varchar is null or w.county_code = $county)
where t.topic_id = $topic
group by all
order by t.issue_code, m.month_of_year
