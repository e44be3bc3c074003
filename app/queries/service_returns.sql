-- Who sends what back? Unit by issue, of the items closed from $first_day to $last_day whose file tells of returns:
-- items, how many of them came back at least once, and how often in all.
select
    f.unit_name,
    i.issue_code,
    i.issue_name,
    i.group_code,
    count(*)::bigint as n_items,
    count(*) filter (where f.is_returned)::bigint as n_returned,
    sum(f.n_returns)::bigint as n_returns
from item_fact as f
inner join issue as i on i.issue_code = f.issue_code
where
    f.closed_on between $first_day::date and $last_day::date
    and f.n_returns is not null
    and not f.is_counted_only
    and ($county::varchar is null or f.county_code = $county)
group by f.unit_name, i.issue_code, i.issue_name, i.group_code
order by n_returned desc, n_items desc, f.unit_name nulls last, i.issue_code
