-- What became of each warning a week later (next_week_on)? One row a warning, with that week's figures beside it.
-- Of one that counted the items of a place, an issue and a week: the same count, and its verdict; listed: within its limit,
-- and still on this week's list. Of one about a unit: the cases of its last 4 weeks. Of a cluster, a matter, new words:
-- what it says now where it is listed again, else null.
with listed as (
    select *, week_start_on + 7 as next_week_on, unit_name is null and (kinds like '%excess%' or kinds like '%rise%') as is_counted
    from signal
)

select
    s.signal_id,
    s.signal_level,
    s.title,
    s.kind,
    s.week_start_on,
    s.next_week_on,
    s.place_level,
    c.place_name as county_name,
    s.place_code,
    s.place_name,
    s.county_code,
    s.issue_code,
    s.issue_name,
    s.unit_name,
    s.matter_id,
    s.rank,
    s.observed as observed_before,
    s.upper_bound as upper_before,
    case when s.is_counted then coalesce(d.observed, 0) else coalesce(now.observed, e.observed) end as observed,
    case when s.is_counted then d.expected else coalesce(now.expected, e.expected) end as expected,
    case when s.is_counted then d.upper_bound else coalesce(now.upper_bound, e.upper_bound) end as upper_bound,
    case
        when s.is_counted and coalesce(d.status, 'normal') <> 'normal' then d.status
        when now.signal_id is not null then case when s.is_counted then 'listed' else 'alarm' end
        when s.unit_name is not null then coalesce(e.status, 'not_assessed')
        else coalesce(d.status, 'normal')
    end as status
from listed as s
left join signal as now on now.signal_id = s.signal_id and now.week_start_on = s.next_week_on
left join place as c on c.place_code = s.county_code
left join weekly_detection as d
    on
        d.week_start_on = s.next_week_on
        and s.is_counted
        and d.place_level = s.place_level
        and d.place_code = s.place_code
        and d.issue_code = s.issue_code
left join evidence as e
    on
        e.week_start_on = s.next_week_on
        and e.unit_name = s.unit_name
        and e.kind = s.kind
order by s.week_start_on desc, s.rank
