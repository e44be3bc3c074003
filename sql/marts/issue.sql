-- Every issue a figure can belong to: the taxonomy and, provisionally, categories the cross-walk does not know.
-- grain: issue_code
-- inputs: issue_seed, provisional_issue
select
    issue_code, issue_name, group_code, group_name, role_main as role_name,
    cast(severity as double) as severity, trigger_words, false as is_provisional
from issue_seed
union all
select issue_code, issue_name, group_code, group_name, null as role_name, 1.0 as severity, null as trigger_words, true as is_provisional
from provisional_issue
order by issue_code
