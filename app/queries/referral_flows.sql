-- Where do the cases led in during the period (tied to an item) come from, what are they about, and what became of them? One row a flow.
-- A case that was not settled and whose item went to court counts as gone to court.
select
    m.item_source,
    m.dispute_code,
    t.dispute_name,
    case
        when m.referral_outcome = 'succeeded' and m.is_confirmed then 'confirmed'
        when m.referral_outcome = 'succeeded' then 'succeeded'
        when c.event_key is not null then 'in_court'
        when m.referral_outcome in ('failed', 'terminated') then 'failed'
        when m.referral_outcome in ('withdrawn', 'declined') then 'withdrawn'
        when m.referral_stage = 'ended' then 'unknown'
        else 'open'
    end as flow_end,
    count(*)::bigint as n_cases
from referral as m
inner join dispute_type as t on t.dispute_code = m.dispute_code
left join (
    select distinct event_key from referral where source = 'litigation' and event_key is not null
) as c on c.event_key = m.event_key
where
    m.source = 'mediation'
    and m.is_linked
    and m.applied_on between $from_on::date and $last_on::date
    and ($county::varchar is null or m.county_code = $county)
    and ($dispute::varchar is null or m.dispute_code = $dispute)
group by all
order by all
