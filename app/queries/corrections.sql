-- Which corrections did the office make, and did each take effect? Those without effect first.
select
    correction_row, source, is_bulk, column_name, value_was, value_is, reason_text, decided_on, correction_outcome,
    n_corrected, hint
from correction
order by correction_outcome = 'applied', correction_row
