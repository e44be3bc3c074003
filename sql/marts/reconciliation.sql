-- 勾稽: do the parts add up to their totals at every level? The file's own totals are a remark, the others must hold.
-- grain: check_name, scope
-- inputs: known_batch, known_event, event, daily_counts, weekly_counts, place, issue, stated_total, core.event, core.event_history, core.repeat, core.batch, build_parameter
with source_total as (
    select source, count(*) as n_events from event group by source
),
day_sum as (
    select cast(date_trunc('week', registered_on) as date) as week_start_on, source, sum(n_events) as n_events
    from daily_counts
    group by cast(date_trunc('week', registered_on) as date), source
),
week_sum as (
    select week_start_on, source, sum(n_events) as n_events from weekly_counts group by week_start_on, source
),
town_sum as (
    select t.county_code, sum(w.n_events) as n_events
    from weekly_counts as w
    inner join place as t on t.place_code = w.town_code and t.place_level = 'town'
    group by t.county_code
),
county_sum as (
    select county_code, sum(n_events) as n_events, sum(n_events) filter (where town_code is null) as n_apart
    from weekly_counts
    where county_code is not null
    group by county_code
),
-- Told of by a known batch: by the state in force, or else by another state or a further report, which are few.
reported as (
    select event_id from core.event where batch_id in (select batch_id from known_batch)
),
reported_otherwise as (
    select event_id from core.event_history where batch_id in (select batch_id from known_batch)
    union
    select event_id from core.repeat where batch_id in (select batch_id from known_batch)
),
ledger as (
    select
        -- Files loaded in another order than they were known count their updates otherwise.
        coalesce(
            (select max(loaded_at) from known_batch where source in ('petition', 'hotline', 'grid'))
            < (
                select min(b.loaded_at) from core.batch as b
                left join known_batch as k on k.batch_id = b.batch_id
                where k.batch_id is null and b.source in ('petition', 'hotline', 'grid')
            ),
            true
        ) as is_exact
),
compared as (
    select
        'batch_rows' as check_name, batch_id as scope, n_read as n_expected,
        n_loaded + n_rejected + n_duplicate + n_out_of_scope as n_found, '读入 = 入库 + 拒收 + 重复 + 范围外' as note
    from known_batch
    union all
    select
        'county_sum', t.source, t.n_events, coalesce(d.n_events, 0) + coalesce(d.n_apart, 0),
        '各县区之和 + 未定位 ' || cast(coalesce(d.n_apart, 0) as varchar) || ' 件 = 全市'
    from source_total as t
    left join (
        select
            d.source,
            sum(d.n_events) filter (where p.place_code is not null) as n_events,
            sum(d.n_events) filter (where d.county_code is null) as n_apart
        from daily_counts as d
        left join place as p on p.place_code = d.county_code and p.place_level = 'county'
        group by d.source
    ) as d on d.source = t.source
    union all
    select
        'town_sum', c.county_code, c.n_events, coalesce(t.n_events, 0) + coalesce(c.n_apart, 0),
        '各镇街之和 + 只到县区 ' || cast(coalesce(c.n_apart, 0) as varchar) || ' 件 = 县区'
    from county_sum as c
    left join town_sum as t on t.county_code = c.county_code
    union all
    select 'issue_sum', t.source, t.n_events, coalesce(i.n_events, 0), '各事项之和 = 合计'
    from source_total as t
    left join (
        select w.source, sum(w.n_events) as n_events
        from weekly_counts as w
        inner join issue as i on i.issue_code = w.issue_code
        group by w.source
    ) as i on i.source = t.source
    union all
    select
        'week_sum', d.source, sum(d.n_events), sum(d.n_events) - sum(abs(d.n_events - coalesce(w.n_events, 0))),
        '每一周的各日之和 = 该周'
    from day_sum as d
    left join week_sum as w on w.week_start_on = d.week_start_on and w.source = d.source
    group by d.source
    union all
    select
        'ledger_items', 'all', l.n_items, e.n_items,
        case
            when s.is_exact then '各批次（入库 − 更新）之和 = 库中事项'
            else '文件不是按知悉的先后导入的，台账按导入当时计，只作参考'
        end
    from (
        select sum(n_loaded - n_updated) as n_items from known_batch where source in ('petition', 'hotline', 'grid')
    ) as l
    cross join (select count(*) as n_items from known_event) as e
    cross join ledger as s
    union all
    select 'reported_items', 'all', r.n_items, e.n_items, '各批次报过的事项 = 库中事项'
    from (
        select
            (select count(*) from reported)
            + (select count(*) from reported_otherwise as o where not exists (
                select 1 from reported as i where i.event_id = o.event_id
            )) as n_items
    ) as r
    cross join (select count(*) as n_items from known_event) as e
    union all
    select
        'published_items', 'all', k.n_items, e.n_items,
        '库中事项 − 截至日之后登记的 ' || cast(k.n_later as varchar) || ' 件 = 统计件数'
    from (
        select
            count(*) filter (where k.registered_at < p.as_of_end) as n_items,
            count(*) filter (where k.registered_at >= p.as_of_end) as n_later
        from known_event as k
        cross join build_parameter as p
    ) as k
    cross join (select count(*) as n_items from event) as e
    union all
    select
        'file_total', batch_id || ' · ' || cast(total_row as varchar) || ' · ' || column_name, n_stated, n_counted,
        '文件第 ' || cast(total_row as varchar) || ' 行合计「' || column_name || '」与逐行所数'
    from stated_total
)
select
    check_name,
    scope,
    cast(n_expected as bigint) as n_expected,
    cast(n_found as bigint) as n_found,
    cast(n_found - n_expected as bigint) as n_difference,
    n_found = n_expected or (check_name = 'ledger_items' and not s.is_exact) as is_ok,
    note
from compared
cross join ledger as s
order by check_name, scope
