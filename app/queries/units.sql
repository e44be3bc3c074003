-- Which units can be given something to do? Those of the items and those of the duty list.
select unit_name from quality_unit where unit_name is not null
union
select unit_name from unit
union
select responsible_unit from signal where responsible_unit is not null
order by 1
