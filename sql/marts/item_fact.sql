-- What is so of each item, as far as the as-of day knows: the facts and dates that sql/seeds/kpi.csv makes indicators of.
-- Null: the item's file does not say.
-- grain: event_key
-- inputs: event, known_event, known_batch, layout_fact, build_parameter
-- refresh: items
-- turns: known_event registered_at, known_event registered_at + interval 15 day, known_event registered_at + interval 30 day, known_event transferred_at, known_event accepted_at, known_event replied_at, known_event closed_at, known_event closed_at + interval 30 day, known_event rated_at, event due_at
-- A layout that never fills a column does not have it: all its items are null there. Where it has, an empty cell means
-- that it has not happened: not passed on, not accepted, not rated, never returned.
-- 15 and 30 days from registration are how provinces count 及时受理率: 15 to pass on, 15 more to give notice (条例22、23条).
-- An item unrated 30 days after closing counts as 超期未评价 from then on.
-- One row an item, nothing in it later than the as-of day. What is asked of people is asked at the closing or later.
with seen as (
    select
        e.event_key,
        e.source,
        e.county_code,
        e.unit_name,
        e.issue_code,
        e.channel,
        e.purpose,
        e.status,
        e.persons,
        e.due_at,
        e.is_overdue,
        e.is_repeat,
        e.is_group,
        e.is_counted_only,
        e.registered_on,
        cast(e.closed_at as date) as closed_on,
        coalesce(case when k.replied_at < p.as_of_end then k.replied_at end, e.closed_at) as answered_at,
        case when k.transferred_at < p.as_of_end then cast(k.transferred_at as date) end as transferred_on,
        case when k.accepted_at < p.as_of_end then cast(k.accepted_at as date) end as accepted_on,
        e.closed_at is not null or (e.status in ('closed', 'declined') and k.closed_at is null) as is_over,
        k.is_first,
        case when t.has_return then coalesce(k.n_returns, 0) end as n_returns,
        case when coalesce(k.rated_at, k.closed_at, k.registered_at) < p.as_of_end then k.is_solved end as is_solved,
        case when coalesce(k.rated_at, k.closed_at, k.registered_at) < p.as_of_end then k.is_contacted end as is_contacted,
        case when coalesce(k.rated_at, k.closed_at, k.registered_at) < p.as_of_end then k.satisfaction end as satisfaction,
        case when coalesce(k.rated_at, k.closed_at, k.registered_at) < p.as_of_end then k.bureau_satisfaction end as bureau_satisfaction,
        cast(k.rated_at as date) as asked_on,
        t.has_transfer,
        t.has_acceptance,
        t.has_outcome,
        t.has_rating,
        t.has_bureau_rating,
        p.as_of_end,
        cast(p.as_of_end as date) as next_on
    from event as e
    inner join known_event as k on lower(printf('%016x', k.event_id)) = e.event_key
    cross join build_parameter as p
    left join known_batch as b on b.batch_id = k.batch_id
    inner join layout_fact as t on t.source = e.source and t.layout is not distinct from b.layout
)
select
    event_key,
    source,
    county_code,
    unit_name,
    issue_code,
    channel,
    purpose,
    registered_on,
    registered_on + 15 as accept_due_on,
    registered_on + 30 as notify_due_on,
    cast(due_at as date) as due_on,
    closed_on,
    case
        -- 是否解决 of a petition is the office's own finding, not an answer to a question.
        when coalesce(satisfaction, bureau_satisfaction) is not null or is_contacted is not null
            or (is_solved is not null and source <> 'petition')
            then coalesce(asked_on, closed_on, registered_on)
        when has_rating or has_bureau_rating then closed_on + 30
    end as rated_on,
    is_counted_only,
    is_over and status = 'declined' as is_declined,
    purpose like '%求决%' as is_claim,
    purpose like '%申诉%' as is_appeal,
    purpose like '%建议%' as is_suggestion,
    purpose like '%咨询%' as is_inquiry,
    channel like '%来信%' as is_letter,
    channel like '%来访%' or channel like '%走访%' as is_visit,
    channel like '%电话%' as is_call,
    channel like '%网%' or channel like '%手机%' or channel like '%微信%' or channel like '%信箱%' or channel like '%邮箱%'
    or channel like '%小程序%' or channel like '%客户端%' as is_online,
    is_first,
    is_repeat,
    is_group,
    registered_on + 15 < next_on as is_accept_due,
    case when has_transfer then transferred_on is not null end as is_forwarded,
    case when has_transfer then coalesce(transferred_on <= registered_on + 15, false) end as is_forwarded_in_time,
    registered_on + 30 < next_on as is_notify_due,
    case when has_acceptance then accepted_on is not null end as is_accepted,
    case when has_acceptance then coalesce(accepted_on <= registered_on + 30, false) end as is_accepted_in_time,
    due_at < as_of_end as is_due,
    case when has_outcome then answered_at is not null or is_over or status = 'replied' end as is_answered,
    case
        when not has_outcome or due_at is null then null
        when answered_at is not null then answered_at <= due_at
        when not is_over and status <> 'replied' then false
    end as is_answered_in_time,
    is_overdue,
    case when has_outcome then is_over end as is_closed,
    n_returns > 0 as is_returned,
    is_solved,
    is_contacted,
    case when has_rating then satisfaction is not null end as is_rated,
    satisfaction in ('satisfied', 'fairly_satisfied') as is_satisfied,
    satisfaction = 'dissatisfied' as is_dissatisfied,
    case when has_bureau_rating then bureau_satisfaction is not null end as is_bureau_rated,
    bureau_satisfaction in ('satisfied', 'fairly_satisfied') as is_bureau_satisfied,
    closed_on + 30 < next_on as is_rating_over,
    persons,
    cast(n_returns as integer) as n_returns,
    date_diff('day', registered_on, transferred_on) as forwarding_days,
    date_diff('day', registered_on, accepted_on) as accepting_days,
    date_diff('day', registered_on, closed_on) as closing_days,
    date_diff('day', registered_on, cast(answered_at as date)) as answering_days,
    case when satisfaction is not null then date_diff('day', registered_on, asked_on) end as rating_days
from seen
order by registered_on, event_key
