"""Does every number in the text exist in the findings?

A report is not written out while one does not. Names (places, units, issues, titles) and what the warnings say of themselves
are findings too, so the figures in them count; a number worked out from others is worked out again from its parts, and the
parts must be in the findings. What is said in Chinese numerals (三成, 八成) is not checked.
"""

import math
import re
from collections.abc import Iterable, Iterator
from datetime import date, datetime
from typing import Any

from app import disclosure, wording
from app.reports import exhibits
from app.reports.figures import Findings
from app.reports.model import Heading, Paragraph, Report, Table, Tile
from app.reports.told import Derived, tight

NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?%?")
CHINESE = re.compile("[\u4e00-\u9fff]")
CONSTANTS = {str(wording.SMALL_BASE), "10", "12345", "52", "95%"}
"""Of rules and names: the small base, 同一社区10件以上, 12345热线, 52周前, the interval."""


def unsupported(report: Report, findings: Findings) -> list[str]:
    """「7,312」 in 「…」, one sentence a number that no finding supports; empty is good."""
    known = _known(findings)
    faults = [f"推算“{one.label}”{one.said}与所列的数不符" for one in report.derived if not _holds(one, known.values)]
    said = known.said | {token for one in report.derived for token in _numbers(one.said)} | CONSTANTS
    said |= {token for text in (report.period_name, report.number, findings.period.span) for token in _numbers(text)}
    for text in _texts(report):
        for token in _numbers(_without_names(text, known.names)):
            if token not in said:
                faults.append(f"“{token}”不在数据里：{text[:60]}")
    return list(dict.fromkeys(faults))


class _Known:
    """Everything the findings hold: names, raw values, and how these may be written."""

    def __init__(self) -> None:
        self.names: set[str] = set()
        self.values: set[float] = set()
        self.said: set[str] = set()


def _known(f: Findings) -> _Known:
    known = _Known()
    for frame in f.frames().values():
        for column in frame.get_columns():
            for value in column.drop_nulls().unique().to_list():
                _learn(value, known)
    for value in [
        f.as_of,
        f.data_from,
        f.data_through,
        f.counted.first_on,
        f.counted.last_on,
        *(f.loop or {}).values(),
        *f.workdays.values(),
    ]:
        _learn(value, known)
    for text in (
        f.area.name,
        f.city_name,
        f.fingerprint,
        f.level_rule,
        f.left_out,
        f.not_placed,
        *f.not_reported,
        *f.annual_notes.values(),
    ):
        known.names.add(tight(text))
    known.said |= set(_numbers(disclosure.note())) | {str(len(f.reconciliation))}
    known.said |= {str(len(f.rising_course))}
    known.said |= {token for span in (*exhibits.SPANS.values(), exhibits.span(f)) for token in _numbers(span)}
    known.names.discard("")
    return known


def _learn(value: Any, known: _Known) -> None:
    if value is None or isinstance(value, bool):
        return
    if isinstance(value, str):
        if any(sign.isdigit() for sign in value):
            known.said |= set(_numbers(value))
            if CHINESE.search(value):
                known.names.add(tight(value))
    elif isinstance(value, date | datetime):
        known.said |= set(_numbers(wording.full_day(value))) | set(_numbers(wording.week_name(value)))
    elif isinstance(value, int | float) and math.isfinite(value):
        known.values.add(float(value))
        known.said |= written(float(value))


def written(value: float) -> set[str]:
    """Every way the text may write a figure: 1,235 · 1,234.5 · 12.3% (a share without its sign).

    >>> sorted(written(0.0512))
    ['0', '0.1', '5.1%']
    """
    size = abs(value)
    ways = {wording.number(size), wording.number(size, 1)}
    return ways | {f"{size:.1%}"} if (size <= 1000 and size != round(size)) or size in (0.0, 1.0) else ways


def _holds(one: Derived, values: set[float]) -> bool:
    """Is it what its parts give, and are the parts figures of the findings?"""
    parts = one.parts
    match one.how:
        case "difference":
            right = abs(parts[0] - parts[1])
        case "sum":
            right = sum(parts)
        case "share":
            right = abs(parts[0] / parts[1]) if parts[1] else math.nan
        case "count":
            return one.value == parts[0]
        case _:
            return False
    if not math.isclose(right, one.value, rel_tol=1e-9, abs_tol=1e-9):
        return False
    return all(part in values or _is_sum_or_difference(part, one) for part in parts)


def _is_sum_or_difference(part: float, one: Derived) -> bool:
    """The numerator of a share may itself be a sum or difference of figures; its label says of what."""
    return one.how == "share" and part == one.parts[0] and part == round(part)


def _texts(report: Report) -> Iterator[str]:
    yield report.title
    for block in report.blocks:
        if isinstance(block, Heading):
            yield block.text
        elif isinstance(block, Paragraph):
            yield f"{block.lead}{block.text}"
    for slide in report.slides:
        yield slide.headline
        yield slide.basis
        if not isinstance(slide.body, Table) and isinstance(slide.body, list | tuple):
            yield from _said(slide.body)
    yield from report.notes


def _said(body: Iterable[Tile | str]) -> Iterator[str]:
    for one in body:
        if isinstance(one, Tile):
            yield f"{one.label} {one.value} {' '.join(one.remarks)}"
        else:
            yield one


def _without_names(text: str, names: set[str]) -> str:
    """The text less the names and sentences of the findings, the longest first."""
    text = tight(text)
    for name in sorted((name for name in names if name in text), key=len, reverse=True):
        text = text.replace(name, " ")
    return text


def _numbers(text: str) -> list[str]:
    """The numbers of a text as written, level marks (1．) and list numbers aside."""
    return NUMBER.findall(re.sub(r"^\d{1,2}．", "", text))
