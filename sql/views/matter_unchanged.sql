-- Of which matters has no item come, left or changed since the version before? From resolved_item and changed_item.
select matter_id
from (
    (
        select matter_id, count(*) as n_events, bit_xor(hash(event_id)) as mark
        from resolved_item
        where matter_id in (select matter_id from matter_size)
        group by matter_id
    )
    intersect
    (
        select matter_id, count(*) as n_events, bit_xor(hash(('0x' || event_key)::ubigint)) as mark
        from before.event_matter
        group by matter_id
    )
) as same
where
    matter_id not in (
        select i.matter_id from resolved_item as i inner join changed_item as c on c.event_id = i.event_id
    )
