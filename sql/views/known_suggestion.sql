-- Which issue does an item without a category have by the newest answer on the text in force? No row where that abstained.
-- grain: event_id
-- inputs: known_event, core.suggested_issue, issue_seed, build_parameter
select a.event_id, a.issue_code, a.probability, a.model_version, i.is_counted_only = 'true' as is_counted_only
from (
    select s.*
    from known_event as e
    inner join core.suggested_issue as s
        on s.event_id = e.event_id and s.text_mark = core.text_mark(e.title, e.text)
    cross join build_parameter as p
    where
        $is_wanted
        and coalesce(e.category_raw, '') = ''
        and not coalesce(e.is_confidential, false)
        and e.registered_at < p.as_of_end
        and (s.suggested_at < p.as_of_end or not $is_known)
    qualify row_number() over (partition by s.event_id order by s.suggested_at desc, s.model_version desc) = 1
) as a
inner join issue_seed as i on i.issue_code = a.issue_code
