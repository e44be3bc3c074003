-- Where did the same issue come up again and again? Runs of items of one issue in one community (or, without a community, in
-- one 0.002° cell) in which every item is one of three or more within so many days; each run as long as it lasts.
-- grain: window_days, issue_code, community_code, lon, lat, first_on
-- inputs: event
-- refresh: spots
-- Items with neither community nor point are at no place; what is counted only can be listed nowhere, and is left out.
-- Places have numbers and all lengths of the window are marked at once: sorting by the names, each length by itself, takes
-- twice as long.
with placed as (
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
spot as (
    select
        issue_code, community_code, lon, lat,
        row_number() over (order by issue_code, community_code, lon, lat) as spot_id
    from (select distinct issue_code, community_code, lon, lat from placed) as different
),
near as (
    select
        s.spot_id,
        p.county_code,
        p.town_code,
        p.registered_on,
        p.unit_name,
        p.registered_at,
        row_number() over (partition by s.spot_id order by p.registered_at, p.event_key) as position,
        lag(p.registered_on, 1) over (partition by s.spot_id order by p.registered_at, p.event_key) as last_1,
        lag(p.registered_on, 2) over (partition by s.spot_id order by p.registered_at, p.event_key) as last_2,
        lag(p.registered_on, 3) over (partition by s.spot_id order by p.registered_at, p.event_key) as last_3,
        lead(p.registered_on, 1) over (partition by s.spot_id order by p.registered_at, p.event_key) as next_1,
        lead(p.registered_on, 2) over (partition by s.spot_id order by p.registered_at, p.event_key) as next_2,
        lag(p.closed_at) over (partition by s.spot_id order by p.registered_at, p.event_key) as last_closed_at
    from placed as p
    inner join spot as s
        on
            s.issue_code = p.issue_code
            and s.community_code is not distinct from p.community_code
            and s.lon is not distinct from p.lon
            and s.lat is not distinct from p.lat
),
-- The shortest window in which an item is one of three, and in which the one before it is of the same run.
close as (
    select
        spot_id, position, county_code, town_code, registered_on, unit_name, days_of_three,
        greatest(
            days_of_three,
            coalesce(date_diff('day', last_1, registered_on), 91),
            least(
                coalesce(date_diff('day', last_3, last_1), 91),
                coalesce(date_diff('day', last_2, registered_on), 91),
                coalesce(date_diff('day', last_1, next_1), 91)
            )
        ) as days_joined,
        coalesce(last_closed_at < registered_at, false) as is_after_closing
    from (
        select
            *,
            least(
                coalesce(date_diff('day', last_2, registered_on), 91),
                coalesce(date_diff('day', last_1, next_1), 91),
                coalesce(date_diff('day', registered_on, next_2), 91)
            ) as days_of_three
        from near
    ) as three
),
run as (
    select
        *,
        sum(case when days_of_three < 7 and days_joined >= 7 then 1 else 0 end) over so_far as run_7,
        sum(case when days_of_three < 14 and days_joined >= 14 then 1 else 0 end) over so_far as run_14,
        sum(case when days_of_three < 30 and days_joined >= 30 then 1 else 0 end) over so_far as run_30,
        sum(case when days_of_three < 90 and days_joined >= 90 then 1 else 0 end) over so_far as run_90
    from close
    window so_far as (
        partition by spot_id order by position rows between unbounded preceding and current row
    )
),
by_unit as (
    select
        w.window_days,
        r.spot_id,
        case w.window_days when 7 then r.run_7 when 14 then r.run_14 when 30 then r.run_30 else r.run_90 end as run_number,
        r.unit_name,
        min(r.county_code) as county_code,
        min(r.town_code) as town_code,
        min(r.registered_on) as first_on,
        max(r.registered_on) as last_on,
        count(*) as n_events,
        count(*) filter (where r.days_joined < w.window_days and r.is_after_closing) as n_after_closing
    from run as r
    inner join (
        select 7 as window_days
        union all
        select 14 as window_days
        union all
        select 30 as window_days
        union all
        select 90 as window_days
    ) as w on r.days_of_three < w.window_days
    group by 1, 2, 3, 4
)
select
    u.window_days,
    s.issue_code,
    min(u.county_code) as county_code,
    min(u.town_code) as town_code,
    s.community_code,
    s.lon,
    s.lat,
    min(u.first_on) as first_on,
    max(u.last_on) as last_on,
    cast(sum(u.n_events) as bigint) as n_events,
    cast(sum(u.n_after_closing) as bigint) as n_after_closing,
    string_agg(u.unit_name, '、' order by u.unit_name) as unit_names
from by_unit as u
inner join spot as s on s.spot_id = u.spot_id
group by u.window_days, s.issue_code, s.community_code, s.lon, s.lat, u.spot_id, u.run_number
order by window_days, last_on, issue_code, community_code, lon, lat, first_on
