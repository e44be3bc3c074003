-- What is wrong with each item as reported: the one definition behind the marts on data quality. Not published.
-- grain: batch_id, source_row, registered_on
-- inputs: known_event, resolved_place, resolved_category, build_parameter
-- A time at midnight is a day without a time: it comes before another only if its day does.
select
    e.source,
    e.unit_name,
    e.batch_id,
    e.source_row,
    cast(e.registered_at as date) as registered_on,
    r.is_unlocated is not null as is_place_missing,
    e.category_raw is null as is_category_missing,
    coalesce(e.category_raw like '%其他%' or e.category_raw like '%其它%', false) as is_category_other,
    coalesce(
        e.occurred_at > e.registered_at
        and (
            cast(e.occurred_at as date) > cast(e.registered_at as date)
            or e.registered_at <> date_trunc('day', e.registered_at)
        ), false
    ) as is_occurred_late,
    coalesce(
        e.accepted_at < e.registered_at
        and (
            cast(e.accepted_at as date) < cast(e.registered_at as date)
            or e.accepted_at <> date_trunc('day', e.accepted_at)
        ), false
    ) as is_accepted_early,
    coalesce(
        e.replied_at < coalesce(e.accepted_at, e.registered_at)
        and (
            cast(e.replied_at as date) < cast(coalesce(e.accepted_at, e.registered_at) as date)
            or e.replied_at <> date_trunc('day', e.replied_at)
        ), false
    ) as is_replied_early,
    coalesce(
        e.closed_at < coalesce(e.replied_at, e.accepted_at, e.registered_at)
        and (
            cast(e.closed_at as date) < cast(coalesce(e.replied_at, e.accepted_at, e.registered_at) as date)
            or e.closed_at <> date_trunc('day', e.closed_at)
        ), false
    ) as is_closed_early,
    coalesce(cast(e.due_at as date) < cast(e.registered_at as date), false) as is_due_early,
    e.status = 'closed' and e.closed_at is null as is_closing_time_missing,
    e.status not in ('closed', 'declined') and e.closed_at is not null as is_open_but_closed,
    case
        when cast(e.occurred_at as date) <= cast(e.registered_at as date)
            then greatest((epoch(e.registered_at) - epoch(e.occurred_at)) / 86400.0, 0.0)
    end as lag_days
from known_event as e
left join (
    select county_name, town_name, community_name, true as is_unlocated from resolved_place where county_code is null
) as r
    on
        r.county_name is not distinct from e.county_name
        and r.town_name is not distinct from e.town_name
        and r.community_name is not distinct from e.community_name
cross join build_parameter as p
where e.registered_at < p.as_of_end
