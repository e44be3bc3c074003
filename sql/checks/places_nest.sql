-- 镇街在自己的县区里，社区村在自己的镇街里
select distinct w.county_code, w.town_code, w.community_code
from weekly_counts as w
left join place as t on t.place_code = w.town_code
left join place as c on c.place_code = w.community_code
where
    (w.town_code is not null and t.county_code is distinct from w.county_code)
    or (w.community_code is not null and c.town_code is distinct from w.town_code)
