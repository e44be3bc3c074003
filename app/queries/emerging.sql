-- Which words and topics are new or suddenly frequent in $week? The most surprising first.
select
    e.word_id, e.word, e.words, e.window_weeks, e.n_events, e.n_before, e.expected, e.chance_per_year, e.first_seen_on,
    e.place_level, e.place_code, p.place_name, c.place_name as county_name, e.issue_code,
    coalesce(i.issue_name, e.issue_code) as issue_name, e.examples
from emerging as e
left join place as p on p.place_code = e.place_code
left join place as c on c.place_code = p.county_code and e.place_level = 'town'
left join issue as i on i.issue_code = e.issue_code
where
    e.week_start_on = $week::date
    and ($county::varchar is null or p.county_code = $county)
    and ($group::varchar is null or coalesce(i.group_code, e.issue_code) = $group)
order by e.p_value, e.word
