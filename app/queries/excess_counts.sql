-- How many items of this issue or group ($issue) were to be expected in each place of a level, summed over the judged weeks?
-- n_judged: judged weeks in the span, in the whole city. Weeks left out of weekly_detection had no item and less than 0.5
-- expected: each counts as much as the mean of the weeks of that series that are there with less than 0.5, at most 0.5.
-- A place without any verdict in the span is not in the answer, nor one that was not assessed in one of its weeks.
with judged as (
    select place_code, expected, status, week_start_on
    from weekly_detection
    where place_level = $place_level and issue_code = $issue and week_start_on between $from_on::date and $to_on::date
),
weeks as (
    select count(distinct week_start_on) as n_judged
    from weekly_detection
    where status <> 'not_assessed' and week_start_on between $from_on::date and $to_on::date
)
select
    j.place_code,
    w.n_judged,
    sum(j.expected) + (w.n_judged - count(*)) * least(0.5, coalesce(avg(j.expected) filter (where j.expected < 0.5), 0.5))
        as expected,
    count(*) filter (where j.status = 'alarm') as n_alarms
from judged as j
cross join weeks as w
group by j.place_code, w.n_judged
having count(*) filter (where j.status = 'not_assessed') = 0
order by j.place_code
