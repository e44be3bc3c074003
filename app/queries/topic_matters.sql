-- Which matters (同一事项) do the items of a topic, an issue or of all belong to, and how many of these came for the first time?
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
)
select
    m.matter_id,
    any_value(m.title) as title,
    any_value(m.issue_code) as issue_code,
    any_value(s.issue_name) as issue_name,
    any_value(m.place_level) as place_level,
    any_value(p.place_name) as place_name,
    any_value(p.county_name) as county_name,
    min(m.first_on) as first_on,
    count(*)::bigint as n_events,
    (count(*) filter (where coalesce(i.is_first, not i.is_repeat)))::bigint as n_first,
    count(coalesce(i.is_first, not i.is_repeat))::bigint as n_first_known
from item as i
inner join event_matter as x on x.event_key = i.event_key
inner join matter as m on m.matter_id = x.matter_id
left join place as p on p.place_code = m.place_code
left join issue as s on s.issue_code = m.issue_code
group by m.matter_id
order by n_first desc, n_events desc, m.matter_id
limit $n_rows
