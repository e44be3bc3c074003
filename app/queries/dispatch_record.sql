-- How were the items of an issue handled that were registered in the year up to $through, in the city or one county?
-- n_timed, n_in_time: due or answered; n_rated, n_satisfied: rated; n_return_known, n_returned: of files that tell returns.
select
    count(*)::bigint as n_events,
    count(is_answered_in_time)::bigint as n_timed,
    (count(*) filter (where is_answered_in_time))::bigint as n_in_time,
    median(closing_days)::double as closing_median,
    (count(*) filter (where is_rated and is_satisfied is not null))::bigint as n_rated,
    (count(*) filter (where is_satisfied))::bigint as n_satisfied,
    count(is_returned)::bigint as n_return_known,
    (count(*) filter (where is_returned))::bigint as n_returned
from item_fact
where
    registered_on > $through::date - 365
    and registered_on <= $through::date
    and issue_code = $issue
    and ($county::varchar is null or county_code = $county)
