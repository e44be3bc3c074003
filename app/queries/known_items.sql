-- Which of these items ($keys, with commas) are there?
select e.event_key as key
from event as e
inner join (select unnest(string_split($keys, ',')) as key) as asked on asked.key = e.event_key
