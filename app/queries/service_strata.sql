-- From how many items can a sample be drawn: closed from $first_day to $last_day, counted-only ones aside? By stratum ($by 'unit',
-- 'group' of issues, or 'none'). Takes the source $source, or all.
select
    coalesce(case $by when 'unit' then f.unit_name when 'group' then i.group_name end, '') as stratum,
    count(*)::bigint as n_items
from item_fact as f
inner join issue as i on i.issue_code = f.issue_code
where
    f.closed_on between $first_day::date and $last_day::date
    and not f.is_counted_only
    and ($county::varchar is null or f.county_code = $county)
    and ($source::varchar is null or f.source = $source)
group by stratum
order by stratum
