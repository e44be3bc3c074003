-- How many of the items closed in the weeks from $since to $week were sent back to their unit at least once?
-- Null where no source fills the column.
select
    sum(n_return_known)::bigint as n_return_known,
    sum(n_returned)::bigint as n_returned
from weekly_outcome
where
    week_start_on between $since::date and $week::date
    and ($county::varchar is null or county_code = $county)
    and ($town::varchar is null or town_code = $town)
