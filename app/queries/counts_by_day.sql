-- How many items a day, for this choice, by day of registration, occurrence or closing ($basis)? One row a day and
-- series; $split: all | source | county | town | group. Items without the place have the name 未定位.
with chosen as (
    select day_on, source, county_code, town_code, issue_code, n_events
    from dated_counts
    where
        date_basis = $basis
        and day_on between $from_on::date and $to_on::date
        and ($source::varchar is null or source = $source)
        and ($county::varchar is null or county_code = $county)
        and ($town::varchar is null or town_code = $town)
        and ($issue::varchar is null or issue_code = $issue)
        and ($group::varchar is null or issue_code in (select issue_code from issue where group_code = $group))
),
counted as (
    select
        day_on,
        case $split
            when 'source' then source
            when 'county' then county_code
            when 'town' then town_code
            when 'group' then issue_code
        end as code,
        sum(n_events)::bigint as n_events
    from chosen
    group by 1, 2
)
select
    c.day_on,
    case $split
        when 'source' then c.code
        when 'group' then i.group_name
        when 'all' then 'all'
        else coalesce(p.place_name, '未定位')
    end as series_name,
    sum(c.n_events)::bigint as n_events
from counted as c
left join place as p on $split in ('county', 'town') and p.place_code = c.code
left join issue as i on $split = 'group' and i.issue_code = c.code
group by 1, 2
order by 1, 2
