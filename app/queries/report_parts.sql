-- How many items has each part of a period, in it, in the period before and a year ago? One scan, all parts.
-- `part` says which columns name the row: channel (source, channel), purpose (source, purpose), unit (unit_name), cell
-- (county, town, community, issue). Each is a cut of all items of the city; is_inside: within $county and $town (null = the city).
with chosen as (
    select
        source,
        channel,
        purpose,
        issue_code,
        unit_name,
        county_code,
        town_code,
        community_code,
        is_repeat,
        is_group,
        ($county::varchar is null or county_code is not distinct from $county)
        and ($town::varchar is null or town_code is not distinct from $town) as is_inside,
        registered_at >= $from_on::date and registered_at < $to_on::date + 1 as is_now,
        registered_at >= $before_from::date and registered_at < $before_to::date + 1 as is_before,
        registered_at >= $year_ago_from::date and registered_at < $year_ago_to::date + 1 as is_year_ago
    from event
    where
        registered_at >= $year_ago_from::date
        and registered_at < $to_on::date + 1
        and (
            registered_at >= $from_on::date
            or (registered_at >= $before_from::date and registered_at < $before_to::date + 1)
            or registered_at < $year_ago_to::date + 1
        )
)

select
    case
        when grouping(channel) = 0 then 'channel'
        when grouping(purpose) = 0 then 'purpose'
        when grouping(unit_name) = 0 then 'unit'
        else 'cell'
    end as part,
    is_inside,
    source,
    channel,
    purpose,
    unit_name,
    county_code,
    town_code,
    community_code,
    issue_code,
    count(*) filter (where is_now)::bigint as n_events,
    count(*) filter (where is_before)::bigint as n_events_before,
    count(*) filter (where is_year_ago)::bigint as n_events_year_ago,
    count(*) filter (where is_now and is_repeat)::bigint as n_repeat,
    count(*) filter (where is_before and is_repeat)::bigint as n_repeat_before,
    count(*) filter (where is_year_ago and is_repeat)::bigint as n_repeat_year_ago,
    count(*) filter (where is_now and is_group)::bigint as n_group,
    count(*) filter (where is_before and is_group)::bigint as n_group_before,
    count(*) filter (where is_year_ago and is_group)::bigint as n_group_year_ago,
    count(is_repeat) filter (where is_now)::bigint as n_repeat_known,
    count(is_repeat) filter (where is_before)::bigint as n_repeat_known_before
from chosen
group by grouping sets (
    (is_inside, source, channel),
    (is_inside, source, purpose),
    (is_inside, unit_name),
    (is_inside, county_code, town_code, community_code, issue_code)
)
order by all
