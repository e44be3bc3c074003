-- The steps of one entry, in order, with the clock and the rule behind each date.
select * from ledger_step where entry_key = $entry order by step_order, step
