-- Names in the files that the reference does not know yet, for the office to add.
-- grain: name_kind, source, name_reported
-- inputs: core.event, event, resolved_place, resolved_category, issue, build_parameter
select
    'place' as name_kind,
    e.source,
    concat_ws(' › ', e.county_name, e.town_name, e.community_name) as name_reported,
    case
        when r.county_code is null then 'unlocated'
        when p.is_provisional then 'provisional'
        else 'county_only'
    end as outcome,
    count(*) as n_events
from core.event as e
inner join resolved_place as r
    on
        r.county_name is not distinct from e.county_name
        and r.town_name is not distinct from e.town_name
        and r.community_name is not distinct from e.community_name
left join place as p on p.place_code = r.county_code
cross join build_parameter as b
where
    e.registered_at < b.as_of_end
    and (r.county_code is null or p.is_provisional or (e.town_name is not null and r.town_code is null))
group by e.source, 3, 4
union all
select
    'category' as name_kind,
    e.source,
    e.category_raw as name_reported,
    case when e.category_raw is null then 'unclassified' else 'provisional' end as outcome,
    count(*) as n_events
from event as e
inner join issue as i on i.issue_code = e.issue_code
where i.is_provisional
group by e.source, e.category_raw
order by name_kind, n_events desc, source, name_reported
