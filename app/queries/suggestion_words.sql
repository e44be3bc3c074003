-- Which words of the taxonomy are in the suggestions of the weeks from $from_on to $to_on? Items, not occurrences.
select word, sum(n_events)::bigint as n_events
from suggestion_word
where week_start_on between $from_on::date and $to_on::date and ($county::varchar is null or county_code = $county)
group by word
order by n_events desc, word
