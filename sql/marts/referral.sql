-- Cases of mediation and of the courts: how far each has come by the as-of day, and the item it came from.
-- Days between stages are null where a stage is not reached, or where the dates run backwards (has_date_fault).
-- grain: source, referral_key
-- inputs: known_referral, referral_link, event, mediable_issue, build_parameter
select
    c.source,
    c.referral_key,
    c.institution_name,
    case when c.dispute_code = '99' then coalesce(m.dispute_code, '99') else c.dispute_code end as dispute_code,
    c.applied_on,
    c.accepted_on,
    c.started_on,
    c.ended_on,
    c.confirmed_on,
    c.enforced_on,
    c.referral_stage,
    c.referral_outcome,
    c.is_taken,
    c.is_confirmed,
    c.has_date_fault,
    case when not c.has_date_fault then date_diff('day', c.applied_on, c.accepted_on) end as accept_days,
    case when not c.has_date_fault then date_diff('day', c.accepted_on, c.started_on) end as start_days,
    case when not c.has_date_fault then date_diff('day', coalesce(c.started_on, c.accepted_on), c.ended_on) end as handle_days,
    case when not c.has_date_fault then date_diff('day', c.applied_on, c.ended_on) end as total_days,
    e.event_key is not null as is_linked,
    e.event_key,
    e.source as item_source,
    e.registered_on as item_registered_on,
    e.county_code,
    e.town_code,
    e.community_code,
    e.issue_code
from (
    select
        k.source,
        lower(printf('%016x', k.entry_id)) as referral_key,
        k.entry_id,
        k.institution_name,
        k.dispute_code,
        k.applied_on,
        k.has_date_fault,
        case when k.accepted_on <= k.last_on then k.accepted_on end as accepted_on,
        case when k.started_on <= k.last_on then k.started_on end as started_on,
        case when k.ended_on <= k.last_on then k.ended_on end as ended_on,
        case when k.confirmed_on <= k.last_on then k.confirmed_on end as confirmed_on,
        case when k.enforced_on <= k.last_on then k.enforced_on end as enforced_on,
        case
            when k.accepted_on > k.last_on then 'pending'
            when k.started_on > k.last_on then 'accepted'
            when k.ended_on > k.last_on then 'in_progress'
            when k.enforced_on > k.last_on then 'ended'
            else k.stage
        end as referral_stage,
        case when k.ended_on > k.last_on then null else k.outcome end as referral_outcome,
        k.stage <> 'pending' and k.outcome is distinct from 'declined' and coalesce(k.accepted_on <= k.last_on, true)
            as is_taken,
        k.is_confirmed and coalesce(k.ended_on <= k.last_on, true) as is_confirmed
    from (
        select
            r.*,
            cast(p.as_of_end as date) - 1 as last_on,
            coalesce(r.accepted_on < r.applied_on, false)
            or coalesce(r.started_on < r.applied_on, false)
            or coalesce(r.started_on < r.accepted_on, false)
            or coalesce(r.ended_on < r.applied_on, false)
            or coalesce(r.ended_on < r.accepted_on, false)
            or coalesce(r.ended_on < r.started_on, false) as has_date_fault
        from known_referral as r
        cross join build_parameter as p
    ) as k
    where k.applied_on <= k.last_on
) as c
left join referral_link as l on l.source = c.source and l.entry_id = c.entry_id
left join event as e on e.event_key = l.event_key
left join mediable_issue as m on m.issue_code = e.issue_code
order by c.applied_on, c.source, c.referral_key
