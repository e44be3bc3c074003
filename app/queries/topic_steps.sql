-- How far did the items of a topic, an issue or of all come: registered, passed on, accepted, answered, rated? One row a
-- source and step, for the items registered in the weeks from $from_on to $to_on. Days since registration (median,
-- p90) and since the step before that has a date (step_median, step_p90).
-- n_known: of how many the file has the step at all; n_timed: of those that reached it, how many say when.
-- then: topic_chosen
, step as (
    select source, 'registered' as step, true as is_reached, null::bigint as n_days, null::bigint as n_step_days from item
    union all
    select source, 'forwarded', is_forwarded, forwarding_days, forwarding_days from item
    union all
    select source, 'accepted', is_accepted, accepting_days, accepting_days - coalesce(forwarding_days, 0) from item
    union all
    select
        source, 'answered', is_answered, case when is_answered then answering_days end,
        case when is_answered then answering_days - coalesce(accepting_days, forwarding_days, 0) end
    from item
    union all
    select
        source, 'rated', is_rated, case when is_rated then rating_days end,
        case when is_rated then rating_days - coalesce(answering_days, accepting_days, forwarding_days, 0) end
    from item
)
select
    source,
    step,
    count(is_reached)::bigint as n_known,
    (count(*) filter (where is_reached))::bigint as n_reached,
    (count(n_days) filter (where is_reached))::bigint as n_timed,
    percentile_cont(0.5) within group (order by n_step_days) as step_median,
    percentile_cont(0.9) within group (order by n_step_days) as step_p90,
    percentile_cont(0.5) within group (order by n_days) as median,
    percentile_cont(0.9) within group (order by n_days) as p90
from step
group by source, step
order by source, step
