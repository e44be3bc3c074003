-- Which items come first in each stratum of service_strata, in the order that the seed gives? Up to $most a stratum. The order is a
-- hash of seed and item: the same seed and data give the same items, and nothing about an item makes it likelier.
with chosen as (
    select
        f.event_key,
        f.source,
        f.unit_name,
        f.issue_code,
        i.issue_name,
        f.registered_on,
        f.closed_on,
        coalesce(case $by when 'unit' then f.unit_name when 'group' then i.group_name end, '') as stratum
    from item_fact as f
    inner join issue as i on i.issue_code = f.issue_code
    where
        f.closed_on between $first_day::date and $last_day::date
        and not f.is_counted_only
        and ($county::varchar is null or f.county_code = $county)
        and ($source::varchar is null or f.source = $source)
),
drawn as (
    select unnest(min(md5(concat($seed::varchar, ':', event_key)) || event_key, greatest($most::bigint, 1))) as hash_and_key
    from chosen
    group by stratum
)
select c.*, row_number() over (partition by c.stratum order by d.hash_and_key) as place
from chosen as c
inner join drawn as d on c.event_key = substr(d.hash_and_key, 33) and $most::bigint > 0
order by c.stratum, place
