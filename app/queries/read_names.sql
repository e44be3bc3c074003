-- Which place names were understood otherwise than letter by letter, and as what? Most frequent first.
select
    n.source,
    n.name_reported,
    concat_ws(' › ', k.place_name, t.place_name, c.place_name) as place_name,
    n.place_how,
    n.n_events
from resolved_name as n
left join place as k on k.place_code = n.county_code
left join place as t on t.place_code = n.town_code
left join place as c on c.place_code = n.community_code
where n.place_how in ('below_parent', 'alias', 'former_name', 'suffix', 'unique_in_city')
order by n.n_events desc, n.source, n.name_reported, n.place_how
limit 2000
