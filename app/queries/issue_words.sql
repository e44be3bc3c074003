-- How many items of this issue carry each word of the taxonomy's for issues of its group, in the weeks from $from_on to $to_on and
-- in the period before?
with word as (
    select distinct unnest(string_split(i.trigger_words, ' ')) as word
    from issue as i
    inner join issue as own on own.group_code = i.group_code
    where own.issue_code = $issue
),
item as (
    select concat_ws(' ', title, text) as said, registered_at >= $from_on::date as is_now
    from event
    where
        issue_code = $issue
        and registered_at >= $before_on::date
        and registered_at < $to_on::date + 7
        and not is_counted_only
        and ($source::varchar is null or source = $source)
        and ($county::varchar is null or county_code = $county)
        and ($town::varchar is null or town_code = $town)
        and ($community::varchar is null or community_code = $community)
)
select
    w.word,
    (count(*) filter (where i.is_now))::bigint as n_events,
    (count(*) filter (where not i.is_now))::bigint as n_events_before
from word as w
inner join item as i on contains(i.said, w.word)
where length(w.word) > 1
group by w.word
having count(*) filter (where i.is_now) > 0
order by n_events desc, w.word
