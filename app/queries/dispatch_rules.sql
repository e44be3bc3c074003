-- By which deadline rules do the items of an issue go that were registered in the year up to $through? Most used first within a
-- source; n_source: all items of the source about it; due_on: by when, if the clock started the day after $through.
with used as (
    select source, rule_id, count(*) as n_events
    from event
    where
        registered_at >= $through::date - 364
        and registered_at < $through::date + 1
        and issue_code = $issue
        and ($source::varchar is null or source = $source)
        and ($purpose::varchar is null or contains(purpose, $purpose))
    group by source, rule_id
)
select
    u.source, u.n_events::bigint as n_events, (sum(u.n_events) over (partition by u.source))::bigint as n_source,
    r.rule_id, r.rule_title, r.start_event, r.n_days, r.day_unit, r.extension_days, r.basis, r.is_verified,
    d.rule_due_at::date as due_on, d.is_estimated
from used as u
left join deadline_rule as r on r.rule_id = u.rule_id
left join deadline_day as d on d.rule_id = u.rule_id and d.start_on = $through::date + 1
order by u.source, u.n_events desc, r.rule_id
