-- To which group of peers does each unit belong? By the office's list of units, else by its name.
select
    c.unit_name,
    max(u.role_name) as role_name,
    coalesce(max(u.county_code), max(p.place_code)) as unit_county,
    max(u.town_code) as unit_town,
    case
        when max(u.town_code) is not null then 'town'
        when max(u.county_code) is not null then 'county_unit'
        when max(u.unit_code) is not null then 'city_unit'
        when regexp_matches(c.unit_name, '(街道|街道办事处|街道办|[镇乡](人民)?政府|[镇乡])$') then 'town'
        when max(p.place_code) is not null then 'county_unit'
        when max(y.place_code) is not null then 'city_unit'
        else 'other'
    end as peer_group
from (select distinct unit_name from kpi_cell where unit_name is not null) as c
left join unit as u on u.unit_name = c.unit_name
left join place as p on p.place_level = 'county' and starts_with(c.unit_name, p.place_name)
left join place as y on y.place_level = 'city' and starts_with(c.unit_name, y.place_name)
group by c.unit_name
order by c.unit_name
