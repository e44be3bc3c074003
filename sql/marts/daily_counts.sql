-- Items by registration day: the figures of every headline and trend.
-- grain: registered_on, source, county_code, issue_code
-- inputs: event
-- refresh: registered_on by registered_on
select
    registered_on,
    source,
    county_code,
    issue_code,
    count(*) as n_events,
    count(*) filter (where closed_at is not null) as n_closed,
    count(*) filter (where is_overdue) as n_overdue,
    count(*) filter (where is_repeat) as n_repeat,
    count(*) filter (where is_group) as n_group,
    cast(sum(persons) as bigint) as n_persons,
    count(satisfaction) as n_rated,
    count(*) filter (where satisfaction in ('satisfied', 'fairly_satisfied')) as n_satisfied
from event
group by registered_on, source, county_code, issue_code
order by registered_on, source, county_code, issue_code
