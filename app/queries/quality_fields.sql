-- How complete and usable is each field of each source? Over all weeks, and over the 4 newest weeks apart.
select
    source,
    field_name,
    sum(n_events)::bigint as n_events,
    sum(n_missing)::bigint as n_missing,
    sum(n_missing) / sum(n_events) as missing_share,
    sum(n_missing) filter (where is_recent) / sum(n_events) filter (where is_recent) as recent_missing_share,
    sum(n_other)::bigint as n_other,
    sum(n_unmatched)::bigint as n_unmatched,
    sum(n_invalid)::bigint as n_invalid
from (
    select *, week_start_on > max(week_start_on) over (partition by source) - 28 as is_recent
    from quality_field
)
where $source::varchar is null or source = $source
group by source, field_name
order by source, n_missing, field_name
