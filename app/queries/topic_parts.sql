-- What are the items of a topic, an issue or of all ($topic, $issue null) made of, and what became of them? One row a part
-- of each kind; items registered from the week $from_on to the week $to_on. n_…_known: of how many the file says it.
-- First: by the petition's own mark, elsewhere whoever is not marked as a repeat.
-- then: topic_chosen
, told as (
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
