-- The items of a topic, an issue or of all ($topic, $issue null), registered in the weeks from $from_on to $to_on: `item`.
-- A topic may narrow its issues by words and purpose. Not a question of its own: others begin with it (`-- then: topic_chosen`).
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
                where
                    w.topic_id = $topic
                    and w.word_pattern is not null
                    and e.registered_at >= $from_on::date
                    and e.registered_at < $to_on::date + 7
                    and regexp_matches(concat_ws(' ', e.title, e.text), w.word_pattern)
            )
        )
)
