-- What was done about this issue beyond handling its items: mediations and court cases tied to it, entries of the ledgers? One row a
-- kind; begun in the weeks from $from_on to $to_on. n_done: ended in success, or achieved. Ledgers name no community.
select
    source as measure_kind,
    count(*)::bigint as n_events,
    (count(*) filter (where ended_on is not null))::bigint as n_ended,
    (count(*) filter (where referral_outcome = 'succeeded'))::bigint as n_done
from referral
where
    issue_code = $issue
    and applied_on between $from_on::date and $to_on::date + 6
    and ($county::varchar is null or county_code = $county)
    and ($town::varchar is null or town_code = $town)
    and ($community::varchar is null or community_code = $community)
group by source
union all
select
    k.kind_name,
    count(*)::bigint,
    (count(*) filter (where l.closed_on is not null))::bigint,
    (count(*) filter (where l.ledger_result = 'achieved'))::bigint
from ledger as l
inner join ledger_kind as k on k.ledger_kind = l.ledger_kind
where
    l.issue_code = $issue
    and l.opened_on between $from_on::date and $to_on::date + 6
    and ($county::varchar is null or l.county_code = $county)
    and ($town::varchar is null or l.town_code = $town)
group by k.kind_name
order by n_events desc, measure_kind
