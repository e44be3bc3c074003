-- 读入 = 入库 + 拒收 + 重复 + 范围外，拒收行逐行可查
select b.batch_id, b.n_read, b.n_loaded, b.n_rejected, b.n_duplicate, b.n_out_of_scope, count(r.source_row) as rejected_rows
from batch as b
left join (select distinct batch_id, source_row from rejected_row) as r on r.batch_id = b.batch_id
group by b.batch_id, b.n_read, b.n_loaded, b.n_rejected, b.n_duplicate, b.n_out_of_scope
having b.n_read <> b.n_loaded + b.n_rejected + b.n_duplicate + b.n_out_of_scope or count(r.source_row) <> b.n_rejected
