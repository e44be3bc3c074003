-- How many items about $issue (or a group of issues) had each place of one level, week by week? Silent weeks are left out.
-- $place_level: county | town | community.
select
    case $place_level when 'county' then county_code when 'town' then town_code else community_code end as code,
    week_start_on,
    sum(n_events)::bigint as n_events
from weekly_counts
where
    week_start_on between $from_on::date and $to_on::date
    and (issue_code = $issue or issue_code in (select issue_code from issue where group_code = $issue))
group by 1, 2
having code is not null
order by 1, 2
