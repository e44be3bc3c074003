-- What do the places of one level look like? $inside: only places in this county or town (null = all).
select b.place_code, b.geometry
from boundary as b
inner join place as p on p.place_code = b.place_code
where
    b.place_level = $place_level
    and ($inside::varchar is null or p.county_code = $inside or p.town_code = $inside)
order by b.place_code
