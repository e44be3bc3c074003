-- What does one ledger count to, unit by unit, of the months $from_on … $to_on? Rows with the county asked for, or all.
select
    unit_name,
    sum(n_opened)::bigint as n_opened,
    sum(n_withdrawn)::bigint as n_withdrawn,
    sum(n_led)::bigint as n_led,
    sum(n_signed)::bigint as n_signed,
    sum(n_planned)::bigint as n_planned,
    sum(n_replied)::bigint as n_replied,
    sum(n_finished)::bigint as n_finished,
    sum(n_achieved)::bigint as n_achieved,
    sum(n_partly)::bigint as n_partly,
    sum(n_visits)::bigint as n_visits,
    sum(n_persons)::bigint as n_persons,
    sum(n_fell_due)::bigint as n_fell_due,
    sum(n_on_time)::bigint as n_on_time
from ledger_count
where
    ledger_kind = $kind
    and month_start_on between $from_on::date and $to_on::date
    and ($county::varchar is null or county_code = $county)
    and ($subtype::varchar is null or subtype = $subtype)
group by unit_name
order by n_opened desc, unit_name
