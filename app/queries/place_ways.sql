-- How did the items of each source come to their place?
select source, place_how, n_events
from place_resolution
order by source, place_how
