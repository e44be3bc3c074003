-- The types of dispute that have cases or suit mediation.
select t.dispute_code, t.dispute_name
from dispute_type as t
where
    t.dispute_code in (select dispute_code from referral)
    or t.dispute_code in (select dispute_code from mediable_issue)
order by t.dispute_code
