-- From which to which day does each source, each county, and each source in each county have items?
-- is_source, is_county: which columns name the row. n_closed, n_rated: 0 where the source never says so.
select
    grouping(source) = 0 as is_source,
    grouping(county_code) = 0 as is_county,
    source,
    county_code,
    min(registered_on) as first_on,
    max(registered_on) as last_on,
    sum(n_closed)::bigint as n_closed,
    sum(n_rated)::bigint as n_rated
from daily_counts
group by grouping sets ((source), (county_code), (source, county_code))
order by is_source, is_county, source, county_code
