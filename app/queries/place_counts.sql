-- How many items has each place, now and in the equally long period before?
-- $place_level: county | town | community, null = all three; only places inside $county and $town (null = all).
-- Where the chosen source has nothing of a county before, in and after the period, its figure is null: unknown, not 0.
with chosen as (
    select county_code, town_code, community_code, n_events, week_start_on >= $from_on::date as is_now
    from weekly_counts
    where
        week_start_on >= $before_on::date
        and week_start_on <= $to_on::date
        and ($source::varchar is null or source = $source)
        and ($issue::varchar is null or issue_code = $issue)
        and ($group::varchar is null or issue_code in (select issue_code from issue where group_code = $group))
        and ($county::varchar is null or county_code = $county)
        and ($town::varchar is null or town_code = $town)
),
counted as (
    select
        case
            when grouping(county_code) = 0 then 'county' when grouping(town_code) = 0 then 'town' else 'community'
        end as place_level,
        coalesce(county_code, town_code, community_code) as place_code,
        sum(n_events) filter (where is_now) as n_events,
        sum(n_events) filter (where not is_now) as n_events_before
    from chosen
    group by grouping sets ((county_code), (town_code), (community_code))
),
covered as (
    select county_code, min(week_start_on) as first_on, max(week_start_on) as last_on
    from weekly_counts
    where $source::varchar is null or source = $source
    group by county_code
)
select
    p.place_code,
    p.place_name,
    p.place_level,
    p.parent_code,
    p.county_code,
    p.county_name,
    p.town_code,
    p.town_name,
    p.population,
    p.lon,
    p.lat,
    p.has_boundary,
    p.is_provisional,
    case when k.first_on <= $to_on::date and k.last_on >= $from_on::date then coalesce(c.n_events, 0)::bigint end
        as n_events,
    case when k.first_on < $from_on::date and k.last_on >= $before_on::date then coalesce(c.n_events_before, 0)::bigint end
        as n_events_before
from place as p
left join counted as c on c.place_level = p.place_level and c.place_code = p.place_code
left join covered as k on k.county_code = p.county_code
where
    p.place_level in ('county', 'town', 'community')
    and ($place_level::varchar is null or p.place_level = $place_level)
    and ($county::varchar is null or p.county_code = $county)
    and ($town::varchar is null or p.town_code = $town)
    and (not p.is_provisional or coalesce(c.n_events, 0) > 0)
order by n_events desc nulls last, p.place_code
