-- 发布的表里没有手机号、身份证号、银行卡号、邮箱（复查程序另有一套规则，不看脱敏程序的规则）
select table_name, column_name, personal_kind, n_cells_found, shape
from privacy_scan
where storage = 'marts' and is_hard and n_cells_found > 0
