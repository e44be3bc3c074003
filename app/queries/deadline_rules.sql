-- Which deadline rules are there, and how many items go by each?
select * from deadline_rule order by source, is_active desc, rule_id
