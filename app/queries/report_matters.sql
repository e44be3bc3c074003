-- Which matters had the most items from $from_on to $to_on, in the area? At most $n_rows, of $min_events items or more.
select
    m.matter_id,
    m.title,
    m.place_level,
    p.place_name,
    c.place_name as county_name,
    m.issue_code,
    m.group_code,
    coalesce(i.issue_name, m.issue_code) as issue_name,
    e.n_events,
    e.n_sources,
    m.first_on
from (
    select em.matter_id, count(*)::bigint as n_events, count(distinct e.source)::bigint as n_sources
    from event as e
    inner join event_matter as em on em.event_key = e.event_key
    where
        e.registered_at >= $from_on::date
        and e.registered_at < $to_on::date + 1
        and ($county::varchar is null or e.county_code = $county)
        and ($town::varchar is null or e.town_code = $town)
    group by em.matter_id
    having count(*) >= $min_events
) as e
inner join matter as m on m.matter_id = e.matter_id
left join place as p on p.place_code = m.place_code
left join place as c on c.place_code = p.county_code and m.place_level <> 'county'
left join issue as i on i.issue_code = m.issue_code
order by e.n_events desc, m.matter_id
limit $n_rows
