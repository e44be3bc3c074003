-- 关联的调解、诉讼案件都有所指的事项，各步件数依次不增
select 'referral' as table_name, r.referral_key as what
from referral as r
left join event as e on e.event_key = r.event_key
where r.is_linked and e.event_key is null
union all
select 'referral_funnel', coalesce(county_code, '') || ' ' || issue_code
from referral_funnel
where
    n_referred > n_suited or n_taken > n_referred or n_settled > n_taken or n_confirmed > n_settled
    or n_in_court > n_suited or n_court_ended > n_in_court
