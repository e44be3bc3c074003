-- 勾稽: do the parts add up? What does not comes first; files by their names.
select
    r.check_name,
    coalesce(b.source, case when r.check_name in ('county_sum', 'issue_sum', 'week_sum') then r.scope end) as source,
    coalesce(b.file_name, p.place_name, '全部') as scope_name,
    r.n_expected, r.n_found, r.n_difference, r.is_ok, r.note
from reconciliation as r
left join batch as b on r.check_name in ('batch_rows', 'file_total') and b.batch_id = split_part(r.scope, ' · ', 1)
left join place as p on r.check_name = 'town_sum' and p.place_code = r.scope
order by r.is_ok, r.check_name, r.scope
