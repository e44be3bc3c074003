-- Which places of one level had, in these weeks, a warning about $issue (or its group, or an issue of it): of their own, or
-- of a place inside them or around them, short of the city? $place_level: county | town | community.
with warned as (
    select distinct s.place_code
    from signal as s
    left join issue as i on i.issue_code = s.issue_code
    where
        s.place_level <> 'city'
        and s.week_start_on between $from_on::date and $to_on::date
        and (
            s.issue_code = $issue
            or i.group_code = $issue
            or s.issue_code = (select group_code from issue where issue_code = $issue)
        )
)
select distinct p.place_code as code
from place as p
inner join place as w on w.place_code in (select place_code from warned)
where
    p.place_level = $place_level
    and (
        p.place_code in (w.place_code, w.town_code, w.county_code)
        or w.place_code in (p.town_code, p.county_code)
    )
order by 1
