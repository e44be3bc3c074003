-- Where do the items of the matter $matter (the first on $first_on) up to $week come from, and who handles them? The largest ten of each kind.
with item as (
    select e.*
    from event as e
    inner join event_matter as m on m.event_key = e.event_key
    where m.matter_id = $matter and e.registered_at >= $first_on::date and e.registered_at < $week::date + 7
),
part as (
    select 'place' as part_kind, coalesce(p.place_name, t.place_name, c.place_name, '未写明区域') as part_name
    from item as e
    left join place as p on p.place_code = e.community_code
    left join place as t on t.place_code = e.town_code
    left join place as c on c.place_code = e.county_code
    union all
    select 'source', source from item
    union all
    select 'unit', unit_name from item where unit_name is not null
)
select part_kind, part_name, count(*)::bigint as n_events
from part
group by part_kind, part_name
qualify row_number() over (partition by part_kind order by count(*) desc, part_name) <= 10
order by part_kind, n_events desc, part_name
