-- Of the items registered in a week that suit mediation, how many were led in, taken, settled and confirmed, and how
-- many went to court? Steps nest: whoever is confirmed was settled, taken and led in. Accusations and items of the courts
-- themselves (counted only) suit nothing.
-- grain: week_start_on, county_code, issue_code
-- inputs: event, mediable_issue, referral
select
    cast(date_trunc('week', e.registered_on) as date) as week_start_on,
    e.county_code,
    e.issue_code,
    m.dispute_code,
    count(*) as n_suited,
    count(r.event_key) filter (where r.is_referred) as n_referred,
    count(r.event_key) filter (where r.is_taken) as n_taken,
    count(r.event_key) filter (where r.is_settled) as n_settled,
    count(r.event_key) filter (where r.is_confirmed) as n_confirmed,
    count(r.event_key) filter (where r.is_in_court) as n_in_court,
    count(r.event_key) filter (where r.is_court_ended) as n_court_ended
from event as e
inner join mediable_issue as m on m.issue_code = e.issue_code
left join (
    select
        event_key,
        bool_or(source = 'mediation') as is_referred,
        bool_or(source = 'mediation' and is_taken) as is_taken,
        bool_or(source = 'mediation' and is_taken and referral_outcome = 'succeeded') as is_settled,
        bool_or(source = 'mediation' and is_taken and referral_outcome = 'succeeded' and is_confirmed) as is_confirmed,
        bool_or(source = 'litigation') as is_in_court,
        bool_or(source = 'litigation' and referral_stage in ('ended', 'enforcing')) as is_court_ended
    from referral
    where is_linked
    group by event_key
) as r on r.event_key = e.event_key
where not e.is_counted_only
group by cast(date_trunc('week', e.registered_on) as date), e.county_code, e.issue_code, m.dispute_code
order by week_start_on, e.county_code, e.issue_code
