-- Which places are there, down to the communities?
select place_code, place_name, place_level, parent_code, county_code, county_name, town_code, town_name,
    population, lon, lat, is_provisional, has_boundary
from place
order by place_code
