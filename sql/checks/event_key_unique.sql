-- 每个事项只出现一次
select event_key, count(*) as n from event group by event_key having count(*) > 1
