"""How were items handled in a period, and by whom: deadlines kept, closings, days, ratings, returns; and the closed loop."""

from collections.abc import Mapping
from typing import Any

import polars as pl

from app import disclosure, fields
from app.casework import cases, workflow
from app.reports.counting import hidden, of
from app.reports.scope import Scope

MARK = disclosure.MARK
MIN_DUE = 20
"""Of fewer items due, a unit's share mostly shows chance: 样本不足不排名."""
Z = 1.959964
"""Of the 95 % interval."""
SERVICE = {
    "on_time_reported": ("按期办结率（通报口径）", "share", "限办时间落在本周的事项中按期办结的占比；还没到期、没办结的也在分母里。"),
    "on_time_elapsed": ("按期办结率（已到期口径）", "share", "限办时间落在本周、已经到期或办结的事项中按期办结的占比。"),
    "closed": ("办结", "件", "办结时间落在本周的事项，不论何时登记。"),
    "days_mean": ("平均办理天数", "天", "本周办结的事项，登记到办结的自然日。"),
    "days_median": ("办理天数中位数", "天", "本周办结的事项，一半不超过这么多天。"),
    "days_p90": ("办理天数 90% 分位", "天", "本周办结的事项，九成不超过这么多天。"),
    "rated": ("评价", "件", "本周办结的事项中有评价的。"),
    "satisfied": ("满意率", "share", "满意和基本满意占已评价的比例，按办结时间计。"),
    "returned": ("退回率", "share", "本周办结的事项中被退回过的，以写明退回次数的为基数，按整周计。"),
    "repeat": ("重复率", "share", "本周登记的事项中来源标为重复的，以有重复标志的为基数。"),
}  # fmt: skip
SHAPES = {"measure": pl.String, "label": pl.String, "note": pl.String, "unit": pl.String} | {
    f"{name}{when}": pl.Float64 if name == "value" else pl.Int64
    for when in ("", "_before")
    for name in ("numerator", "denominator", "value")
}


def service(
    due: Mapping[str, Any],
    closed: Mapping[str, Any],
    returns: tuple[Mapping[str, Any], Mapping[str, Any]],
    parts: pl.DataFrame,
    scope: Scope,
    *,
    word: str,
    has_closed: bool,
    has_repeat: bool,
) -> pl.DataFrame:
    """See Findings.service. due, closed: the rows of the whole area; returns: query report_returns, now and before."""
    inside = of(parts, "all")
    rows: dict[str, dict[str, Any]] = {name: {} for name in SERVICE}
    for when, known, returned in (("", True, returns[0]), ("_before", scope.is_known(scope.before), returns[1])):
        n_closed = closed[f"n_closed{when}"] if has_closed else None
        elapsed = due[f"n_on_time{when}"] + due[f"n_overdue{when}"]
        given = {
            "on_time_reported": (due[f"n_on_time{when}"], due[f"n_due{when}"]),
            "on_time_elapsed": (due[f"n_on_time{when}"], elapsed),
            "satisfied": (closed[f"n_satisfied{when}"], closed[f"n_rated{when}"]),
            "returned": (returned["n_returned"], returned["n_return_known"]),
            "repeat": (int(inside[f"n_repeat{when}"].sum()), int(inside[f"n_repeat_known{when}"].sum()) * has_repeat),
        }
        values = {"closed": n_closed, "rated": closed[f"n_rated{when}"] or None}
        values |= {name: closed[f"{name}{when}"] for name in ("days_mean", "days_median", "days_p90")}
        for name, (part, whole) in given.items():
            pair = (part, whole, round(part / whole, 6)) if known and whole else (None, None, None)
            rows[name] |= dict(zip((f"numerator{when}", f"denominator{when}", f"value{when}"), pair, strict=True))
        for name, value in values.items():
            is_count = SERVICE[name][1] == "件"
            rows[name] |= {
                f"numerator{when}": value if known and is_count else None,
                f"denominator{when}": n_closed if known and not is_count else None,
                f"value{when}": value if known else None,
            }
    named = [
        {"measure": name, "label": label, "note": note.replace("本周", word), "unit": unit, **rows[name]}
        for name, (label, unit, note) in SERVICE.items()
    ]
    frame = pl.DataFrame(named, schema=SHAPES)
    for when in ("", "_before"):
        part, whole = f"numerator{when}", f"denominator{when}"
        frame = frame.with_columns((pl.col(whole) - pl.col(part)).alias(f"rest{when}"))
        frame = hidden(
            frame,
            scope,
            measures=[part, whole, f"rest{when}"],
            k=disclosure.min_cell(),
            within=(),
            derived={f"value{when}": [part, whole, f"rest{when}"]},
        )
        frame = _without_rest(frame, part, f"rest{when}")
    return frame


def _without_rest(frame: pl.DataFrame, part: str, rest: str) -> pl.DataFrame:
    """A part is hidden where the rest of the whole is: the whole less the part would tell it."""
    mark = pl.coalesce(part + MARK, pl.when(pl.col(rest + MARK).is_not_null()).then(pl.lit(disclosure.HIDDEN)))
    return frame.with_columns(mark.alias(part + MARK), pl.when(mark.is_null()).then(part).alias(part)).drop(
        rest, rest + MARK
    )


UNIT_COUNTS = ["n_events", "n_due", "n_on_time", "n_closed", "n_rated"]


def units(parts: pl.DataFrame, due: pl.DataFrame, closed: pl.DataFrame, scope: Scope) -> pl.DataFrame:
    """See Findings.units. due, closed: queries report_due and report_closed. Items that name no unit have no row.

    How many a unit had late in the whole city is the work of an office, and shown; in a county or town few late ones are
    hidden, as its total is.

    Interval: Wilson (1927), doi:10.1080/01621459.1927.10502953.
    """
    of_due = due.filter(~pl.col("is_all")).select("unit_name", "n_due", "n_on_time")
    of_closed = closed.filter(~pl.col("is_all")).select(
        "unit_name", "n_closed", "days_median", "n_rated", "n_satisfied"
    )
    frame = (
        of(parts, "unit")
        .select("unit_name", "n_events")
        .join(of_due, on="unit_name", how="full", coalesce=True)
        .join(of_closed, on="unit_name", how="full", coalesce=True)
        .filter(pl.col("unit_name").is_not_null())
        .with_columns(pl.col(*UNIT_COUNTS, "n_satisfied").fill_null(0))
        .filter(pl.max_horizontal("n_events", "n_due", "n_closed", "n_rated") > 0)
    )
    n, p = pl.col("n_due"), pl.col("n_on_time") / pl.col("n_due")
    middle, half = p + Z**2 / (2 * n), Z * (p * (1 - p) / n + Z**2 / (4 * n**2)).sqrt()
    enough = pl.col("n_due") >= MIN_DUE
    frame = frame.with_columns(
        has_enough=enough,
        on_time_share=pl.when(enough).then(p),
        on_time_low=pl.when(enough).then(((middle - half) / (1 + Z**2 / n)).clip(0, 1).round(6)),
        on_time_high=pl.when(enough).then(((middle + half) / (1 + Z**2 / n)).clip(0, 1).round(6)),
        satisfied_share=pl.when(pl.col("n_rated") >= MIN_DUE).then(pl.col("n_satisfied") / pl.col("n_rated")),
    ).sort("n_due", "n_events", "unit_name", descending=[True, True, False])
    frame = hidden(
        frame.with_columns(n_late=pl.col("n_due") - pl.col("n_on_time")),
        scope,
        measures=["n_late"],
        k=disclosure.min_cell(),
        within=((),),
    )
    shares = {name: ["n_due", "n_on_time"] for name in ("on_time_share", "on_time_low", "on_time_high")}
    safe = disclosure.suppress(
        frame,
        measures=UNIT_COUNTS,
        k=disclosure.min_cell(),
        within=((),),
        derived=shares | {"days_median": ["n_closed"], "satisfied_share": ["n_rated"]},
    )
    of_late = pl.col("n_late" + MARK).is_not_null()
    for name in shares:
        mark = pl.when(of_late & pl.col(name).is_not_null()).then(pl.lit(disclosure.HIDDEN)).otherwise(name + MARK)
        safe = safe.with_columns(mark.alias(name + MARK), pl.when(~of_late).then(name).alias(name))
    ordered = disclosure.without_order(_without_rest(safe, "n_on_time", "n_late"), "n_due", "unit_name")
    shown = [
        "n_events",
        "n_due",
        "n_on_time",
        "on_time_share",
        "on_time_low",
        "on_time_high",
        "n_closed",
        "days_median",
    ]
    shown += ["n_rated", "satisfied_share"]
    return ordered.select("unit_name", *shown, "has_enough", *(name + MARK for name in shown))


PASSED = {
    "n_pushed": ("pushed", "signed", "handling", "replied", "closed"),
    "n_signed": ("signed", "handling", "replied", "closed"),
    "n_replied": ("replied", "closed"),
    "n_closed": ("closed",),
    "n_false": ("false_alarm",),
    "n_open": workflow.OPEN,
    "n_new": ("new",),
    "n_covered": (cases.COVERED,),
    "n_again": (cases.AGAIN,),
}


def loop(warnings: pl.DataFrame) -> dict[str, int]:
    """See Findings.loop. warnings: with their standing."""
    status = warnings["case_status"]
    found = {name: int(status.is_in(list(passed)).sum()) for name, passed in PASSED.items()}
    n_late = len(warnings.filter(pl.col("is_overdue"), pl.col("case_status").is_in(workflow.OPEN)))
    return {"n_listed": len(warnings), **found, "n_overdue": n_late}


ANNUAL_NOTES = {
    "units": "来源文件没有“被投诉单位”一栏，这里是承办事项较多的单位。",
    "steps": "来源文件没有转送、交办的办理方式，只有事项现在的办理状态；督办、交办取自台账，预警督办是本系统的推送、催办等记录。",
    "proposals": "三项建议取自台账，按提出的年份计；追究责任建议只计数。",
}
NO_PROPOSALS = "本库没有改进工作、完善政策、追究责任三项建议的台账，请按台账填写。"


def annual_notes(annual: Mapping[str, pl.DataFrame]) -> dict[str, str]:
    """What must be said of the tables of an annual report; of other periods nothing."""
    if not annual:
        return {}
    return ANNUAL_NOTES | ({} if len(annual["proposals"]) else {"proposals": NO_PROPOSALS})


STEPS = ("push", "transfer", "remind", "return", "comment", "close", "dismiss")


def proposals(ledgers: pl.DataFrame, year: int) -> pl.DataFrame:
    """③ 三项建议 made in this year: see PROPOSALS. ledgers: query ledger_annual."""
    words = fields.words("subtype")
    rows = ledgers.filter((pl.col("ledger_kind") == "advice") & (pl.col("year") == year))
    return pl.DataFrame(
        [
            (words.get(row["subtype"], "未分类"), row["n_opened"], row["n_achieved"], f"反馈{row['n_replied']}条")
            for row in rows.sort("subtype").iter_rows(named=True)
        ],
        schema=PROPOSALS,
        orient="row",
    )


def registered(ledgers: pl.DataFrame, year: int) -> list[dict]:
    """Of ②: what the office's ledgers say of 督办 and 交办 begun in this year."""
    found = []
    for kind, word in (("supervision", "督办"), ("assignment", "交办")):
        rows = ledgers.filter((pl.col("ledger_kind") == kind) & (pl.col("year") == year))
        if len(rows):
            counts = rows.select(pl.col("n_opened", "n_finished", "n_fell_due", "n_on_time").sum()).row(0, named=True)
            said = {"n_opened": word, "n_finished": "办结", "n_fell_due": "到期", "n_on_time": "按期办结"}
            found += [{"part": f"{word}台账", "name": said[name], "n": n, "unit": "件"} for name, n in counts.items()]
    return found


def steps(
    statuses: pl.DataFrame, taken: pl.DataFrame | None, scope: Scope, ledgers: pl.DataFrame, year: int
) -> pl.DataFrame:
    """② 转送、交办、督办: part, name, n, unit. statuses: query report_statuses; taken: cases.steps_between, None unknown;
    ledgers: query ledger_annual."""
    known = (
        statuses.group_by("status").agg(pl.col("n_events").sum()).sort("n_events", "status", descending=[True, False])
    )
    words = fields.words("status")
    rows = [
        {
            "part": "来源事项的办理状态",
            "name": words.get(row["status"], row["status"]),
            "n": row["n_events"],
            "unit": "件",
        }
        for row in known.iter_rows(named=True)
    ]
    frame = pl.DataFrame(rows, schema=STEPS_SHAPE)
    safe = hidden(frame, scope, measures=["n"], k=disclosure.min_cell(), within=((),))
    safe = pl.concat([safe, pl.DataFrame(registered(ledgers, year), schema=STEPS_SHAPE)], how="diagonal")
    if taken is None or scope.area.level != "city":
        return safe
    done = [
        {"part": "预警督办", "name": workflow.ACTIONS[row["action"]], "n": row["n_actions"], "unit": "次"}
        for row in taken.iter_rows(named=True)
        if row["action"] in STEPS
    ]
    return pl.concat([safe, pl.DataFrame(done, schema=STEPS_SHAPE)], how="diagonal")


STEPS_SHAPE = {"part": pl.String, "name": pl.String, "n": pl.Int64, "unit": pl.String}
PROPOSALS = {"kind": pl.String, "n_proposed": pl.Int64, "n_adopted": pl.Int64, "note": pl.String}
"""③ 三项建议: kind (改进工作 | 完善政策 | 追究责任), how many were made, how many adopted."""
