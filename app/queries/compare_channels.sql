-- Through which channels did the items of one side of a comparison (compare_weeks) come in its period?
select source, coalesce(channel, '未填') as channel, count(*)::bigint as n_events
from event
where
    registered_at >= $from_on::date
    and registered_at < $to_on::date + 7
    and ($source::varchar is null or source = $source)
    and ($issue::varchar is null or issue_code = $issue)
    and ($group::varchar is null or issue_code in (select issue_code from issue where group_code = $group))
    and ($county::varchar is null or county_code = $county)
    and ($town::varchar is null or town_code = $town)
    and ($not_county::varchar is null or county_code <> $not_county)
    and ($not_town::varchar is null or town_code <> $not_town)
group by source, coalesce(channel, '未填')
order by n_events desc, source, channel
