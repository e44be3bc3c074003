-- How many cases of each source are there, how many tied to an item, how many with dates that run backwards, until when?
select
    source,
    count(*)::bigint as n_cases,
    count(*) filter (is_linked)::bigint as n_linked,
    count(*) filter (has_date_fault)::bigint as n_faulty,
    max(greatest(applied_on, ended_on)) as last_on
from referral
group by source
order by source desc
