-- How far did the items of a topic, an issue or of all come: registered, passed on, accepted, answered, rated? One row a
-- source and step, for the items registered in the weeks from $from_on to $to_on. Days since registration (median,
-- p90) and since the step before that has a date (step_median, step_p90).
-- n_known: of how many the file has the step at all; n_timed: of those that reached it, how many say when.
with code as (
    select issue_code, word_pattern, topic_purpose from topic_issue
    where topic_id = $topic and ($issue::varchar is null or issue_code = $issue)
    union all
    select issue_code, null, null from issue where $topic::varchar is null and ($issue::varchar is null or issue_code = $issue)
),
item as (
    select f.*
    from item_fact as f
    inner join code as c on c.issue_code = f.issue_code
    where
        f.registered_on between $from_on::date and $to_on::date + 6
        and ($county::varchar is null or f.county_code = $county)
        and (not $only_suggestions::boolean or f.is_suggestion)
        and (c.topic_purpose is null or contains(f.purpose, c.topic_purpose))
        and (
            c.word_pattern is null
            or f.event_key in (
                select e.event_key
                from event as e
                inner join topic_issue as w on w.issue_code = e.issue_code
                where w.topic_id = $topic and regexp_matches(concat_ws(' ', e.title, e.text), w.word_pattern)
            )
        )
),
step as (
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
