-- What are the items of a topic, an issue or of all ($topic, $issue null) made of, and what became of them? One row a part
-- of each kind; items registered from the week $from_on to the week $to_on. n_…_known: of how many the file says it.
-- First: by the petition's own mark, elsewhere whoever is not marked as a repeat.
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
told as (
    select
        i.*,
        coalesce(i.is_first, not i.is_repeat) as is_first_time,
        p.place_name as county_name,
        s.issue_name
    from item as i
    left join place as p on p.place_code = i.county_code
    left join issue as s on s.issue_code = i.issue_code
)
select
    case
        when grouping(unit_name) = 0 and grouping(issue_code) = 0 then 'unit_issue'
        when grouping(unit_name) = 0 then 'unit'
        when grouping(issue_code) = 0 then 'issue'
        when grouping(county_code) = 0 then 'county'
        when grouping(purpose) = 0 then 'purpose'
        when grouping(channel) = 0 then 'channel'
        when grouping(source) = 0 then 'source'
        else 'all'
    end as part_kind,
    unit_name,
    issue_code,
    any_value(issue_name) as issue_name,
    county_code,
    county_name,
    purpose,
    channel,
    source,
    count(*)::bigint as n_events,
    (count(*) filter (where not is_counted_only))::bigint as n_listed,
    (count(*) filter (where is_first_time))::bigint as n_first,
    count(is_first_time)::bigint as n_first_known,
    (count(*) filter (where is_repeat))::bigint as n_repeat,
    count(is_repeat)::bigint as n_repeat_known,
    (count(*) filter (where is_returned))::bigint as n_returned,
    count(is_returned)::bigint as n_return_known,
    (count(*) filter (where is_answered_in_time and is_due and not is_declined and not is_counted_only))::bigint as n_in_time,
    (count(is_answered_in_time) filter (where is_due and not is_declined and not is_counted_only))::bigint as n_due,
    (count(*) filter (where is_answered))::bigint as n_answered,
    count(is_answered)::bigint as n_answer_known,
    (count(*) filter (where is_satisfied))::bigint as n_satisfied,
    (count(*) filter (where is_rated))::bigint as n_rated
from told
group by grouping sets (
    (), (unit_name), (issue_code), (unit_name, issue_code), (county_code, county_name), (purpose), (channel), (source)
)
order by part_kind, n_events desc, unit_name, issue_code, county_code, purpose, channel, source
