-- Which space-time clusters were there in $week, rarer than $most a year by chance? The rarest first; $county, $town:
-- of the centre. place_names: the three communities with most items of it, most first, each with its town where the
-- cluster is in several, and with its county where it is in several of those. county_name, town_name: null in these cases.
with named as (
    select
        m.cluster_id,
        case
            when c.place_level = 'city' then concat(p.county_name, p.town_name, p.place_name)
            when c.place_level = 'county' then concat(p.town_name, p.place_name)
            else p.place_name
        end as place_name,
        row_number() over (partition by m.cluster_id order by m.n_events desc, m.place_code) as number
    from cluster_place as m
    inner join place as p on p.place_code = m.place_code
    inner join cluster as c on c.cluster_id = m.cluster_id and c.week_start_on = m.week_start_on
    where m.week_start_on = $week::date
),
members as (
    select cluster_id, string_agg(place_name, '、' order by number) as place_names
    from named
    where number <= 3
    group by cluster_id
)
select
    c.cluster_id, c.week_start_on, c.issue_code, i.issue_name, i.group_code, c.lon, c.lat, c.radius_km,
    c.n_places, m.place_names, c.county_code, k.place_name as county_name, c.town_code, t.place_name as town_name,
    c.first_week_on, c.observed, c.expected, c.recurrence_weeks, c.chance_per_year
from cluster as c
left join members as m on m.cluster_id = c.cluster_id
left join issue as i on i.issue_code = c.issue_code
left join place as k on k.place_code = c.county_code and c.place_level <> 'city'
left join place as t on t.place_code = c.town_code and c.place_level in ('town', 'community')
where
    c.week_start_on = $week::date
    and c.chance_per_year <= $most
    and ($issue::varchar is null or c.issue_code = $issue)
    and ($group::varchar is null or i.group_code = $group)
    and ($county::varchar is null or c.county_code = $county)
    and ($town::varchar is null or c.town_code = $town)
order by c.chance_per_year, c.cluster_id
