-- Every place a figure can belong to.
-- grain: place_code
-- inputs: reference_place, provisional_place, reference_boundary
with every_place as (
    select place_code, place_name, place_level, parent_code, population, lon, lat, false as is_provisional
    from reference_place
    union all
    select
        provisional_place.place_code,
        place_name,
        place_level,
        case when place_level = 'county' then coalesce(parent_code, city.place_code, 'city') else parent_code end,
        null::bigint,
        null::double,
        null::double,
        true
    from provisional_place
    cross join (select min(place_code) as place_code from reference_place where place_level = 'city') as city
),
bounded as (select distinct place_code from reference_boundary)
select
    p.place_code,
    p.place_name,
    p.place_level,
    p.parent_code,
    case p.place_level
        when 'county' then p.place_code
        when 'town' then up.place_code
        when 'community' then top.place_code
    end as county_code,
    case p.place_level
        when 'county' then p.place_name
        when 'town' then up.place_name
        when 'community' then top.place_name
    end as county_name,
    case p.place_level when 'town' then p.place_code when 'community' then up.place_code end as town_code,
    case p.place_level when 'town' then p.place_name when 'community' then up.place_name end as town_name,
    p.population,
    p.lon,
    p.lat,
    p.is_provisional,
    b.place_code is not null as has_boundary
from every_place as p
left join every_place as up on up.place_code = p.parent_code
left join every_place as top on top.place_code = up.parent_code
left join bounded as b on b.place_code = p.place_code
order by p.place_code
