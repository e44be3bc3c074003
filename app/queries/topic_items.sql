-- Which items are behind a topic, an issue or all suggestions? Redacted; newest first; one page of $n_rows from $offset.
-- Items that are counted only (检举控告, 涉法涉诉, 保密) are not listed.
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
page as (
    select e.*, null::bigint as n_listed
    from event as e
    inner join item as i on i.event_key = e.event_key
    where
        not e.is_counted_only
        and e.registered_at >= $from_on::date
        and e.registered_at < $to_on::date + 7
    order by e.registered_at desc, e.event_key
    limit $n_rows offset $offset
)
-- then: item_rows
