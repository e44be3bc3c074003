-- The texts in which new words are looked for: items from $first to $last that are not counted only. Where $is_sampled those that
-- are searched for candidates, up to the key $until; else the others since $recent.
select
    event_key, source, registered_on, issue_code, county_code, town_code, community_code,
    concat_ws(chr(10), title, text) as text
from event
where
    registered_on between $first::date and $last::date
    and not is_counted_only
    and coalesce(title, text) is not null
    and (event_key < $until) = $is_sampled
    and ($is_sampled or registered_on >= $recent::date)
