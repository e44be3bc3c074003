-- Which items wait for a unit or a category ($queue 'waiting'), or came in during the last week ('week')? The newest $most, redacted,
-- with how many there are; of the year up to $through. What is counted only is not listed.
-- why: unassigned, returned by the unit, or without a category of the source; null in the queue of the week.
with recent as (
    select rowid as row_no, event_key, registered_at, unit_name, category_raw
    from event
    where
        not is_counted_only
        and registered_at < $through::date + 1
        and registered_at >= $through::date - case when $queue = 'week' then 6 else 365 end
        and ($queue = 'week' or (closed_at is null and status not in ('replied', 'closed', 'declined')))
        and ($source::varchar is null or source = $source)
        and ($county::varchar is null or county_code = $county)
        and ($group::varchar is null or issue_code in (select issue_code from issue where group_code = $group))
),
queued as (
    select
        r.row_no, r.event_key, r.registered_at,
        case
            when $queue = 'week' then null
            when f.is_returned then 'returned'
            when r.unit_name is null then 'unassigned'
            when r.category_raw is null then 'uncategorised'
        end as why
    from recent as r
    left join item_fact as f on f.event_key = r.event_key and f.registered_on >= $through::date - 365
),
newest as (
    select row_no, why, count(*) over () as n_queue
    from queued
    where $queue = 'week' or why is not null
    order by registered_at desc, event_key
    limit $most
)
select
    e.event_key, e.source, e.purpose, e.registered_at, e.registered_on, e.county_code, e.town_code, e.unit_name, e.issue_code,
    concat_ws(' ', c.place_name, t.place_name) as place_name,
    concat_ws(chr(10), e.title, e.text) as said, n.why, n.n_queue
from newest as n
inner join event as e on e.rowid = n.row_no
left join place as c on c.place_code = e.county_code
left join place as t on t.place_code = e.town_code
order by e.registered_at desc, e.event_key
