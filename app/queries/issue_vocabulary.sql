-- Which words has the taxonomy for this issue and the others of its group? Its own first.
select v.word
from (
    select unnest(string_split(i.trigger_words, ' ')) as word, i.issue_code = own.issue_code as is_own
    from issue as i
    inner join issue as own on own.group_code = i.group_code
    where own.issue_code = $issue
) as v
where length(v.word) > 1
group by v.word
order by max(v.is_own::int) desc, v.word
