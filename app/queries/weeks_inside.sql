-- How many items a week has each of these places? As issues_inside.
select
    case $place_level
        when 'county' then county_code when 'town' then town_code when 'community' then community_code else ''
    end as place_code,
    week_start_on as period_start_on,
    sum(n_events)::bigint as n_events
from weekly_counts
where
    week_start_on between $since_on::date and $to_on::date
    and ($source::varchar is null or source = $source)
    and ($issue::varchar is null or issue_code = $issue)
    and ($group::varchar is null or issue_code in (select issue_code from issue where group_code = $group))
    and (
        $inside::varchar is null
        or case $place_level when 'county' then county_code when 'town' then town_code else community_code end
        in (select unnest(string_split($inside, ',')))
    )
group by all
order by place_code, week_start_on
