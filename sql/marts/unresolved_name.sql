-- Names in the files that the reference does not know yet, for the office to add.
-- grain: name_kind, source, name_reported, outcome
-- inputs: event, resolved_name, issue
select
    'place' as name_kind,
    source,
    name_reported,
    case
        when place_how <> 'partly' then place_how
        when town_code is null then 'county_only'
        else 'town_only'
    end as outcome,
    cast(sum(n_events) as bigint) as n_events
from resolved_name
where place_how in ('partly', 'provisional', 'unlocated')
group by 2, 3, 4
union all
select
    'category' as name_kind,
    e.source,
    e.category_raw as name_reported,
    case when e.category_raw is null then 'unclassified' else 'provisional' end as outcome,
    count(*) as n_events
from event as e
inner join issue as i on i.issue_code = e.issue_code
where i.is_provisional or e.issue_basis = 'suggested'
group by e.source, e.category_raw
order by name_kind, n_events desc, source, name_reported
