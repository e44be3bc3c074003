-- Where did the same issue come up again and again? Runs of items of one issue in one community (or, without a community, in
-- one 0.002° cell) in which every item is one of three or more within so many days; each run as long as it lasts.
-- grain: window_days, issue_code, community_code, lon, lat, first_on
-- inputs: event
-- Items with neither community nor point are at no place; what is counted only can be listed nowhere, and is left out.
with spot as (
    select
        issue_code,
        county_code,
        town_code,
        community_code,
        case when community_code is null then lon end as lon,
        case when community_code is null then lat end as lat,
        event_key,
        registered_at,
        registered_on,
        closed_at,
        unit_name
    from event
    where not is_counted_only and (community_code is not null or lon is not null)
),
near as (
    select
        *,
        lag(registered_on, 1) over (partition by issue_code, community_code, lon, lat order by registered_at, event_key) as last_1,
        lag(registered_on, 2) over (partition by issue_code, community_code, lon, lat order by registered_at, event_key) as last_2,
        lead(registered_on, 1) over (partition by issue_code, community_code, lon, lat order by registered_at, event_key) as next_1,
        lead(registered_on, 2) over (partition by issue_code, community_code, lon, lat order by registered_at, event_key) as next_2,
        lag(closed_at) over (partition by issue_code, community_code, lon, lat order by registered_at, event_key) as last_closed_at
    from spot
),
-- One row an item and length of the window for which it is one of three.
item as (
    select
        w.window_days,
        n.*,
        case when n.last_1 > n.registered_on - w.window_days then 0 else 1 end as is_start
    from near as n
    inner join (
        select 7 as window_days
        union all
        select 14 as window_days
        union all
        select 30 as window_days
        union all
        select 90 as window_days
    ) as w
        on
            n.last_2 > n.registered_on - w.window_days
            or n.last_1 > n.next_1 - w.window_days
            or n.registered_on > n.next_2 - w.window_days
),
run as (
    select
        *,
        sum(is_start) over (
            partition by window_days, issue_code, community_code, lon, lat
            order by registered_at, event_key
            rows between unbounded preceding and current row
        ) as run_number
    from item
)
select
    window_days,
    issue_code,
    min(county_code) as county_code,
    min(town_code) as town_code,
    community_code,
    lon,
    lat,
    min(registered_on) as first_on,
    max(registered_on) as last_on,
    count(*) as n_events,
    count(*) filter (where is_start = 0 and last_closed_at < registered_at) as n_after_closing,
    string_agg(distinct unit_name, '、' order by unit_name) as unit_names
from run
group by window_days, issue_code, community_code, lon, lat, run_number
order by window_days, last_on, issue_code, community_code, lon, lat, first_on
