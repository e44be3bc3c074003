-- Which points in the files stand for "not located"?
select source, layout, lon, lat, n_events, position_share
from default_point
order by n_events desc, source, layout, lon, lat
