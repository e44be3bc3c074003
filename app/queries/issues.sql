-- Which issues are there, and who is responsible?
select issue_code, issue_name, group_code, group_name, role_name, is_provisional
from issue
order by is_provisional, group_code, issue_code
