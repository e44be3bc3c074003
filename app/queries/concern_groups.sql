-- Of which issues does each group of concern consist?
select g.concern_group, i.issue_code, i.issue_name
from concern_group as g
inner join issue as i on i.issue_code = g.issue_code
order by i.issue_code
