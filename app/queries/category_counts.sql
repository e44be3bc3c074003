-- Which of the sources' own categories are the most frequent, now and in the period before?
select
    source,
    coalesce(category_raw, '（来源未分类）') as category_raw,
    count(*) filter (where registered_at >= $from_on::date)::bigint as n_events,
    count(*) filter (where registered_at < $from_on::date)::bigint as n_events_before
from event
where
    registered_at >= $before_on::date
    and registered_at < $to_on::date + 7
    and ($source::varchar is null or source = $source)
    and ($county::varchar is null or county_code = $county)
    and ($town::varchar is null or town_code = $town)
    and ($community::varchar is null or community_code = $community)
    and ($group::varchar is null or issue_code in (select issue_code from issue where group_code = $group))
group by 1, 2
having n_events > 0
order by n_events desc, source, category_raw
limit 500
