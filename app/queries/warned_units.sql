-- Which units were out of their control limits in one kind of evidence in these weeks?
select distinct unit_name as code
from evidence
where
    unit_name is not null
    and kind = $kind
    and status = 'alarm'
    and week_start_on between $from_on::date and $to_on::date
order by 1
