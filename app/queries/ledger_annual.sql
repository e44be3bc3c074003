-- 《信访工作条例》 art. 41 (2)(3): how much was 督办 and 交办 in a year, and which 三项建议 were made, answered, adopted?
-- One row a ledger, subtype and year in which its entries began. Withdrawn entries count as n_withdrawn alone.
select
    c.ledger_kind,
    c.subtype,
    extract(year from c.month_start_on)::integer as year,
    (sum(c.n_opened) - sum(c.n_withdrawn))::bigint as n_opened,
    sum(c.n_withdrawn)::bigint as n_withdrawn,
    sum(c.n_replied)::bigint as n_replied,
    sum(c.n_finished)::bigint as n_finished,
    sum(c.n_achieved)::bigint as n_achieved,
    sum(c.n_partly)::bigint as n_partly,
    sum(c.n_fell_due)::bigint as n_fell_due,
    sum(c.n_on_time)::bigint as n_on_time
from ledger_count as c
inner join ledger_kind as k on k.ledger_kind = c.ledger_kind
where ($county::varchar is null or c.county_code = $county)
group by k.kind_order, c.ledger_kind, c.subtype, extract(year from c.month_start_on)
order by year, k.kind_order, c.subtype
