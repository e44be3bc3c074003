"""Suggestions for a table of texts: what the command line and the page 智能分派 share.

A table comes in as CSV or Excel, its text is redacted, and what goes out is the number of the row and the suggestion; never
another column of what came in.
"""

import io
from collections.abc import Callable, Iterator, Sequence
from pathlib import PurePath

import fastexcel
import polars as pl

from pipelines.dispatch import suggest, tables
from pipelines.errors import SourceError

TEXT_COLUMNS = (
    "内容", "诉求内容", "投诉内容", "反映内容", "工单内容", "信访内容", "问题描述", "留言详情", "主要内容", "概况", "正文", "text",
)  # fmt: skip
"""Headers under which the text is looked for, the likeliest first."""
PURPOSE_COLUMN = "信访目的"
COLUMNS = ["行", "建议", "事项代码", "事项", "把握", "单位", "其他事项", "其他单位", "命中词", "理由"]
WORDS_ALONE = "词库"
"""In place of a probability where only the library spoke."""
BLOCK = 500
"""Texts judged at once; between two blocks others have their turn."""


def read(name: str, content: bytes) -> pl.DataFrame:
    """The first sheet or the CSV (UTF-8 or GB18030) as text columns. SourceError for what is no table."""
    try:
        if PurePath(name).suffix.lower() in (".xlsx", ".xls", ".xlsm", ".xlsb"):
            frame = pl.read_excel(io.BytesIO(content), infer_schema_length=0, raise_if_empty=False)
            return frame.cast(pl.String)
        separator = "\t" if PurePath(name).suffix.lower() == ".tsv" else ","
        return pl.read_csv(tables.decoded(content).encode(), infer_schema=False, separator=separator)
    except (pl.exceptions.PolarsError, fastexcel.FastExcelError, ValueError) as error:
        raise SourceError(
            name,
            found="不是完整的表格",
            expected="首行为表头、每行列数相同的 CSV 或 Excel",
            next_step="请重新导出该文件",
        ) from error


def text_column(columns: Sequence[str]) -> str | None:
    """The column the text is most likely in; None where no header says so."""
    plain = {name.strip().casefold(): name for name in columns}
    exact = (plain[name] for name in TEXT_COLUMNS if name in plain)
    return next(exact, next((name for name in columns if "内容" in name or "正文" in name), None))


def suggested(
    given: suggest.Tools,
    texts: list[str],
    purposes: list[str | None] | None = None,
    step: Callable[[int], object] = lambda done: None,
) -> Iterator[suggest.Suggestion]:
    """Suggestions for redacted texts, block by block; `step` hears how many are done."""
    for start in range(0, len(texts), BLOCK):
        some = slice(start, start + BLOCK)
        yield from suggest.suggest(given, texts[some], purposes[some] if purposes else None)
        step(min(start + BLOCK, len(texts)))


def row(number: int, text: str, found: suggest.Suggestion) -> list[str]:
    """One line of COLUMNS: what abstains names no issue of its own, only others to look at."""
    sure = not found.is_abstained
    first, others = (found.issues[:1], found.issues[1:]) if sure else ([], found.issues)
    unit, units = (found.units[:1], found.units[1:]) if sure else ([], found.units)
    words = "、".join(dict.fromkeys(text[span.start : span.end] for span in found.spans))
    return [
        str(number),
        "建议" if sure else "人工判断",
        first[0].code if first else "",
        first[0].name if first else "",
        (suggest.percent(first[0].probability) or WORDS_ALONE) if first else "",
        unit[0].name if unit else "",
        "、".join(one.name for one in others),
        "、".join(one.name for one in units),
        words,
        found.reason,
    ]
