-- Points that stand for "not located" in the files; items on them have no position.
-- grain: source, layout, lon, lat
-- inputs: default_cell
select source, layout, lon, lat, n_events, share as position_share
from default_cell
order by n_events desc, source, layout, lon, lat
