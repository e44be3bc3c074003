-- What are the items of a topic, an issue or of all ($topic, $issue null) made of, and what became of them? One row a part
-- of each kind; items registered from the week $from_on to the week $to_on. n_…_known: of how many the file says it.
-- First: by the petition's own mark, elsewhere whoever is not marked as a repeat.
-- Counted once by all parts together, then added up by each: of the ten million items a year has only so many kinds.
-- then: topic_chosen
, cell as (
    select
        unit_name,
        issue_code,
        county_code,
        purpose,
        channel,
        source,
        count(*) as n_events,
        count(*) filter (where not is_counted_only) as n_listed,
        count(*) filter (where coalesce(is_first, not is_repeat)) as n_first,
        count(coalesce(is_first, not is_repeat)) as n_first_known,
        count(*) filter (where is_repeat) as n_repeat,
        count(is_repeat) as n_repeat_known,
        count(*) filter (where is_returned) as n_returned,
        count(is_returned) as n_return_known,
        count(*) filter (where is_answered_in_time and is_due and not is_declined and not is_counted_only) as n_in_time,
        count(is_answered_in_time) filter (where is_due and not is_declined and not is_counted_only) as n_due,
        count(*) filter (where is_answered) as n_answered,
        count(is_answered) as n_answer_known,
        count(*) filter (where is_satisfied) as n_satisfied,
        count(*) filter (where is_rated) as n_rated
    from item
    group by unit_name, issue_code, county_code, purpose, channel, source
),
part as (
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
        county_code,
        purpose,
        channel,
        source,
        coalesce(sum(n_events), 0)::bigint as n_events,
        coalesce(sum(n_listed), 0)::bigint as n_listed,
        coalesce(sum(n_first), 0)::bigint as n_first,
        coalesce(sum(n_first_known), 0)::bigint as n_first_known,
        coalesce(sum(n_repeat), 0)::bigint as n_repeat,
        coalesce(sum(n_repeat_known), 0)::bigint as n_repeat_known,
        coalesce(sum(n_returned), 0)::bigint as n_returned,
        coalesce(sum(n_return_known), 0)::bigint as n_return_known,
        coalesce(sum(n_in_time), 0)::bigint as n_in_time,
        coalesce(sum(n_due), 0)::bigint as n_due,
        coalesce(sum(n_answered), 0)::bigint as n_answered,
        coalesce(sum(n_answer_known), 0)::bigint as n_answer_known,
        coalesce(sum(n_satisfied), 0)::bigint as n_satisfied,
        coalesce(sum(n_rated), 0)::bigint as n_rated
    from cell
    group by grouping sets (
        (), (unit_name), (issue_code), (unit_name, issue_code), (county_code), (purpose), (channel), (source)
    )
)
select part.*, s.issue_name, p.place_name as county_name
from part
left join issue as s on s.issue_code = part.issue_code
left join place as p on p.place_code = part.county_code
order by part_kind, n_events desc, unit_name, part.issue_code, part.county_code, purpose, channel, source
