-- Items of each topic by registration week down to the community: the figures of the topic pages.
-- grain: topic_id, week_start_on, source, county_code, town_code, community_code, issue_code
-- inputs: event, topic_issue
-- refresh: week_start_on by registered_on
-- An issue may be part of several topics, and an item with it: topics do not add up.
select
    t.topic_id,
    cast(date_trunc('week', e.registered_on) as date) as week_start_on,
    e.source,
    e.county_code,
    e.town_code,
    e.community_code,
    e.issue_code,
    count(*) as n_events
from event as e
inner join topic_issue as t on t.issue_code = e.issue_code
where
    (t.word_pattern is null or regexp_matches(concat_ws(' ', e.title, e.text), t.word_pattern))
    and (t.topic_purpose is null or e.purpose like '%' || t.topic_purpose || '%')
group by
    t.topic_id, cast(date_trunc('week', e.registered_on) as date), e.source, e.county_code, e.town_code,
    e.community_code, e.issue_code
order by t.topic_id, week_start_on, e.county_code, e.town_code, e.community_code, e.issue_code, e.source
