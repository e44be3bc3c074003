-- Which ledgers are there, how many entries has each, and what are its steps called?
select k.*, coalesce(e.n_entries, 0)::bigint as n_entries, e.first_on, e.last_on
from ledger_kind as k
left join (
    select ledger_kind, count(*) as n_entries, min(opened_on) as first_on, max(opened_on) as last_on
    from ledger group by ledger_kind
) as e on e.ledger_kind = k.ledger_kind
order by k.kind_order
