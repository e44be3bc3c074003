-- With whom and with what were those asked dissatisfied? Unit by issue, of the items rated from $first_day to $last_day.
select
    f.unit_name,
    i.issue_code,
    i.issue_name,
    i.group_code,
    count(*)::bigint as n_items,
    count(*) filter (where f.is_dissatisfied)::bigint as n_dissatisfied
from item_fact as f
inner join issue as i on i.issue_code = f.issue_code
where
    f.rated_on between $first_day::date and $last_day::date
    and f.is_rated
    and not f.is_counted_only
    and ($county::varchar is null or f.county_code = $county)
group by f.unit_name, i.issue_code, i.issue_name, i.group_code
order by n_dissatisfied desc, n_items desc, f.unit_name nulls last, i.issue_code
