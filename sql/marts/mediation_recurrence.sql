-- After a mediation succeeded: did the same issue come up again in the same community, more or less than before?
-- Items of this issue in this community, whoever raised them: in the 30 and 90 days before the item itself was
-- registered, and in the 30 and 90 days after the mediation ended. The item itself does not count. A window that is not
-- over yet is unknown (null).
-- grain: referral_key
-- inputs: referral, event, build_parameter
select
    r.referral_key,
    r.issue_code,
    r.dispute_code,
    r.county_code,
    r.ended_on,
    case when r.ended_on + 30 < cast(p.as_of_end as date) then coalesce(n.n_before_30, 0) end as n_before_30,
    case when r.ended_on + 30 < cast(p.as_of_end as date) then coalesce(n.n_after_30, 0) end as n_after_30,
    case when r.ended_on + 90 < cast(p.as_of_end as date) then coalesce(n.n_before_90, 0) end as n_before_90,
    case when r.ended_on + 90 < cast(p.as_of_end as date) then coalesce(n.n_after_90, 0) end as n_after_90
from referral as r
cross join build_parameter as p
left join (
    select
        c.referral_key,
        count(*) filter (
            where e.registered_on >= c.item_registered_on - 30 and e.registered_on < c.item_registered_on
        ) as n_before_30,
        count(*) filter (where e.registered_on > c.ended_on and e.registered_on <= c.ended_on + 30) as n_after_30,
        count(*) filter (where e.registered_on < c.item_registered_on) as n_before_90,
        count(*) filter (where e.registered_on > c.ended_on) as n_after_90
    from referral as c
    inner join event as e
        on
            e.issue_code = c.issue_code
            and e.community_code = c.community_code
            and e.registered_on >= c.item_registered_on - 90
            and e.registered_on <= c.ended_on + 90
            and e.event_key <> c.event_key
    where c.source = 'mediation' and c.referral_outcome = 'succeeded'
    group by c.referral_key
) as n on n.referral_key = r.referral_key
cross join (select min(registered_on) as first_on from event) as f
where
    r.source = 'mediation'
    and r.referral_outcome = 'succeeded'
    and r.community_code is not null
    and r.ended_on is not null
    and not r.has_date_fault
    and r.item_registered_on - 90 >= f.first_on
order by r.ended_on, r.referral_key
