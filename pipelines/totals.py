"""Do a file's own 合计 rows agree with the rows it has? What they state beside what was counted, for the ledger.

A total speaks for the rows since the total before it (a sheet, a section) or for all rows above it; whichever agrees
counts, so that 小计 rows, one 合计 a sheet and a 总计 at the end are all compared with what they add up.
"""

from typing import NamedTuple

import polars as pl

from pipelines.sources.recognise import Layout


class Count(NamedTuple):
    n_items: int = 0
    n_persons: int = 0

    def plus(self, other: "Count") -> "Count":
        return Count(self.n_items + other.n_items, self.n_persons + other.n_persons)


class Stated:
    """Fed with the blocks of one file in their order; `found` is what goes into core.batch.control_totals."""

    def __init__(self, layout: Layout):
        header_of = {ours: header for header, ours in reversed(layout["columns"].items())}
        self._columns = (header_of.get("item_number", "件数"), header_of.get("persons", "人次"))
        self._all, self._since_total, self._since_any = Count(), Count(), Count()
        self._n_rejected = 0
        self.found: list[dict] = []

    def add(self, events: pl.DataFrame, rejected: pl.DataFrame, stated: pl.DataFrame) -> None:
        """One block. `stated`: `control_totals` of it. Rejected rows are rows of the file too; their persons are not known."""
        rows = pl.concat(
            [
                events.select("source_row", pl.col("persons").fill_null(0).cast(pl.Int64)),
                rejected.select("source_row", pl.lit(0, pl.Int64).alias("persons")),
            ]
        )
        self._n_rejected += len(rejected)
        above = -1
        for row, kind, n_items, n_persons in stated.sort("source_row").iter_rows():
            self._count(rows.filter(pl.col("source_row").is_between(above, row, closed="none")))
            self._compare(row, kind, (n_items, n_persons))
            above = row
        self._count(rows.filter(pl.col("source_row") > above))

    def _count(self, rows: pl.DataFrame) -> None:
        more = Count(len(rows), int(rows["persons"].sum()))
        self._all, self._since_total, self._since_any = (
            one.plus(more) for one in (self._all, self._since_total, self._since_any)
        )

    def _compare(self, row: int, kind: str, stated: tuple[int | None, int | None]) -> None:
        section = self._since_any if kind == "subtotal" else self._since_total
        for at, (column, number) in enumerate(zip(self._columns, stated, strict=True)):
            if number is not None:
                counted = self._all[at] if self._all[at] == number else section[at]
                self.found.append({"row": row, "kind": kind, "column": column, "stated": number, "counted": counted})
        self._since_any = Count()
        if kind == "total":
            self._since_total = Count()

    def notes(self) -> list[str]:
        wrong = [one for one in self.found if one["stated"] != one["counted"]]
        return [
            f"文件第 {one['row']} 行自报合计「{one['column']}」{one['stated']:,}，实数 {one['counted']:,}，不符；"
            + (
                f"拒收的 {self._n_rejected:,} 行没有计入人次，可能是差数的来历。"
                if self._n_rejected and one["column"] == self._columns[1] and one["stated"] > one["counted"]
                else "请与导出单位核对。"
            )
            for one in wrong[:3]
        ]
