-- What each place name in the files was taken to mean, and how that was found.
-- grain: source, name_reported, place_how, county_code, town_code, community_code
-- inputs: known_event, known_batch, resolved_place, resolved_position, build_parameter
-- The point of an item says more only where the names do not lead to a town: those that do are looked up once a name.
select
    source,
    name_reported,
    place_how,
    county_code,
    town_code,
    community_code,
    cast(sum(n_events) as bigint) as n_events
from (
    select
        e.source,
        concat_ws(' › ', e.county_name, e.town_name, e.community_name) as name_reported,
        r.how as place_how,
        r.county_code,
        r.town_code,
        r.community_code,
        e.n_events
    from (
        select k.source, k.batch_id, k.county_name, k.town_name, k.community_name, count(*) as n_events
        from known_event as k
        cross join build_parameter as p
        where k.registered_at < p.as_of_end
        group by k.source, k.batch_id, k.county_name, k.town_name, k.community_name
    ) as e
    inner join known_batch as b on b.batch_id = e.batch_id
    inner join resolved_place as r
        on
            r.county_name is not distinct from e.county_name
            and r.town_name is not distinct from e.town_name
            and r.community_name is not distinct from e.community_name
    where r.town_code is not null
    union all
    select
        e.source,
        concat_ws(' › ', e.county_name, e.town_name, e.community_name) as name_reported,
        case when g.county_code is not null then 'from_point' else r.how end as place_how,
        coalesce(r.county_code, g.county_code) as county_code,
        coalesce(r.town_code, g.town_code) as town_code,
        coalesce(r.community_code, g.community_code) as community_code,
        1 as n_events
    from known_event as e
    inner join known_batch as b on b.batch_id = e.batch_id
    inner join resolved_place as r
        on
            r.county_name is not distinct from e.county_name
            and r.town_name is not distinct from e.town_name
            and r.community_name is not distinct from e.community_name
    left join resolved_position as g
        on
            g.source = e.source
            and g.layout = b.layout
            and g.lon = e.lon
            and g.lat = e.lat
            and (r.county_code is null or (r.county_code = g.county_code and g.town_code is not null))
    cross join build_parameter as p
    where r.town_code is null and e.registered_at < p.as_of_end
) as named
group by source, name_reported, place_how, county_code, town_code, community_code
order by n_events desc, source, name_reported, place_how, county_code, town_code, community_code
