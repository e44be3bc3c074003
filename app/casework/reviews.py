"""What did looking an item over again find, and how do the units come out of it? 抽查 and 案件评查.

Items are drawn at random (`allocate`, app/queries/service_draw.sql), never picked for whoever raised them. A result is
recorded by a role; the table is append-only, and of several reviews of an item the last holds. The checklist is data:
sql/seeds/review_check.csv, or HOME/reference/review_check.csv in its place.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import sqlalchemy as sa

from app import kpis
from app.casework import store, workflow
from app.casework.cases import Refused
from app.casework.store import review
from pipelines import redact

KINDS = {"spot": "抽查", "case": "案件评查"}
RESULTS = {"pass": "合格", "fair": "基本合格", "fail": "不合格"}
ROLES = ("office", "leader")
"""A unit does not review itself."""
FULL = 100
MAX_NOTE = 500
CHECKS = Path(__file__).resolve().parents[2] / "sql" / "seeds" / "review_check.csv"
COLUMNS = {"check_code": pl.String, "stage": pl.String, "check_name": pl.String, "points": pl.Int64, "basis": pl.String}
REVIEWS: dict[str, pl.DataType | type[pl.DataType]] = {
    "event_key": pl.String, "unit_name": pl.String, "issue_code": pl.String, "closed_on": pl.Date, "result": pl.String,
    "points": pl.Int64, "faults": pl.List(pl.String), "note": pl.String, "role": pl.String, "at": pl.Datetime, "draw": pl.String,
}  # fmt: skip


class BadChecklist(ValueError):
    """The office's checklist cannot be used; one Chinese sentence says why."""


def checklist(home: Path) -> pl.DataFrame:
    """What a reviewer looks for, and how many points each fault takes off: COLUMNS. Raises BadChecklist."""
    own = home / "reference" / CHECKS.name
    path = own if own.exists() else CHECKS
    raw = pl.read_csv(path, infer_schema=False, encoding="utf8")
    missing = [name for name in COLUMNS if name not in raw.columns]
    if missing:
        raise BadChecklist(f"评查标准 {path.name} 缺少列 {'、'.join(missing)}；表头应为 {'、'.join(COLUMNS)}。")
    for number, row in enumerate(raw.iter_rows(named=True), start=2):
        if not row["check_code"] or not row["check_name"] or not (row["points"] or "").isdigit():
            raise BadChecklist(
                f"评查标准 {path.name} 第 {number} 行：check_code、check_name 须填写，points 须是整数分值。"
            )
    if raw["check_code"].is_duplicated().any():
        raise BadChecklist(f"评查标准 {path.name}：check_code 有重复，每条标准的编号应不同。")
    return raw.select(pl.col(name).cast(kind) for name, kind in COLUMNS.items())


def allocate(sizes: Mapping[str, int], n: int) -> dict[str, int]:
    """How many of a sample of n come from each stratum: in proportion, at least one each where n allows, never more than
    there are. One by one to the stratum that lacks most of its share, ties by name. There must be no more strata than n:
    a choice among them would always leave out the small ones.

    >>> allocate({"甲": 60, "乙": 30, "丙": 2}, 10)
    {'甲': 6, '乙': 3, '丙': 1}
    """
    n, total = min(n, sum(sizes.values())), sum(sizes.values())
    kept = sorted(name for name, size in sizes.items() if size)
    if len(kept) > n:
        raise ValueError(f"{len(kept)} strata, {n} items")
    given = dict.fromkeys(kept, 1)
    for _ in range(n - len(given)):
        open_ = (name for name in kept if given[name] < sizes[name])
        given[min(open_, key=lambda name: (given[name] - n * sizes[name] / total, name))] += 1
    return given


def drawn(ordered: pl.DataFrame, share: Mapping[str, int]) -> pl.DataFrame:
    """The sample: of `ordered` (service_draw) the first `share[stratum]` of each stratum."""
    most = pl.col("stratum").replace_strict(dict(share), default=0, return_dtype=pl.Int64)
    return ordered.filter(pl.col("place") <= most)


def record(
    kind: str,
    item: Mapping[str, Any],
    *,
    result: str,
    faults: Sequence[str],
    note: str,
    role: str | None,
    draw: str,
    version: str,
    request_id: str,
    home: Path,
    at: datetime | None = None,
) -> int:
    """Add a review of an item; the points it leaves. item: event_key, unit_name, issue_code, closed_on.

    The same click twice (request_id) is one review. Raises Refused, BadChecklist, store.Unavailable.
    """
    if kind not in KINDS or result not in RESULTS:
        raise Refused("请选定评查结论：合格、基本合格或不合格。")
    if role not in ROLES:
        raise Refused(f"抽查和评查由{'、'.join(workflow.ROLES[one] for one in ROLES)}登记；承办单位不评查自己。")
    if len(note) > MAX_NOTE:
        raise Refused(f"说明最多 {MAX_NOTE} 字，现在是 {len(note)} 字。")
    worth = dict(checklist(home).select("check_code", "points").iter_rows())
    unknown = [code for code in faults if code not in worth]
    if unknown:
        raise Refused(f"评查标准里没有编号 {'、'.join(unknown)}。")
    if result != "pass" and not faults and not note.strip():
        raise Refused(f"结论为“{RESULTS[result]}”的，须选扣分项或写明说明。")
    points = max(0, FULL - sum(worth[code] for code in set(faults)))
    names = filter(None, [item.get("unit_name")])
    row = {
        "kind": kind, "event_key": item["event_key"], "unit_name": item["unit_name"], "issue_code": item["issue_code"],
        "closed_on": item["closed_on"], "draw": draw, "result": result, "points": points, "faults": sorted(set(faults)),
        "note": redact.redact_note(note.strip(), known=names) if note.strip() else "", "role": role,
        "at": (at or datetime.now()).replace(microsecond=0), "version": version,
    }  # fmt: skip
    return int(store.add_once(review, request_id, "points", lambda _: row))


def current(kind: str) -> pl.DataFrame:
    """The review in force of each item, REVIEWS, oldest first. Raises store.Unavailable."""
    last = sa.select(sa.func.max(review.c.id)).where(review.c.kind == kind).group_by(review.c.event_key)
    columns = [review.c[name] for name in REVIEWS]
    with store.reading() as connection:
        rows = connection.execute(sa.select(*columns).where(review.c.id.in_(last)).order_by(review.c.id)).all()
    return pl.DataFrame([tuple(row) for row in rows], schema=REVIEWS, orient="row")


def by_unit(reviews: pl.DataFrame, first: date, last: date) -> pl.DataFrame:
    """How do the units come out, of items closed from `first` to `last`? Most reviewed first.

    unit_name, n_reviewed, n_pass, n_fair, n_fail, passed_share (合格 and 基本合格), low_share, high_share (Wilson, 95 %),
    mean_points.
    """
    found = (
        reviews.filter(pl.col("closed_on").is_between(first, last))
        .group_by("unit_name")
        .agg(
            pl.len().cast(pl.Int64).alias("n_reviewed"),
            *((pl.col("result") == code).sum().cast(pl.Int64).alias(f"n_{code}") for code in RESULTS),
            pl.col("points").mean().alias("mean_points"),
        )
        .sort(-pl.col("n_reviewed"), "unit_name", nulls_last=True)
    )
    pairs = [(n_pass + n_fair, n) for n_pass, n_fair, n in found.select("n_pass", "n_fair", "n_reviewed").iter_rows()]
    bounds = [kpis.interval(*pair) for pair in pairs]
    return found.with_columns(
        pl.Series("passed_share", [kpis.value(*pair) for pair in pairs], dtype=pl.Float64),
        pl.Series("low_share", [low for low, _ in bounds], dtype=pl.Float64),
        pl.Series("high_share", [high for _, high in bounds], dtype=pl.Float64),
    )
