-- 建议分类只用在来源没有分类的件上，代码都在事项表里
select e.event_key, e.source, e.issue_code
from event as e
left join issue as i on i.issue_code = e.issue_code and not i.is_provisional
where e.issue_basis = 'suggested' and (coalesce(e.category_raw, '') <> '' or i.issue_code is null)
