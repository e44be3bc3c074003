-- When did the office first have the items of each week since $since? The reporting triangle, for `weeks.completeness`
-- and for the backtest, which judges as on that Monday.
-- grain: week_start_on, source, county_code, town_code, community_code, issue_code, known_on
with recent as (
    select event_id from known_event where registered_at >= $since
),
report as (
    select event_id, batch_id from core.event
    union all
    select event_id, batch_id from core.event_history
    union all
    select event_id, batch_id from core.repeat
),
first_report as (
    select r.event_id, min(b.known_on) as known_on
    from report as r
    semi join recent using (event_id)
    inner join known_batch as b using (batch_id)
    group by r.event_id
)
select
    cast(date_trunc('week', e.registered_on) as date) as week_start_on,
    e.source,
    e.county_code,
    e.town_code,
    e.community_code,
    e.issue_code,
    count(*) as n_events,
    count(*) filter (where e.is_repeat) as n_repeat,
    count(e.is_repeat) as n_repeat_known,
    f.known_on
from first_report as f
inner join event as e on e.event_key = lower(printf('%016x', f.event_id))
group by all
order by all
