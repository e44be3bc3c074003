-- By which rules are the indicators counted? One row an indicator and 口径, in the order of display.
select * from kpi order by kpi_order
