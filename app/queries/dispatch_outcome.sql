-- What became of these items ($events, keys joined by a space), registered from $from_on on?
select event_key, closing_days, is_answered_in_time, is_satisfied, is_dissatisfied, is_returned
from item_fact
where registered_on >= $from_on::date and event_key in (select unnest(string_split($events, ' ')))
