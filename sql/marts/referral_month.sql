-- What happened to cases in a month: led in or filed, taken, ended, settled, confirmed; each by the day it happened.
-- grain: month_start_on, source, county_code, dispute_code
-- inputs: referral
select
    month_start_on,
    source,
    county_code,
    dispute_code,
    cast(sum(n_applied) as bigint) as n_applied,
    cast(sum(n_taken) as bigint) as n_taken,
    cast(sum(n_ended) as bigint) as n_ended,
    cast(sum(n_settled) as bigint) as n_settled,
    cast(sum(n_unsettled) as bigint) as n_unsettled,
    cast(sum(n_confirmed) as bigint) as n_confirmed
from (
    select
        cast(date_trunc('month', applied_on) as date) as month_start_on,
        source, county_code, dispute_code,
        1 as n_applied, 0 as n_taken, 0 as n_ended, 0 as n_settled, 0 as n_unsettled, 0 as n_confirmed
    from referral
    union all
    select
        cast(date_trunc('month', accepted_on) as date), source, county_code, dispute_code,
        0, 1, 0, 0, 0, 0
    from referral
    where is_taken and accepted_on is not null
    union all
    select
        cast(date_trunc('month', ended_on) as date), source, county_code, dispute_code,
        0, 0, 1,
        case when referral_outcome = 'succeeded' then 1 else 0 end,
        case when referral_outcome in ('failed', 'terminated') then 1 else 0 end,
        0
    from referral
    where ended_on is not null
    union all
    select
        cast(date_trunc('month', coalesce(confirmed_on, ended_on)) as date), source, county_code, dispute_code,
        0, 0, 0, 0, 0, 1
    from referral
    where is_confirmed and coalesce(confirmed_on, ended_on) is not null
) as happened
group by month_start_on, source, county_code, dispute_code
order by month_start_on, source, county_code, dispute_code
