-- What do the items of each matter in matter_item say? One number a matter that changes when any of it does.
select m.matter_id, bit_xor(hash(e.event_key, e.registered_on, e.issue_code, e.title, e.text)) as mark
from event as e
inner join matter_item as m on m.event_key = e.event_key
group by m.matter_id
order by m.matter_id
