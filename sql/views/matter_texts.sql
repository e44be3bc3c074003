-- What do the items of matter_item say, the first one given first?
select m.matter_id, e.event_key, e.registered_on, e.issue_code, e.title, e.text
from event as e
inner join matter_item as m on m.event_key = e.event_key
order by e.registered_on, e.event_key
