-- Which issues suit mediation, as which type of dispute?
select dispute_code, issue_code from mediable_issue order by dispute_code, issue_code
