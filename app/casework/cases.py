"""Where does each case stand, and what happens when somebody takes the next step?

A case is known by its warning's signal_id. `act` appends one action; everything else reads. Two people who act at once
cannot both have the same seq: the second gets Conflict, which says what the first did. The same click twice
(request_id) is one action. Notes are redacted before they are written. What the state database cannot do raises
`Unavailable` with one sentence; the warnings themselves can still be read then.
"""

import json
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

import polars as pl
import sqlalchemy as sa

from app import versions
from app.casework import store, workflow
from app.casework.store import Unavailable, case_action
from app.casework.workflow import BadSetting
from pipelines import redact

__all__ = [
    "Case", "Conflict", "Refused", "Unavailable",
    "act", "case", "covered", "current", "due_list", "history", "precision", "recurring", "steps_between", "with_standing",
]  # fmt: skip

MAX_NOTE = 2000
MAX_UNIT = 200
SNAPSHOT = (
    "title", "sentence", "signal_level", "kind", "week_start_on", "since_on", "n_weeks", "place_level", "place_code",
    "place_name", "county_code", "county_name", "issue_code", "issue_name", "group_code", "group_name", "unit_name",
    "matter_id", "observed", "expected", "upper_bound", "responsible_unit",
)  # fmt: skip
"""What is kept of the warning with each action, so that the case can be read when the warning is gone; besides these
data_version. Only what a row of mart `signal` holds: no item, no text of an item."""
CURRENT = {
    "signal_id": pl.String, "status": pl.String, "seq": pl.Int64, "to_unit": pl.String, "due_on": pl.Date,
    "is_overdue": pl.Boolean, "last_at": pl.Datetime, "last_action": pl.String, "opened_at": pl.Datetime, "ended_at": pl.Datetime,
    "reason": pl.String, "finding": pl.String, "signal_level": pl.String, "title": pl.String, "kind": pl.String,
    "unit_name": pl.String, "matter_id": pl.String, "place_code": pl.String, "county_code": pl.String, "issue_code": pl.String,
    "week_start_on": pl.Date, "snapshot": pl.String,
}  # fmt: skip
HISTORY = {
    "seq": pl.Int64, "action": pl.String, "status": pl.String, "role": pl.String, "actor_unit": pl.String,
    "to_unit": pl.String, "at": pl.Datetime, "due_on": pl.Date, "was_due_on": pl.Date, "is_late": pl.Boolean,
    "note": pl.String, "reason": pl.String, "finding": pl.String, "snapshot": pl.String,
}  # fmt: skip


class Case(NamedTuple):
    """Where a case stands. Without an action: status new, seq 0."""

    signal_id: str
    status: str = "new"
    seq: int = 0
    to_unit: str | None = None
    due_on: date | None = None
    last_at: datetime | None = None
    last_action: str | None = None
    reason: str | None = None
    finding: str | None = None


class Refused(Exception):
    """The step cannot be taken; one Chinese sentence says why."""


class Conflict(Exception):
    """Somebody else acted first; one Chinese sentence says who did what and when. `case`: where it stands now."""

    def __init__(self, sentence: str, case: Case):
        self.case = case
        super().__init__(sentence)


# ---------------------------------------------------------------- acting


def act(
    signal: Mapping[str, Any],
    action: str,
    *,
    role: str,
    expected_seq: int,
    request_id: str,
    unit: str | None = None,
    to_unit: str | None = None,
    note: str = "",
    reason: str | None = None,
    finding: str | None = None,
    at: datetime | None = None,
) -> Case:
    """Take one step in the case of a warning; returns where it stands then.

    signal: the warning's row of mart `signal` (or its snapshot with signal_id). unit: the unit that acts, for role unit.
    to_unit: whom it goes to (push, transfer; for reopen the unit that had it where none is given). reason: of a dismissal,
    see REASONS. finding: of a closing, see FINDINGS. expected_seq: `Case.seq` as the actor saw it. request_id: one a
    click. at: local time, default now.

    Raises Refused, Conflict, Unavailable.
    """
    signal_id = str(signal["signal_id"])
    now = (at or datetime.now()).replace(microsecond=0)
    asked = {
        "action": action,
        "role": role,
        "actor_unit": _unit(unit) if role == "unit" else None,
        "to_unit": _unit(to_unit),
        "note": _redacted(note, (*(signal.get(name) for name in _NAMES), unit, to_unit)),
        "reason": reason if action == "dismiss" else None,
        "finding": finding if action == "close" else None,
        "request_id": request_id,
        "snapshot": _snapshot(signal),
    }
    try:
        with store.writing() as connection:
            rows = _actions(connection, signal_id)
            before = _case(signal_id, rows)
            if any(row.request_id == request_id for row in rows):
                return before
            if before.seq != expected_seq:
                raise _conflict(before, rows, now)
            _check(before, asked)
            after = _after(before, asked, rows, signal.get("signal_level"), now)
            connection.execute(case_action.insert().values(signal_id=signal_id, **after))
            rows = _actions(connection, signal_id)
    except sa.exc.IntegrityError:  # another process was faster between our look and our insert
        with store.reading() as connection:
            rows = _actions(connection, signal_id)
        if not any(row.request_id == request_id for row in rows):
            raise _conflict(_case(signal_id, rows), rows, now) from None
    return _case(signal_id, rows)


def _check(before: Case, asked: Mapping[str, Any]) -> None:
    """Refuse what the role may not do now, and what lacks something that has to be said."""
    action, role = asked["action"], asked["role"]
    if action not in workflow.STEPS or role not in workflow.ROLES:
        raise Refused(f"没有“{action}”这一步，或没有“{role}”这种身份。")
    name, who = workflow.ACTIONS[action], asked["actor_unit"] or workflow.ROLES[role]
    if role == "unit" and asked["actor_unit"] != before.to_unit:
        holder = f"现由{before.to_unit}承办" if before.to_unit else "还没有推送给承办单位"
        raise Refused(f"这条预警{holder}，{who}不能办理“{name}”。")
    may = workflow.allowed(before.status, role, own_unit=before.to_unit, actor_unit=asked["actor_unit"])
    if action not in may:
        instead = f"，可以办理的是：{'、'.join(workflow.ACTIONS[one] for one in may)}" if may else ""
        raise Refused(f"这条预警现在是“{workflow.STATUSES[before.status]}”，{who}不能办理“{name}”{instead}。")
    if workflow.STEPS[action].needs_note and not asked["note"]:
        raise Refused(f"办理“{name}”须填写{_WANTED_NOTE[action]}。")
    if action in workflow.GIVES_UNIT and not (asked["to_unit"] or (action == "reopen" and before.to_unit)):
        raise Refused(f"办理“{name}”须选定承办单位。")
    if action == "transfer" and asked["to_unit"] == before.to_unit:
        raise Refused(f"这条预警已经由{before.to_unit}承办，转办须选另一个单位。")
    if action == "dismiss" and asked["reason"] not in workflow.REASONS:
        raise Refused(f"判为误报须选一个原因：{'、'.join(workflow.REASONS.values())}。")
    if action == "dismiss" and asked["reason"] == "other" and not asked["note"]:
        raise Refused("误报原因选“其他”时，须写明是什么原因。")
    if action == "close" and asked["finding"] not in workflow.FINDINGS:
        raise Refused("销号须选定核查结论：属实或部分属实；不属实的请判为误报。")


_WANTED_NOTE = {
    "measure": "采取的措施",
    "reply": "办理结果",
    "return": "退回的原因和要求",
    "transfer": "转办的原因",
    "object": "不属于本单位的理由",
    "close": "核查发现的情况",
    "comment": "批示内容",
}


def _after(
    before: Case, asked: Mapping[str, Any], rows: list[sa.Row], level: str | None, now: datetime
) -> dict[str, Any]:
    """The row to append. A remark (remind, comment) carries unit, deadline, reason and finding on."""
    action = asked["action"]
    step = workflow.STEPS[action]
    now = max(now, before.last_at or now)  # a clock that was set back
    row = {**asked, "seq": before.seq + 1, "status": step.status or before.status, "at": now}
    if step.status is None:
        return row | {name: getattr(before, name) for name in ("to_unit", "due_on", "reason", "finding")}
    started = [one.at for one in rows if one.action in workflow.RESTARTS]
    if action in workflow.RESTARTS or not started:
        started = [now]
    if action == "object":
        row["to_unit"] = None
    elif action not in workflow.GIVES_UNIT or not asked["to_unit"]:
        row["to_unit"] = before.to_unit
    try:
        row["due_on"] = workflow.due_on(row["status"], started[-1].date(), level, versions.home())
    except BadSetting as error:
        raise Refused(str(error)) from error
    return row


def _conflict(found: Case, rows: list[sa.Row], now: datetime) -> Conflict:
    if not rows:
        return Conflict("这条预警还没有办理记录，与页面所见不同，请刷新后重试。", found)
    last = rows[-1]
    is_fresh = last.at.date() == now.date() and now - last.at < timedelta(hours=1)
    when = f"刚刚（{last.at:%H:%M}）已" if is_fresh else f"已于 {last.at:%Y-%m-%d %H:%M} "
    who = workflow.ROLES[last.role] + (f"（{last.actor_unit}）" if last.actor_unit else "")
    return Conflict(
        f"这条预警{when}由{who}{workflow.ACTIONS[last.action]}，现在是“{workflow.STATUSES[last.status]}”；"
        "您这次的操作没有记入，请看最新状态后再办理。",
        found,
    )


def _unit(name: str | None) -> str | None:
    name = (name or "").strip()
    if len(name) > MAX_UNIT or (name and redact.redact(pl.Series([name]))[0][0] != name):
        raise Refused(f"承办单位应是 {MAX_UNIT} 字以内的单位名称，不能是个人。")
    return name or None


_NAMES = ("place_name", "county_name", "unit_name", "responsible_unit")


def _redacted(note: str, known: Iterable[str | None]) -> str:
    """The note without personal data; the names of the warning's own place and units stay."""
    note = note.strip()
    if len(note) > MAX_NOTE:
        raise Refused(f"说明最多 {MAX_NOTE} 字，现在是 {len(note)} 字。请精简后重新提交。")
    return redact.redact_note(note, known=filter(None, known)) if note else ""


def _snapshot(signal: Mapping[str, Any]) -> dict[str, Any]:
    kept = {name: signal.get(name) for name in SNAPSHOT}
    kept = {name: str(value) if isinstance(value, date) else value for name, value in kept.items()}
    try:
        version = signal.get("data_version") or versions.current_version().stem
    except versions.NoMarts:
        version = None
    return {**kept, "data_version": version}


# ---------------------------------------------------------------- reading


def case(signal_id: str) -> Case:
    """Where does this case stand?"""
    with store.reading() as connection:
        return _case(signal_id, _actions(connection, signal_id))


def history(signal_id: str) -> pl.DataFrame:
    """All actions of a case in their order: HISTORY.

    due_on: by when the next step was due after the action; was_due_on: by when this one was; is_late: taken after it
    (null where the action was none that was waited for). snapshot: JSON.
    """
    with store.reading() as connection:
        rows = _actions(connection, signal_id)
    frame = pl.DataFrame(
        [{**row._mapping, "snapshot": _json(row.snapshot)} for row in rows],
        schema={name: kind for name, kind in HISTORY.items() if name not in ("was_due_on", "is_late")},
    )
    is_moved = pl.col("status") != pl.col("status").shift(1)
    is_said = pl.col("action").is_in([name for name, step in workflow.STEPS.items() if step.status])
    return frame.with_columns(
        was_due_on=pl.when(is_moved).then(pl.col("due_on").shift(1)),
        reason=pl.when(is_said).then("reason"),
        finding=pl.when(is_said).then("finding"),
    ).with_columns(is_late=pl.col("at").dt.date() > pl.col("was_due_on")).select(list(HISTORY))  # fmt: skip


def current(
    signal_ids: Iterable[str] | None = None, *, on: date | None = None, until: datetime | None = None
) -> pl.DataFrame:
    """Where do these cases stand (None: all), now, at the end of a past day `on` or at a past moment `until`? CURRENT, by
    signal_id.

    A warning nobody has acted on has no row: its status is new. due_on: of the next step; opened_at: of the first action;
    ended_at: of 销号 or 误报, null for what is open. Names from signal_level on are those of the warning as it was at the
    last action; snapshot: all of it, JSON.
    """
    if on is not None:
        until = datetime.combine(on, datetime.max.time())
    today = until.date() if until else date.today()
    with store.reading() as connection:
        frame = _standing(connection, until) if until else _now(connection)
    if signal_ids is not None:
        frame = frame.filter(pl.col("signal_id").is_in(list(signal_ids)))
    return frame.with_columns(is_overdue=(pl.col("due_on") < today).fill_null(False)).select(list(CURRENT))


_known: dict[str, tuple[tuple, pl.DataFrame]] = {}


def _now(connection: sa.Connection) -> pl.DataFrame:
    """All cases; read again only when there are new actions: rows are never changed, so their number tells."""
    place = str(connection.engine.url)
    state = tuple(connection.execute(sa.select(sa.func.count(), sa.func.max(case_action.c.id))).one())
    if _known.get(place, ((), None))[0] != state:
        _known[place] = (state, _standing(connection, None))
    return _known[place][1]


def _standing(connection: sa.Connection, until: datetime | None) -> pl.DataFrame:
    """CURRENT but for is_overdue, from the actions up to a moment."""
    action, at = case_action.c.action, case_action.c.at
    told = sa.select(
        case_action.c.signal_id,
        sa.func.max(case_action.c.seq).label("seq"),
        sa.func.min(at).label("opened_at"),
        sa.func.max(sa.case((action.in_(("close", "dismiss")), at))).label("ended_at"),
    )
    if until is not None:
        told = told.where(at <= until)
    last = told.group_by(case_action.c.signal_id).subquery()
    question = (
        sa.select(case_action, last.c.opened_at, last.c.ended_at)
        .join(last, (last.c.signal_id == case_action.c.signal_id) & (last.c.seq == case_action.c.seq))
        .order_by(case_action.c.signal_id)
    )
    rows = [
        {
            **row.snapshot,
            **row._mapping,
            "last_at": row.at,
            "last_action": row.action,
            "ended_at": row.ended_at if row.status in workflow.ENDED else None,
            "snapshot": _json(row.snapshot),
        }
        for row in connection.execute(question)
    ]
    columns = CURRENT | {"is_overdue": pl.Boolean, "week_start_on": pl.String}
    return pl.DataFrame([{name: row.get(name) for name in columns} for row in rows], schema=columns).with_columns(
        pl.col("week_start_on").str.slice(0, 10).str.to_date()
    )


def due_list(today: date, *, ahead: int = 1) -> pl.DataFrame:
    """Which open cases are overdue or due within `ahead` working days, and who has to act? Most urgent first.

    signal_id, title, signal_level, status, step (the action expected), role and unit (who has to take it; unit null for the
    office), due_on, is_overdue, workdays_left (negative: overdue by so many), county_code, place_code.
    """
    is_theirs = pl.col("status").is_in(["pushed", "signed", "handling"])
    cases = current(on=today).filter(pl.col("due_on") <= workflow.add_workdays(today, ahead))
    left = [workflow.workdays_between(today, day) for day in cases["due_on"]]
    return cases.select(
        "signal_id",
        "title",
        "signal_level",
        "status",
        pl.col("status").replace_strict(workflow.NEXT, return_dtype=pl.String).alias("step"),
        pl.when(is_theirs).then(pl.lit("unit")).otherwise(pl.lit("office")).alias("role"),
        pl.when(is_theirs).then("to_unit").alias("unit"),
        "due_on",
        "is_overdue",
        pl.Series("workdays_left", left, dtype=pl.Int64),
        "county_code",
        "place_code",
    ).sort("due_on", "signal_id")


def recurring(signals: pl.DataFrame, *, known: pl.DataFrame | None = None) -> dict[str, date]:
    """Which of these warnings (signal_id, week_start_on) are 「销号后又出现」? signal_id → the day it was closed.

    Told again for a week that began after that day: what came in before it was known when the case was closed. known:
    what `current` answered, where it was asked already.
    """
    ended = (current(signals["signal_id"]) if known is None else known).filter(pl.col("status") == "closed")
    both = signals.select("signal_id", "week_start_on").join(
        ended.select("signal_id", closed_on=pl.col("ended_at").dt.date()), on="signal_id"
    )
    again = both.filter(pl.col("week_start_on") > pl.col("closed_on"))
    return dict(again.select("signal_id", "closed_on").iter_rows())


def covered(
    signals: pl.DataFrame, places: pl.DataFrame, issues: pl.DataFrame, *, known: pl.DataFrame | None = None
) -> dict[str, str]:
    """Which of these warnings are 「办理中的同一件事」? signal_id → signal_id of the open case that covers it.

    A warning without a case of its own is covered where place and issue nest with those of an open case (one lies in the
    other or is the same; an issue lies in its group); where both are about a matter, it must be the same; where either is
    about a unit, unit and kind must be the same. One of a graver level than the case is not covered: it is news. signals: rows of mart `signal`; places, issues: the
    marts of that name. known: what `current` answered for all cases, where it was asked already.
    """
    everything = current() if known is None else known
    has_case = set(everything["signal_id"])
    open_cases = everything.filter(pl.col("status").is_in(workflow.OPEN)).sort("opened_at", "signal_id").to_dicts()
    parent = dict(places.select("place_code", "parent_code").iter_rows())
    group = dict(issues.select("issue_code", "group_code").iter_rows())
    found = {}
    for signal in signals.to_dicts():
        if signal["signal_id"] in has_case:
            continue
        for one in open_cases:
            if not _is_graver(signal, one) and _is_same_matter(signal, one, parent, group):
                found[signal["signal_id"]] = one["signal_id"]
                break
    return found


def _is_graver(signal: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    rank = {level: n for n, level in enumerate(workflow.LEVELS)}
    return rank.get(signal["signal_level"], 9) < rank.get(other["signal_level"], 9)


def _is_same_matter(
    signal: Mapping[str, Any], other: Mapping[str, Any], parent: Mapping[str, str], group: Mapping[str, str]
) -> bool:
    if signal.get("unit_name") or other["unit_name"]:
        return (signal.get("unit_name"), signal.get("kind")) == (other["unit_name"], other["kind"])
    if signal.get("matter_id") and other["matter_id"]:
        return signal["matter_id"] == other["matter_id"]
    is_same_place = nest(signal["place_code"], other["place_code"], parent)
    return is_same_place and nest(signal["issue_code"], other["issue_code"], group)


def nest(one: str | None, other: str | None, above: Mapping[str, str | None]) -> bool:
    """Is one of the two the other or above it?"""
    return one is not None and other is not None and (one in _line(other, above) or other in _line(one, above))


def _line(code: str, above: Mapping[str, str | None]) -> list[str]:
    line = [code]
    while (code := above.get(code) or code) not in line:
        line.append(code)
    return line


COVERED, AGAIN = "covered", "again"
STATUSES = workflow.STATUSES | {COVERED: "办理中的同一件事", AGAIN: "销号后又出现"}
"""Beside the statuses of a case: what a listed warning can be to another case, or to its own that was closed."""
_STANDING = {
    "case_status": pl.String, "to_unit": pl.String, "due_on": pl.Date, "is_overdue": pl.Boolean, "finding": pl.String,
    "reason": pl.String,
}  # fmt: skip


def with_standing(
    signals: pl.DataFrame, known: pl.DataFrame | None, places: pl.DataFrame, issues: pl.DataFrame
) -> pl.DataFrame:
    """Adds to warnings where they stand: case_status, to_unit, due_on, is_overdue, finding, reason; null where not known.

    case_status: one of STATUSES. covered: not pushed, and another warning of the same thing is being handled
    (covered_by: its id). again: listed in a week after it was closed. known: `current` of all cases; None: not readable.
    """
    if known is None or signals.is_empty():
        nothing = {**_STANDING, "covered_by": pl.String}
        unknown = (pl.lit(None, kind).alias(name) for name, kind in nothing.items())
        return signals.with_columns(unknown).with_columns(is_overdue=pl.lit(False))
    found = covered(signals, places, issues, known=known)
    again = recurring(signals, known=known)
    return (
        signals.join(
            known.rename({"status": "case_status"}).select("signal_id", *_STANDING),
            on="signal_id",
            how="left",
            maintain_order="left",
        )
        .with_columns(
            pl.col("signal_id").replace_strict(found, default=None, return_dtype=pl.String).alias("covered_by"),
            pl.col("is_overdue").fill_null(False),
        )
        .with_columns(
            pl.when(pl.col("signal_id").is_in(list(again)))
            .then(pl.lit(AGAIN))
            .when(pl.col("case_status").fill_null("new") == "new", pl.col("covered_by").is_not_null())
            .then(pl.lit(COVERED))
            .otherwise(pl.col("case_status").fill_null("new"))
            .alias("case_status")
        )
    )


def steps_between(first_on: date, last_on: date, *, until: datetime | None = None) -> pl.DataFrame:
    """How often was each action taken from the first to the last day, on how many warnings? action, n_actions, n_signals.

    One row an action of ACTIONS, in their order. until: what was done later is not known.
    """
    action, at = case_action.c.action, case_action.c.at
    end = datetime.combine(last_on + timedelta(days=1), datetime.min.time())
    question = (
        sa.select(action, sa.func.count(), sa.func.count(case_action.c.signal_id.distinct()))
        .where(at >= datetime.combine(first_on, datetime.min.time()), at < end)
        .group_by(action)
    )
    if until is not None:
        question = question.where(at <= until)
    with store.reading() as connection:
        found = {row[0]: (row[1], row[2]) for row in connection.execute(question)}
    return pl.DataFrame(
        [(name, *found.get(name, (0, 0))) for name in workflow.ACTIONS],
        schema={"action": pl.String, "n_actions": pl.Int64, "n_signals": pl.Int64},
        orient="row",
    )


def precision(since: date | None = None) -> dict[str, Any]:
    """How many of the warnings judged since a day turned out true?

    n_judged, n_true (closed as 属实 or 部分属实), n_false (误报), share (null where none was judged), and low and high of its
    95 % interval (Wilson 1927, doi:10.1080/01621459.1927.10502953). A case that was reopened is not judged.
    """
    judged = current().filter(pl.col("status").is_in(workflow.ENDED))
    if since:
        judged = judged.filter(pl.col("ended_at").dt.date() >= since)
    n, n_true = len(judged), int((judged["status"] == "closed").sum())
    result: dict[str, Any] = {"n_judged": n, "n_true": n_true, "n_false": n - n_true}
    if not n:
        return result | dict.fromkeys(("share", "low", "high"))
    from app import kpis  # slow to import, and `act` does not need it

    low, high = kpis.interval(n_true, n)
    return result | {"share": n_true / n, "low": low, "high": high}


def _actions(connection: sa.Connection, signal_id: str) -> list[sa.Row]:
    question = sa.select(case_action).where(case_action.c.signal_id == signal_id).order_by(case_action.c.seq)
    return list(connection.execute(question))


def _case(signal_id: str, rows: list[sa.Row]) -> Case:
    if not rows:
        return Case(signal_id)
    last = rows[-1]
    return Case(
        signal_id, last.status, last.seq, last.to_unit, last.due_on, last.at, last.action, last.reason, last.finding
    )


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)
