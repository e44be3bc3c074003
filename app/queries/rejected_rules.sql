-- Why were rows not taken in? One row a source, layout, rule, column and hint, most frequent first.
select
    b.source,
    b.layout,
    r.rule,
    r.column_name,
    count(*)::bigint as n_rejected,
    count(distinct r.batch_id)::bigint as n_files,
    first(r.found order by r.batch_id, r.source_row) as found,
    r.hint
from rejected_row as r
inner join batch as b on b.batch_id = r.batch_id
where $source::varchar is null or b.source = $source
group by b.source, b.layout, r.rule, r.column_name, r.hint
order by n_rejected desc, b.source, b.layout, r.rule, r.column_name, r.hint
