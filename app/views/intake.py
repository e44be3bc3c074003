"""数据接入: what was taken in, what was left out and why, and what should be repaired next?"""

import polars as pl

from app import filters, marts, page
from app.parts.files import ledger, protection, rejected, unresolved

edition = page.start("数据接入", "数据收全了吗，哪些行没收、为什么？")
source = filters.bar(edition.data_from, edition.last_full_week, "source")[0].source
batches = marts.query("batches")
if source:
    batches = batches.filter(pl.col("source") == source)
page.require(batches, "还没有这个来源的批次。用 yanpan ingest 接入导出文件后再看。")
ledger(batches, edition)
rejected(source, edition)
unresolved(edition)
protection(batches)
