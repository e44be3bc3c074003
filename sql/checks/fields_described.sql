-- 每一列都在 fields.csv 中有说明且类型一致
select c.table_name, c.column_name, c.data_type
from information_schema.columns as c
left join field as f on f.name = c.column_name and f.type = c.data_type
where c.table_catalog = 'marts' and c.table_schema = 'main' and f.name is null
