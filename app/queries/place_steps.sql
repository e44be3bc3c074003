-- How many items has each place, and the city ($city), in each of the last $n_steps steps of four weeks up to $to_on?
-- step 0 is the newest. Where the chosen source has nothing of a county in the step, its figure is null: unknown, not 0.
with chosen as (
    select
        date_diff('day', week_start_on, $to_on::date) // 28 as step,
        county_code,
        town_code,
        community_code,
        sum(n_events) as n_events
    from weekly_counts
    where
        week_start_on > $to_on::date - 28 * $n_steps::integer
        and week_start_on <= $to_on::date
        and ($source::varchar is null or source = $source)
        and ($issue::varchar is null or issue_code = $issue)
        and ($group::varchar is null or issue_code in (select issue_code from issue where group_code = $group))
    group by all
),
counted as (
    select step, place_code, sum(n_events) as n_events
    from (
        select step, $city as place_code, n_events from chosen
        union all
        select step, county_code, n_events from chosen
        union all
        select step, town_code, n_events from chosen
        union all
        select step, community_code, n_events from chosen
    )
    group by step, place_code
),
covered as (
    select county_code, min(week_start_on) as first_on, max(week_start_on) as last_on
    from weekly_counts
    where $source::varchar is null or source = $source
    group by county_code
),
steps as (select unnest(range($n_steps::integer))::integer as step)
select
    s.step,
    p.place_code,
    p.place_level,
    p.parent_code,
    p.county_code,
    p.town_code,
    p.population,
    p.is_provisional,
    case
        when
            p.place_level = 'city'
            or (k.first_on <= $to_on::date - 28 * s.step and k.last_on >= $to_on::date - 28 * s.step - 21)
            then coalesce(c.n_events, 0)::bigint
    end as n_events
from place as p
cross join steps as s
left join counted as c on c.place_code = p.place_code and c.step = s.step
left join covered as k on k.county_code = p.county_code
order by s.step, p.place_code
