-- How many items of each issue has each of these places, now and in the period before? One row a place and issue.
-- $inside: codes of places of one level, joined by commas (null = everywhere); $place_level: their level (city: one place of all).
select
    case $place_level
        when 'county' then c.county_code when 'town' then c.town_code when 'community' then c.community_code else ''
    end as place_code,
    i.issue_code,
    i.issue_name,
    i.group_code,
    coalesce(sum(c.n_events) filter (where c.week_start_on >= $from_on::date), 0)::bigint as n_events,
    coalesce(sum(c.n_events) filter (where c.week_start_on < $from_on::date), 0)::bigint as n_events_before
from weekly_counts as c
inner join issue as i on i.issue_code = c.issue_code
where
    c.week_start_on between $before_on::date and $to_on::date
    and ($source::varchar is null or c.source = $source)
    and ($group::varchar is null or i.group_code = $group)
    and ($issue::varchar is null or i.issue_code = $issue)
    and (
        $inside::varchar is null
        or case $place_level when 'county' then c.county_code when 'town' then c.town_code else c.community_code end
        in (select unnest(string_split($inside, ',')))
    )
group by all
order by place_code, i.issue_code
