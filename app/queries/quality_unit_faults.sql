-- What is wrong with the items of one unit? One row a fault: items so far, rows of the last 13 weeks (where listed).
with fault_count as (
    unpivot (
        select
            source, n_events, n_place_missing as place_missing,
            n_category_missing as category_missing,
            n_category_other as category_other,
            n_occurred_late as occurred_late,
            n_accepted_early as accepted_early,
            n_replied_early as replied_early,
            n_closed_early as closed_early,
            n_due_early as due_early,
            n_closing_time_missing as closing_time_missing,
            n_open_but_closed as open_but_closed,
            n_late_1d as late_1d,
            n_late_3d as late_3d,
            n_late_7d as late_7d
        from quality_unit
        where unit_name is not distinct from $unit and source = $of_source
    ) on columns(* exclude (source, n_events)) into name fault value n_faulty
),
recent as (
    select fault, max(n_rows) as n_rows
    from quality_row
    where unit_name is not distinct from $unit and source = $of_source
    group by fault
)
select
    c.source, c.fault, c.n_events, c.n_faulty, c.n_faulty / c.n_events as faulty_share,
    case when c.fault not in ('late_1d', 'late_3d') then coalesce(r.n_rows, 0) end as n_rows
from fault_count as c
left join recent as r on r.fault = c.fault
where c.n_faulty > 0
order by c.n_faulty desc, c.fault
