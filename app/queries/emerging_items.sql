-- The redacted items with these keys ($keys, comma-separated), registered in the half year up to $week, newest first; none that is
-- counted only.
with page as (
    select *, null::bigint as n_listed
    from event
    where
        not is_counted_only
        and registered_at >= $week::date - 182
        and registered_at < $week::date + 7
        and event_key in (select unnest(string_split($keys, ',')))
)
-- then: item_rows
