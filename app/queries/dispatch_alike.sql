-- The newest $most settled items of these issues ($issues, codes joined by a space), to look for the ones worded like another:
-- of the year up to $through, without the item $event itself. Redacted; what is counted only is not among them.
with settled as (
    select rowid as row_no
    from event
    where
        not is_counted_only
        and issue_code in (select unnest(string_split($issues, ' ')))
        and status = 'closed'
        and unit_name is not null
        and registered_at >= $through::date - 365
        and event_key <> $event
    order by registered_at desc
    limit $most
)
select
    e.event_key, e.registered_on, e.source, e.issue_code, e.county_code, e.town_code, e.unit_name, e.title, e.text,
    concat_ws(chr(10), e.title, e.text) as said,
    concat_ws(' ', c.place_name, t.place_name) as place_name
from event as e
left join place as c on c.place_code = e.county_code
left join place as t on t.place_code = e.town_code
where e.rowid in (select row_no from settled)
order by e.registered_at desc, e.event_key
