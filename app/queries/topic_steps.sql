-- How far did the items of a topic, an issue or of all come: registered, passed on, accepted, answered, rated? One row a
-- source and step, for the items registered in the weeks from $from_on to $to_on. Days since registration (median,
-- p90) and since the step before that has a date (step_median, step_p90).
-- n_known: of how many the file has the step at all; n_timed: of those that reached it, how many say when.
-- Counted by days first: of a million items there are a few hundred different ones, and a quantile of these needs no sorting.
-- then: topic_chosen
, kind as (
    select
        source, is_forwarded, is_accepted, is_answered, is_rated, forwarding_days, accepting_days, answering_days,
        rating_days, count(*) as n
    from item
    group by all
),
step as (
    select source, 'registered' as step, true as is_reached, null::bigint as n_days, null::bigint as n_step_days, n from kind
    union all
    select source, 'forwarded', is_forwarded, forwarding_days, forwarding_days, n from kind
    union all
    select source, 'accepted', is_accepted, accepting_days, accepting_days - coalesce(forwarding_days, 0), n from kind
    union all
    select
        source, 'answered', is_answered, case when is_answered then answering_days end,
        case when is_answered then answering_days - coalesce(accepting_days, forwarding_days, 0) end, n
    from kind
    union all
    select
        source, 'rated', is_rated, case when is_rated then rating_days end,
        case when is_rated then rating_days - coalesce(answering_days, accepting_days, forwarding_days, 0) end, n
    from kind
),
days as (
    select source, step, 'since_registered' as measure, n_days as value, sum(n) as n from step where n_days is not null group by all
    union all
    select source, step, 'since_step', n_step_days, sum(n) from step where n_step_days is not null group by all
),
placed as (
    select
        *,
        sum(n) over (partition by source, step, measure order by value) as n_up_to,
        sum(n) over (partition by source, step, measure) - 1 as last
    from days
),
quantile as (
    select
        source,
        step,
        measure,
        any_value(last) * 0.5 - floor(any_value(last) * 0.5) as between_median,
        any_value(last) * 0.9 - floor(any_value(last) * 0.9) as between_p90,
        min(value) filter (where n_up_to > floor(last * 0.5)) as median_low,
        min(value) filter (where n_up_to > ceil(last * 0.5)) as median_high,
        min(value) filter (where n_up_to > floor(last * 0.9)) as p90_low,
        min(value) filter (where n_up_to > ceil(last * 0.9)) as p90_high
    from placed
    group by source, step, measure
),
spread as (
    select
        source,
        step,
        measure,
        (median_low + (median_high - median_low) * between_median)::double as median,
        (p90_low + (p90_high - p90_low) * between_p90)::double as p90
    from quantile
),
reached as (
    select
        source,
        step,
        coalesce(sum(n) filter (where is_reached is not null), 0)::bigint as n_known,
        coalesce(sum(n) filter (where is_reached), 0)::bigint as n_reached,
        coalesce(sum(n) filter (where is_reached and n_days is not null), 0)::bigint as n_timed
    from step
    group by source, step
)
select r.*, s.median as step_median, s.p90 as step_p90, d.median, d.p90
from reached as r
left join spread as s on s.source = r.source and s.step = r.step and s.measure = 'since_step'
left join spread as d on d.source = r.source and d.step = r.step and d.measure = 'since_registered'
order by r.source, r.step
