-- What is this issue made of in this period: places, channels, units? One row a part, the $n_parts largest of each kind.
with chosen as (
    select e.source, e.channel, e.unit_name, e.county_code, e.town_code, e.category_raw, e.is_counted_only
    from event as e
    where
        e.issue_code = $issue
        and e.registered_at >= $from_on::date
        and e.registered_at < $to_on::date + 7
        and ($source::varchar is null or e.source = $source)
        and ($county::varchar is null or e.county_code = $county)
        and ($town::varchar is null or e.town_code = $town)
        and ($community::varchar is null or e.community_code = $community)
),
part as (
    select 'place' as part_kind, coalesce(t.county_name || t.place_name, c.place_name || '（未写镇街）', '未定位') as part_name
    from chosen
    left join place as t on t.place_code = chosen.town_code
    left join place as c on c.place_code = chosen.county_code
    union all
    select 'channel', source || '·' || coalesce(channel, '未填') from chosen
    union all
    select 'unit', coalesce(unit_name, '未填承办单位') from chosen where not is_counted_only
    union all
    select 'category', source || '·' || coalesce(category_raw, '未填') from chosen
)
select part_kind, part_name, count(*)::bigint as n_events
from part
group by part_kind, part_name
qualify row_number() over (partition by part_kind order by n_events desc, part_name) <= $n_parts
order by part_kind, n_events desc, part_name
