-- 统计表的件数与入库事项一致
select 'event' as table_name, n, (select count(*) from known_event as e, build_parameter as p where e.registered_at < p.as_of_end) as expected
from (select count(*) as n from event)
where n <> expected
union all
select 'daily_counts', sum(n_events), (select count(*) from event) from daily_counts
having sum(n_events) <> (select count(*) from event)
union all
select 'weekly_counts', sum(n_events), (select count(*) from event) from weekly_counts
having sum(n_events) <> (select count(*) from event)
union all
select 'dated_counts', sum(n_events), (select count(*) from event) from dated_counts
where date_basis = 'registered'
having sum(n_events) <> (select count(*) from event)
