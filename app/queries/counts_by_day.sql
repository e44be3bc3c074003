-- How many items a day, for this choice? One row a day and series; $split: none | source | county | group.
with chosen as (
    select d.registered_on, d.source, d.county_code, d.issue_code, d.n_events
    from daily_counts as d
    where
        $town::varchar is null
        and d.registered_on between $from_on::date and $to_on::date
        and ($source::varchar is null or d.source = $source)
        and ($county::varchar is null or d.county_code = $county)
        and ($issue::varchar is null or d.issue_code = $issue)
        and ($group::varchar is null or d.issue_code in (select issue_code from issue where group_code = $group))
    union all
    select e.registered_on, e.source, e.county_code, e.issue_code, 1
    from event as e
    where
        $town::varchar is not null
        and e.registered_at >= $from_on::date
        and e.registered_at < $to_on::date + 1
        and e.town_code = $town
        and ($source::varchar is null or e.source = $source)
        and ($issue::varchar is null or e.issue_code = $issue)
        and ($group::varchar is null or e.issue_code in (select issue_code from issue where group_code = $group))
)
select
    c.registered_on,
    case $split
        when 'source' then c.source
        when 'county' then coalesce(p.place_name, '未定位')
        when 'group' then i.group_name
        else 'all'
    end as series_name,
    sum(c.n_events)::bigint as n_events
from chosen as c
left join place as p on p.place_code = c.county_code
left join issue as i on i.issue_code = c.issue_code
group by 1, 2
order by 1, 2
