-- What did the second look for personal data find before this version was published? What was found comes first.
select storage, table_name, column_name, personal_kind, is_hard, n_cells, n_cells_found, shape
from privacy_scan
order by is_hard desc, n_cells_found desc, storage, table_name, column_name, personal_kind
