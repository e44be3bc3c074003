-- 发布的文字里没有手机号、证件号、邮箱（规则与脱敏程序不同）
select event_key, regexp_extract(coalesce(title, '') || coalesce(text, ''), '.{0,4}(1[3-9][0-9]{9}|[0-9]{17}[0-9Xx]|@[0-9A-Za-z]).{0,4}') as found
from event
where regexp_matches(coalesce(title, '') || coalesce(text, ''), '1[3-9][0-9]{9}|[0-9]{17}[0-9Xx]|[0-9A-Za-z]@[0-9A-Za-z]')
