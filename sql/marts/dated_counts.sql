-- Items by day of registration, of occurrence and of closing, down to the town: the figures of every trend.
-- grain: date_basis, day_on, source, county_code, town_code, issue_code
-- inputs: event
-- refresh: day_on by registered_on, occurred_on, closed_at
-- An item without the date stands in no row of that basis; how many of a registration day have it, the registered rows say.
select
    date_basis,
    day_on,
    source,
    county_code,
    town_code,
    issue_code,
    n_events,
    n_occurred_known,
    n_closed
from (
    select
        'registered' as date_basis,
        registered_on as day_on,
        source,
        county_code,
        town_code,
        issue_code,
        count(*) as n_events,
        count(occurred_on) as n_occurred_known,
        count(closed_at) as n_closed
    from event
    group by registered_on, source, county_code, town_code, issue_code
    union all
    select
        'occurred' as date_basis,
        occurred_on as day_on,
        source,
        county_code,
        town_code,
        issue_code,
        count(*) as n_events,
        cast(null as bigint) as n_occurred_known,
        cast(null as bigint) as n_closed
    from event
    where occurred_on is not null
    group by occurred_on, source, county_code, town_code, issue_code
    union all
    select
        'closed' as date_basis,
        cast(closed_at as date) as day_on,
        source,
        county_code,
        town_code,
        issue_code,
        count(*) as n_events,
        cast(null as bigint) as n_occurred_known,
        cast(null as bigint) as n_closed
    from event
    where closed_at is not null
    group by cast(closed_at as date), source, county_code, town_code, issue_code
) as dated
order by date_basis, day_on, county_code, town_code, issue_code, source
