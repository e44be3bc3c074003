-- How many items does daily_counts have a day, by source and county, from $from_on to $to_on?
-- is_listed_issue, is_listed_county: their codes are in the lists of issues and places.
select
    d.registered_on,
    d.source,
    d.county_code,
    i.issue_code is not null as is_listed_issue,
    p.place_code is not null as is_listed_county,
    sum(d.n_events)::bigint as n_events
from daily_counts as d
left join issue as i on i.issue_code = d.issue_code
left join place as p on p.place_code = d.county_code and p.place_level = 'county'
where
    d.registered_on between $from_on::date and $to_on::date
    and ($county::varchar is null or d.county_code = $county)
group by all
order by all
