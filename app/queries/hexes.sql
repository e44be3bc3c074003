-- How many items lie in each hexagon of $size metres (middle to corner)? Those with at least $least items; rows with q null:
-- all the others together. n_located: items with a position. $lon0, $lat0: where the grid begins. A hexagon belongs to the
-- town of its busiest cell.
with cells as (
    select lon, lat, min(town_code) as town_code, count(*) as n_events
    from event
    where
        lon is not null
        and registered_at >= $from_on::date
        and registered_at < $to_on::date + 7
        and ($source::varchar is null or source = $source)
        and ($issue::varchar is null or issue_code = $issue)
        and ($group::varchar is null or issue_code in (select issue_code from issue where group_code = $group))
        and ($county::varchar is null or county_code = $county)
        and ($town::varchar is null or town_code = $town)
    group by lon, lat
),
metres as (
    select
        *,
        (lon - $lon0) * 111320 * cos(radians($lat0)) as x,
        (lat - $lat0) * 111320 as y
    from cells
),
axial as (select *, (sqrt(3) / 3 * x - y / 3) / $size as q0, (2.0 / 3 * y) / $size as r0 from metres),
rounded as (
    select
        *,
        round(q0) as rq,
        round(r0) as rr,
        round(-q0 - r0) as rs,
        abs(round(q0) - q0) as dq,
        abs(round(r0) - r0) as dr,
        abs(round(-q0 - r0) + q0 + r0) as ds
    from axial
),
binned as (
    select
        (case when dq > dr and dq > ds then -rr - rs else rq end)::integer as q,
        (case when dr >= dq and dr > ds then -rq - rs else rr end)::integer as r,
        sum(n_events) as n_events,
        max_by(town_code, n_events) as town_code
    from rounded
    group by 1, 2
),
drawn as (
    select q, r, town_code, n_events from binned where n_events >= $least
    union all
    select null, null, null, coalesce(sum(n_events), 0) from binned where n_events < $least
)
select
    d.q,
    d.r,
    $lon0 + sqrt(3) * $size * (d.q + d.r / 2.0) / (111320 * cos(radians($lat0))) as lon,
    $lat0 + 1.5 * $size * d.r / 111320 as lat,
    d.town_code as place_code,
    p.place_name,
    d.n_events::bigint as n_events
from drawn as d
left join place as p on p.place_code = d.town_code
order by d.n_events desc, d.q, d.r
