-- How complete and usable is each field, by source and registration week?
-- grain: week_start_on, source, field_name
-- inputs: quality_week, known_event, resolved_place, resolved_category, provisional_issue, build_parameter
-- refresh: week_start_on by registered_on
with counted as (
    select
        cast(date_trunc('week', e.registered_at) as date) as week_start_on,
        e.source,
        count(*) as n_events,
        count(e.occurred_at) as given_occurred_at,
        count(e.accepted_at) as given_accepted_at,
        count(e.due_at) as given_due_at,
        count(e.replied_at) as given_replied_at,
        count(e.closed_at) as given_closed_at,
        count(e.channel) as given_channel,
        count(e.purpose) as given_purpose,
        count(e.severity) as given_severity,
        count(e.category_raw) as given_category_raw,
        count(e.county_name) as given_county_name,
        count(e.town_name) as given_town_name,
        count(e.community_name) as given_community_name,
        count(e.lon) as given_lon,
        count(e.unit_name) as given_unit_name,
        count(e.persons) as given_persons,
        count(e.is_repeat) as given_is_repeat,
        count(e.is_group) as given_is_group,
        count(e.is_solved) as given_is_solved,
        count(e.satisfaction) as given_satisfaction,
        count(e.n_returns) as given_n_returns,
        count(e.title) as given_title,
        count(e.text) as given_text,
        count(*) filter (where e.channel like '%其他%' or e.channel like '%其它%') as other_channel,
        count(*) filter (where e.purpose like '%其他%' or e.purpose like '%其它%') as other_purpose,
        count(*) filter (where e.unit_name like '%其他%' or e.unit_name like '%其它%') as other_unit_name,
        count(*) filter (where e.category_raw like '%其他%' or e.category_raw like '%其它%') as other_category_raw,
        count(*) filter (where e.county_name is not null and r.county_code is null) as unmatched_county_name,
        count(*) filter (where e.town_name is not null and r.town_code is null) as unmatched_town_name,
        count(*) filter (where e.community_name is not null and r.community_code is null) as unmatched_community_name,
        count(*) filter (where e.category_raw is not null and i.issue_code is not null) as unmatched_category_raw
    from known_event as e
    inner join resolved_place as r
        on
            r.county_name is not distinct from e.county_name
            and r.town_name is not distinct from e.town_name
            and r.community_name is not distinct from e.community_name
    inner join resolved_category as c
        on c.source = e.source and c.category_raw is not distinct from e.category_raw
    left join provisional_issue as i on i.issue_code = c.issue_code
    cross join build_parameter as p
    where e.registered_at < p.as_of_end
    group by cast(date_trunc('week', e.registered_at) as date), e.source
),
by_field as (
    select week_start_on, source, 'occurred_at' as field_name, n_events, n_events - given_occurred_at as n_missing,
        cast(0 as bigint) as n_other, cast(0 as bigint) as n_unmatched
    from counted
    union all
    select week_start_on, source, 'accepted_at' as field_name, n_events, n_events - given_accepted_at as n_missing,
        0 as n_other, 0 as n_unmatched
    from counted
    union all
    select week_start_on, source, 'due_at' as field_name, n_events, n_events - given_due_at as n_missing,
        0 as n_other, 0 as n_unmatched
    from counted
    union all
    select week_start_on, source, 'replied_at' as field_name, n_events, n_events - given_replied_at as n_missing,
        0 as n_other, 0 as n_unmatched
    from counted
    union all
    select week_start_on, source, 'closed_at' as field_name, n_events, n_events - given_closed_at as n_missing,
        0 as n_other, 0 as n_unmatched
    from counted
    union all
    select week_start_on, source, 'channel' as field_name, n_events, n_events - given_channel as n_missing,
        other_channel as n_other, 0 as n_unmatched
    from counted
    union all
    select week_start_on, source, 'purpose' as field_name, n_events, n_events - given_purpose as n_missing,
        other_purpose as n_other, 0 as n_unmatched
    from counted
    union all
    select week_start_on, source, 'severity' as field_name, n_events, n_events - given_severity as n_missing,
        0 as n_other, 0 as n_unmatched
    from counted
    union all
    select week_start_on, source, 'category_raw' as field_name, n_events, n_events - given_category_raw as n_missing,
        other_category_raw as n_other, unmatched_category_raw as n_unmatched
    from counted
    union all
    select week_start_on, source, 'county_name' as field_name, n_events, n_events - given_county_name as n_missing,
        0 as n_other, unmatched_county_name as n_unmatched
    from counted
    union all
    select week_start_on, source, 'town_name' as field_name, n_events, n_events - given_town_name as n_missing,
        0 as n_other, unmatched_town_name as n_unmatched
    from counted
    union all
    select week_start_on, source, 'community_name' as field_name, n_events, n_events - given_community_name as n_missing,
        0 as n_other, unmatched_community_name as n_unmatched
    from counted
    union all
    select week_start_on, source, 'lon' as field_name, n_events, n_events - given_lon as n_missing,
        0 as n_other, 0 as n_unmatched
    from counted
    union all
    select week_start_on, source, 'unit_name' as field_name, n_events, n_events - given_unit_name as n_missing,
        other_unit_name as n_other, 0 as n_unmatched
    from counted
    union all
    select week_start_on, source, 'persons' as field_name, n_events, n_events - given_persons as n_missing,
        0 as n_other, 0 as n_unmatched
    from counted
    union all
    select week_start_on, source, 'is_repeat' as field_name, n_events, n_events - given_is_repeat as n_missing,
        0 as n_other, 0 as n_unmatched
    from counted
    union all
    select week_start_on, source, 'is_group' as field_name, n_events, n_events - given_is_group as n_missing,
        0 as n_other, 0 as n_unmatched
    from counted
    union all
    select week_start_on, source, 'is_solved' as field_name, n_events, n_events - given_is_solved as n_missing,
        0 as n_other, 0 as n_unmatched
    from counted
    union all
    select week_start_on, source, 'satisfaction' as field_name, n_events, n_events - given_satisfaction as n_missing,
        0 as n_other, 0 as n_unmatched
    from counted
    union all
    select week_start_on, source, 'n_returns' as field_name, n_events, n_events - given_n_returns as n_missing,
        0 as n_other, 0 as n_unmatched
    from counted
    union all
    select week_start_on, source, 'title' as field_name, n_events, n_events - given_title as n_missing,
        0 as n_other, 0 as n_unmatched
    from counted
    union all
    select week_start_on, source, 'text' as field_name, n_events, n_events - given_text as n_missing,
        0 as n_other, 0 as n_unmatched
    from counted
    union all
    select week_start_on, source, 'status' as field_name, n_events, 0 as n_missing,
        0 as n_other, 0 as n_unmatched
    from counted
)
select
    f.week_start_on,
    f.source,
    f.field_name,
    f.n_events,
    f.n_missing,
    f.n_other,
    f.n_unmatched,
    case f.field_name
        when 'occurred_at' then q.n_occurred_late
        when 'accepted_at' then q.n_accepted_early
        when 'replied_at' then q.n_replied_early
        when 'closed_at' then q.n_closed_early
        when 'due_at' then q.n_due_early
        when 'status' then q.n_closing_time_missing + q.n_open_but_closed
        else 0
    end as n_invalid
from by_field as f
inner join quality_week as q on q.week_start_on = f.week_start_on and q.source = f.source
order by f.source, f.field_name, f.week_start_on
