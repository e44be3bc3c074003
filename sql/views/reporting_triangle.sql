-- When did the office first have the items of each recent week? The reporting triangle, for `weeks.completeness`.
-- grain: week_start_on, county_code, known_on
with recent as (
    select event_id from known_event, build_parameter where registered_at >= as_of_end - interval 36 weeks
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
    e.county_code,
    f.known_on,
    count(*) as n_events
from first_report as f
inner join event as e on e.event_key = lower(printf('%016x', f.event_id))
group by all
order by all
