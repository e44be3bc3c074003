-- Where did the same issue come up again within $window days of three or more, with items in the weeks from $from_on to
-- $to_on? One row a run of items at one place: the last to come first.
select
    r.issue_code, i.issue_name, r.county_code, r.town_code, r.community_code, r.lon, r.lat, c.place_name as county_name,
    t.place_name as town_name, coalesce(m.place_name, '约 200 米的一格') as place_name, r.first_on, r.last_on, r.n_events,
    r.n_after_closing, r.unit_names
from recurrence as r
inner join issue as i on i.issue_code = r.issue_code
left join place as c on c.place_code = r.county_code
left join place as t on t.place_code = r.town_code
left join place as m on m.place_code = r.community_code
where
    r.window_days = $window
    and r.last_on >= $from_on::date
    and r.first_on < $to_on::date + 7
    and ($issue::varchar is null or r.issue_code = $issue)
    and ($group::varchar is null or i.group_code = $group)
    and ($county::varchar is null or r.county_code = $county)
    and ($town::varchar is null or r.town_code = $town)
    and ($community::varchar is null or r.community_code = $community)
order by r.n_events desc, r.last_on desc, r.issue_code, r.community_code, r.lon, r.lat, r.first_on
limit $n_rows
