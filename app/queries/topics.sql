-- Which topics are there, in the order of display, and of which issues do they consist?
select
    t.*,
    string_agg(i.issue_code, ',' order by i.issue_code) as issue_codes,
    string_agg(i.issue_name, '、' order by i.issue_code) as issue_names
from topic as t
inner join topic_issue as p on p.topic_id = t.topic_id
inner join issue as i on i.issue_code = p.issue_code
group by all
order by t.topic_order, t.topic_id
