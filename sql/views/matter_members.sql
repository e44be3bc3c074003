-- Where, when and about what are the items of matters? Without their texts. From matter_item (matter_id, event_key).
select
    m.matter_id, e.event_key, e.source, e.registered_on, e.county_code, e.town_code, e.community_code, e.issue_code
from event as e
inner join matter_item as m on m.event_key = e.event_key
