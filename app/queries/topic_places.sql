-- How many items of the topic has each place of one level, now and in the equally long period before?
select
    p.place_code, p.place_name, p.parent_code, p.county_code, p.county_name, p.town_code, p.town_name, p.population,
    p.lon, p.lat, p.has_boundary, p.is_provisional,
    coalesce(sum(w.n_events) filter (where w.week_start_on >= $from_on::date), 0)::bigint as n_events,
    coalesce(sum(w.n_events) filter (where w.week_start_on < $from_on::date), 0)::bigint as n_events_before
from place as p
left join topic_week as w
    on
        w.topic_id = $topic
        and w.week_start_on between $before_on::date and $to_on::date
        and p.place_code = case $place_level
            when 'county' then w.county_code when 'town' then w.town_code else w.community_code
        end
where p.place_level = $place_level
group by all
having not p.is_provisional or n_events > 0
order by n_events desc, p.place_code
