-- Boundaries as the office supplied them, ready for the map.
-- grain: place_code
-- inputs: reference_boundary, place
select b.place_code, b.place_level, p.parent_code, b.geometry
from reference_boundary as b
inner join place as p on p.place_code = b.place_code
order by b.place_level, b.place_code
