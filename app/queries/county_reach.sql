-- Of which weeks are there items of each county, from $source (null = any)?
select county_code, min(week_start_on) as first_on, max(week_start_on) as last_on
from weekly_counts
where $source::varchar is null or source = $source
group by county_code
