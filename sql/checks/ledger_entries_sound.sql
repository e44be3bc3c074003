-- 台账每条只出现一次，步骤都有所属的条目，各数之和等于条目数
select 'entry' as table_name, entry_key as found
from ledger
group by entry_key
having count(*) > 1
union all
select 'ledger_step', s.entry_key
from ledger_step as s
left join ledger as l on l.entry_key = s.entry_key
where l.entry_key is null
union all
select 'ledger_count', e.ledger_kind
from (select ledger_kind, count(*) as n from ledger group by ledger_kind) as e
left join (select ledger_kind, sum(n_opened) as n from ledger_count group by ledger_kind) as c on c.ledger_kind = e.ledger_kind
where c.n is distinct from e.n
