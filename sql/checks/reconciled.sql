-- 各级分项之和等于合计（文件自报的合计行只提示，不拦发布）
select check_name, scope, n_expected, n_found, n_difference
from reconciliation
where not is_ok and check_name <> 'file_total'
