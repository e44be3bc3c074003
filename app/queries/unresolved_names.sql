-- Which names in the files does the reference not know yet? Most frequent first.
select name_kind, source, name_reported, outcome, n_events
from unresolved_name
order by n_events desc, name_kind, source, name_reported
limit 500
