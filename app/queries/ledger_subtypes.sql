-- Which types do the entries of one ledger have?
select distinct subtype from ledger where ledger_kind = $kind and subtype is not null order by subtype
