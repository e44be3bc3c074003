-- The texts in which new words are looked for: items from $first to $last that are not counted only; those before $recent, and
-- those searched for candidates (is_sampled), up to the key $until.
select
    event_key, source, registered_on, issue_code, county_code, town_code, community_code,
    concat_ws(chr(10), title, text) as text, event_key < $until as is_sampled
from event
where
    registered_on between $first::date and $last::date
    and not is_counted_only
    and coalesce(title, text) is not null
    and (event_key < $until or registered_on >= $recent::date)
