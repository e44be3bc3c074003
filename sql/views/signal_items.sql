-- Which items are behind each signal? One row a signal and item; `chosen_signal` is what is asked about.
-- Of a matter its items of four weeks (`from_on`); of a unit the cases of the weeks its evidence looks at ($weeks_before before and its own);
-- of a cluster those of its places since it began; of everything else the items of the place, issue (or group) and week.
select
    s.signal_no, e.registered_on, e.county_code, e.town_code, e.community_code, i.issue_name, e.unit_name, e.source,
    e.channel, m.matter_id, e.text is not null and e.text <> '' as has_text
from chosen_signal as s
inner join event as e on e.registered_on between s.from_on and s.week_start_on + 6
inner join issue as i on i.issue_code = e.issue_code
left join event_matter as m on m.event_key = e.event_key
where
    s.unit_name is null
    and s.matter_id is null
    and s.issue_code in (i.issue_code, i.group_code)
    and (
        s.place_level = 'city'
        or (s.place_level = 'county' and e.county_code = s.place_code)
        or (s.place_level = 'town' and e.town_code = s.place_code)
    )
    and (
        s.cluster_id is null
        or exists (
            select 1
            from cluster_place as m
            where
                m.cluster_id = s.cluster_id
                and m.week_start_on = s.week_start_on
                and (m.place_code = e.community_code or (m.place_code is null and m.lon = e.lon and m.lat = e.lat))
        )
    )
union all
select
    s.signal_no, e.registered_on, e.county_code, e.town_code, e.community_code, i.issue_name, e.unit_name, e.source,
    e.channel, m.matter_id, e.text is not null and e.text <> '' as has_text
from chosen_signal as s
inner join event_matter as m on m.matter_id = s.matter_id
inner join event as e on e.event_key = m.event_key and e.registered_on between s.from_on and s.week_start_on + 6
inner join issue as i on i.issue_code = e.issue_code
where s.unit_name is null
union all
select
    s.signal_no, e.registered_on, e.county_code, e.town_code, e.community_code, i.issue_name, e.unit_name, e.source,
    e.channel, null as matter_id, e.text is not null and e.text <> '' as has_text
from chosen_signal as s
inner join event as e on e.unit_name = s.unit_name
inner join issue as i on i.issue_code = e.issue_code
left join (select lower(printf('%016x', event_id)) as event_key from known_event where n_returns > 0) as r
    on r.event_key = e.event_key
where
    s.unit_name is not null
    and (
        (
            s.kind = 'overdue'
            and e.is_overdue
            and cast(e.due_at as date) between s.week_start_on - cast(7 * $weeks_before as integer) and s.week_start_on + 6
        )
        or (
            s.kind = 'satisfaction'
            and e.satisfaction = 'dissatisfied'
            and cast(coalesce(e.closed_at, e.registered_at) as date)
            between s.week_start_on - cast(7 * $weeks_before as integer) and s.week_start_on + 6
        )
        or (
            s.kind = 'returns'
            and r.event_key is not null
            and cast(e.closed_at as date) between s.week_start_on - cast(7 * $weeks_before as integer) and s.week_start_on + 6
        )
    )
