-- Which items come first in each stratum of service_strata, in the order that the seed gives? Up to $most a stratum. The order is a
-- hash of seed and item: the same seed and data give the same items, and nothing about an item makes it likelier.
with ordered as (
    select
        f.event_key,
        f.source,
        f.unit_name,
        f.issue_code,
        i.issue_name,
        f.registered_on,
        f.closed_on,
        coalesce(case $by when 'unit' then f.unit_name when 'group' then i.group_name end, '') as stratum,
        row_number() over (partition by stratum order by md5(concat($seed::varchar, ':', f.event_key)), f.event_key) as place
    from item_fact as f
    inner join issue as i on i.issue_code = f.issue_code
    where
        f.closed_on between $first_day::date and $last_day::date
        and not f.is_counted_only
        and ($county::varchar is null or f.county_code = $county)
        and ($source::varchar is null or f.source = $source)
)
select * from ordered where place <= $most order by stratum, place
