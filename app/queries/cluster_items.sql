-- Which items are behind the cluster $cluster of $week? Redacted; newest first; one page of $n_rows from $offset, with
-- n_listed of all pages. Items that are counted only (检举控告, 涉法涉诉, 保密) are not listed.
with member as (
    select c.issue_code, c.first_week_on, c.week_start_on, m.place_code, m.lon, m.lat
    from cluster as c
    inner join cluster_place as m on m.cluster_id = c.cluster_id and m.week_start_on = c.week_start_on
    where c.cluster_id = $cluster and c.week_start_on = $week::date
),
chosen as (
    select e.*
    from event as e
    inner join (select distinct issue_code, first_week_on, week_start_on from member) as w
        on
            e.issue_code = w.issue_code
            and e.registered_at >= w.first_week_on
            and e.registered_at < w.week_start_on + 7
    where not e.is_counted_only
),
located as (
    select c.*, p.lon is not null as has_center
    from chosen as c
    left join place as p on p.place_code = c.community_code
),
page as (
    select e.*, count(*) over () as n_listed
    from located as e
    where
        e.has_center and e.community_code in (select place_code from member)
        or not e.has_center
        and exists (from member as m where m.place_code is null and m.lon = e.lon and m.lat = e.lat)
    order by e.registered_at desc, e.event_key
    limit $n_rows offset $offset
)
-- then: item_rows
