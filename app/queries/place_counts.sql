-- How many items has each place of one level, now and in the equally long period before?
-- $place_level: county | town | community; only places inside $county and $town (null = all).
with counted as (
    select
        case $place_level when 'county' then county_code when 'town' then town_code else community_code end as place_code,
        sum(n_events) filter (where week_start_on >= $from_on::date) as n_events,
        sum(n_events) filter (where week_start_on < $from_on::date) as n_events_before
    from weekly_counts
    where
        week_start_on >= $before_on::date
        and week_start_on <= $to_on::date
        and ($source::varchar is null or source = $source)
        and ($issue::varchar is null or issue_code = $issue)
        and ($group::varchar is null or issue_code in (select issue_code from issue where group_code = $group))
        and ($county::varchar is null or county_code = $county)
        and ($town::varchar is null or town_code = $town)
    group by 1
)
select
    p.place_code,
    p.place_name,
    p.parent_code,
    p.county_name,
    p.town_name,
    p.population,
    p.lon,
    p.lat,
    p.has_boundary,
    coalesce(c.n_events, 0)::bigint as n_events,
    coalesce(c.n_events_before, 0)::bigint as n_events_before
from place as p
left join counted as c on c.place_code = p.place_code
where
    p.place_level = $place_level
    and ($county::varchar is null or p.county_code = $county)
    and ($town::varchar is null or p.town_code = $town)
    and (not p.is_provisional or coalesce(c.n_events, 0) > 0)
order by n_events desc, p.place_code
