-- What do the items from $first on that can belong to a matter say, week by week? One number that changes when any of them does.
select
    date_trunc('week', registered_on)::date as week_start_on,
    count(*)::bigint as n_events,
    bit_xor(hash(
        event_key, registered_on, county_code, town_code, community_code, e.issue_code, i.group_code, title, text
    )) as content
from event as e
left join issue as i on i.issue_code = e.issue_code
where registered_on >= $first and text is not null and not is_counted_only
group by 1
order by 1
