-- 统计表里的区域与事项代码都有名称
select distinct 'place' as dimension, w.code
from (
    select county_code as code from weekly_counts
    union select town_code from weekly_counts
    union select community_code from weekly_counts
) as w
left join place as p on p.place_code = w.code
where w.code is not null and p.place_code is null
union all
select distinct 'issue', w.issue_code
from weekly_counts as w
left join issue as i on i.issue_code = w.issue_code
where i.issue_code is null
