-- Items by registration week down to the community: the figures of every map and of the detectors.
-- grain: week_start_on, source, county_code, town_code, community_code, issue_code
-- inputs: event
-- refresh: week_start_on by registered_on
select
    cast(date_trunc('week', registered_on) as date) as week_start_on,
    source,
    county_code,
    town_code,
    community_code,
    issue_code,
    count(*) as n_events,
    count(*) filter (where issue_basis = 'suggested') as n_suggested,
    count(*) filter (where is_repeat) as n_repeat,
    count(is_repeat) as n_repeat_known
from event
group by cast(date_trunc('week', registered_on) as date), source, county_code, town_code, community_code, issue_code
order by week_start_on, county_code, town_code, community_code, issue_code, source
