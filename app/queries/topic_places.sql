-- How many items of the topic has each place, county to community, now and in the equally long period before?
with counted as (
    select
        coalesce(county_code, town_code, community_code) as place_code,
        sum(n_events) filter (where week_start_on >= $from_on::date) as n_events,
        sum(n_events) filter (where week_start_on < $from_on::date) as n_events_before
    from topic_week
    where topic_id = $topic and week_start_on between $before_on::date and $to_on::date
    group by grouping sets ((county_code), (town_code), (community_code))
)
select
    p.place_code, p.place_name, p.place_level, p.parent_code, p.county_code, p.county_name, p.town_code, p.town_name,
    p.population, p.lon, p.lat, p.has_boundary, p.is_provisional,
    coalesce(c.n_events, 0)::bigint as n_events,
    coalesce(c.n_events_before, 0)::bigint as n_events_before
from place as p
left join counted as c on c.place_code = p.place_code
where p.place_level in ('county', 'town', 'community') and (not p.is_provisional or c.n_events > 0)
order by n_events desc, p.place_code
