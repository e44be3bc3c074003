-- The entries of one ledger that began in $from_on … $to_on, what waits longest first.
select
    l.*,
    i.issue_name,
    i.group_name,
    concat_ws(' ', c.place_name, t.place_name) as place_name,
    c.place_name as county_name
from ledger as l
left join issue as i on i.issue_code = l.issue_code
left join place as c on c.place_code = l.county_code
left join place as t on t.place_code = l.town_code
where
    l.ledger_kind = $kind
    and l.opened_on between $from_on::date and $to_on::date
    and ($county::varchar is null or l.county_code = $county)
    and ($subtype::varchar is null or l.subtype = $subtype)
order by l.next_due_on nulls last, l.opened_on desc, l.entry_key
