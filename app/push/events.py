"""What is there to tell, to whom, and in which words?

    new, level, again     a warning of the last complete week: not told before, graver than told, back after 销号
                          → 领导 and 研判中心 of its county. Not what an open case covers; of what is or was handled only
                          `level` and `again`.
    push, transfer, return, reopen, remind, comment   a step of a case → the unit it is with (comment: 研判中心 too)
    reply, object         → 研判中心          close, dismiss   → 领导 and the unit
                          Only what no later step has overtaken, when it is planned and when it is sent.
    due, overdue          a step is due within one working day (once), or overdue (each working day) → whose step it is
    week                  the week in figures → whoever wants a weekly digest

The text says place, issue, level, deadline and counts, as a wide view may (wording.spoken), and the link. What
people wrote in a case stays on its page. Units are told of their own cases alone.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode

import polars as pl
import sqlalchemy as sa

from app import warned, wording
from app.casework import cases, store, workflow
from app.palette import LEVELS
from app.push import channels, outbox
from app.push.outbox import Message
from app.push.settings import Recipient, Settings
from app.push.words import EVENTS
from app.reader import asking

AUDIENCE = {
    **dict.fromkeys(("push", "transfer", "return", "reopen", "remind"), ("unit",)),
    "comment": ("unit", "office"),
    **dict.fromkeys(("reply", "object"), ("office",)),
    **dict.fromkeys(("close", "dismiss"), ("leader", "unit")),
}
SAID = {
    "push": "{who}推送，请{unit}办理。",
    "transfer": "{who}转办，改由{unit}办理。",
    "return": "{who}退回重办。",
    "reopen": "{who}重开，请{unit}办理。",
    "remind": "{who}催办。",
    "comment": "{who}有批示，内容见详情。",
    "reply": "{who}已反馈办理结果，等待核查销号。",
    "object": "{who}认为不属于本单位，已退回，请另行推送。",
    "close": "{who}已销号，核查结论：{finding}。",
    "dismiss": "{who}判为误报，原因：{reason}。",
}
WITH_UNIT = ("push", "transfer", "return", "reopen", "remind", "comment", "due", "overdue")
"""Of no use to a unit that the case is no longer with."""
MOVES = [name for name, step in workflow.STEPS.items() if step.status]
"""Actions after which the case stands elsewhere: what was told of earlier ones is no news any more."""
LOOK_BACK = timedelta(days=7)
"""A step older than this is not told any more: push was not running then, or was set up later."""


class Scene(NamedTuple):
    """What is known at the moment of planning."""

    week: date
    signals: pl.DataFrame
    places: pl.DataFrame
    issues: pl.DataFrame
    version: Path
    counties: Mapping[str, str]
    """Code → name."""


def scene(version: Path) -> Scene:
    """The last complete week of this marts file; read once, for a published file does not change."""
    return _scene(version, version.stat().st_mtime_ns)


@lru_cache(maxsize=2)
def _scene(version: Path, _changed: int) -> Scene:
    with asking(version) as ask:
        week = date.fromisoformat(dict(ask("meta").iter_rows())["last_full_week"])
        places = ask("places")
        is_county = places.filter(pl.col("place_level") == "county")
        counties = dict(is_county.select("place_code", "place_name").iter_rows())
        return Scene(week, warned.given(ask, week), places, ask("issues"), version, counties)


def collect(settings: Settings, seen: Scene, now: datetime) -> list[Message]:
    """Everything there is to tell now; what was told before is among it and is left out by its key."""
    return [one for kind in (_warnings, _steps, _reminders, _weeks) for one in kind(settings, seen, now)]


def trial_messages(settings: Settings, now: datetime) -> list[Message]:
    """One to each recipient, to see whether it arrives."""
    body = "这是一条测试消息，收到即说明推送已接通，无须处理。"
    return [
        _message(one, "test", None, f"{now:%Y-%m-%dT%H:%M:%S}", None, "测试消息", body, settings, now)._replace(
            release_at=now
        )
        for one in settings.recipients
    ]


def stale(
    row: Mapping[str, Any],
    recipient: Recipient | None,
    seen: Scene,
    standing: Mapping[str, Any] | None,
    moved: Mapping[str, int],
) -> str:
    """Why a waiting row is of no use any more; empty where it is. standing: its case now, a row of `cases.current`;
    moved: as `last_moves` answers."""
    if recipient is None:
        return "这个收件方已不在推送设置里。"
    event, detail = row["event"], outbox.detail_of(row)
    if event == "week" and detail != wording.week_code(seen.week):
        return "已有更新的一周。"
    if event in ("due", "overdue") and (standing is None or workflow.NEXT.get(standing["status"]) != detail[11:]):
        return "这一步已经办理。"
    status = standing["status"] if standing else "new"
    is_seen_to = recipient.role == "office" and status in workflow.OPEN
    if (event in ("new", "again") and is_seen_to) or (event == "new" and status in workflow.ENDED):
        return "这条预警已经在办或办结。"
    return overtaken(
        event, int(detail) if event in AUDIENCE else 0, recipient, standing, moved.get(row["signal_id"], 0)
    )


def overtaken(event: str, seq: int, to: Recipient, standing: Mapping[str, Any] | None, moved: int) -> str:
    """Why step `seq` of a case is no news to this recipient; empty where it is. moved: the seq of its last move.

    A comment outlives later moves while the case is open; a unit is told of what is in its hands, and how that ended.
    """
    status, unit = (standing["status"], standing["to_unit"]) if standing else ("new", None)
    if event in AUDIENCE and seq < moved and (event != "comment" or status in workflow.ENDED):
        return "之后又有办理，以最新一步为准。"
    if event in WITH_UNIT and to.role == "unit" and (unit not in to.units or status not in workflow.OPEN):
        return "已不由这个单位承办。"
    return ""


def last_moves() -> dict[str, int]:
    """signal_id → seq of the last step that moved its case."""
    action = store.case_action.c
    wanted = sa.select(action.signal_id, sa.func.max(action.seq)).where(action.action.in_(MOVES))
    with store.reading() as connection:
        return {row[0]: row[1] for row in connection.execute(wanted.group_by(action.signal_id))}


def unreached(settings: Settings, now: datetime) -> list[str]:
    """Units that were given a case lately and that no recipient stands for."""
    known = {unit for one in settings.recipients for unit in one.units}
    given = {row["to_unit"] for row in _actions(now) if row["action"] in workflow.GIVES_UNIT}
    return sorted(given - known - {None})


# ---------------------------------------------------------------- each kind


def _warnings(settings: Settings, seen: Scene, now: datetime) -> Iterator[Message]:
    rank = {level: n for n, level in enumerate(workflow.LEVELS)}  # red is 0
    told: dict[tuple[str, str], int] = {}
    for row in outbox.known(("new", "level")):
        pair = (row["signal_id"], row["recipient"])
        told[pair] = min(told.get(pair, 9), rank[outbox.level_of(row) or "blue"])
    ids = seen.signals["signal_id"]
    standing = {row["signal_id"]: row for row in cases.current(ids, on=now.date()).iter_rows(named=True)}
    covered, again = cases.covered(seen.signals, seen.places, seen.issues), cases.recurring(seen.signals)
    for signal in seen.signals.iter_rows(named=True):
        signal_id, level, title = signal["signal_id"], signal["signal_level"], title_of(signal)
        if signal_id in covered:
            continue
        status = standing[signal_id]["status"] if signal_id in standing else None
        word = LEVELS[level].word
        for one in _audience(settings, seen, ("leader", "office"), level, signal["county_code"]):
            if one.digest == "weekly" and not one.is_urgent(level):
                continue  # `week` lists it
            before = told.get((signal_id, one.name))
            if signal_id in again:
                event, detail, head = "again", f"{again[signal_id]}", f"销号后又出现（{word}色）"
            elif before is None and status in (None, "new"):
                event, detail, head = "new", "", f"{word}色预警"
            elif before is not None and rank[level] < before:
                event, detail, head = "level", "", f"预警升为{word}色"
            else:
                continue
            body = _about(signal)
            yield _message(one, event, signal_id, detail, level, f"{head} {title}", body, settings, now)


def _steps(settings: Settings, seen: Scene, now: datetime) -> Iterator[Message]:
    planned, moved = outbox.keys(), last_moves()
    rows = _actions(now)
    ids = {row["signal_id"] for row in rows}
    standing = {row["signal_id"]: row for row in cases.current(ids, on=now.date()).iter_rows(named=True)}
    for row in rows:
        action, kept = row["action"], row["snapshot"]
        if action not in AUDIENCE:
            continue
        said = f"{wording.day(row['at'])} {row['at']:%H:%M}，" + SAID[action].format(
            who=row["actor_unit"] or workflow.ROLES[row["role"]],
            unit=row["to_unit"],
            finding=workflow.FINDINGS.get(row["finding"], ""),
            reason=workflow.REASONS.get(row["reason"], ""),
        )
        step = workflow.NEXT.get(row["status"])
        if step and row["due_on"] and action != "comment":  # which may be told when the case has moved on
            said += f"\n下一步：{workflow.ACTIONS[step]}，期限 {wording.full_day(row['due_on'])}。"
        level, subject = kept.get("signal_level"), f"{workflow.ACTIONS[action]} {title_of(kept)}"
        for one in _audience(settings, seen, AUDIENCE[action], level, kept.get("county_code"), row["to_unit"]):
            if overtaken(action, row["seq"], one, standing[row["signal_id"]], moved.get(row["signal_id"], 0)):
                continue
            message = _message(one, action, row["signal_id"], str(row["seq"]), level, subject, said, settings, now)
            if message.key not in planned:  # what it is about is asked once
                with asking(seen.version) as ask:
                    story = ask("signal_story", signal=row["signal_id"])
                about = f"\n{_about(story.row(0, named=True))}" if len(story) else ""
                yield message._replace(body=said + about)


def _reminders(settings: Settings, seen: Scene, now: datetime) -> Iterator[Message]:
    today = now.date()
    if not workflow.is_workday(today):
        return
    due = cases.due_list(today)
    moved = cases.current(due["signal_id"], on=today).select("signal_id", "last_at")
    for row in due.join(moved, on="signal_id", maintain_order="left").iter_rows(named=True):
        if not row["is_overdue"] and row["last_at"].date() == today:
            continue  # who got the case today knows
        event, day = ("overdue", today) if row["is_overdue"] else ("due", row["due_on"])
        step = workflow.ACTIONS[row["step"]]
        late = f"已超期 {-row['workdays_left']} 个工作日" if row["is_overdue"] else "请按期办理"
        body = f"{row['unit'] or workflow.ROLES[row['role']]}应在 {wording.full_day(row['due_on'])}前{step}，{late}。"
        subject = f"{EVENTS[event]} {row['title'] or row['signal_id']}"
        for one in _audience(settings, seen, (row["role"],), row["signal_level"], row["county_code"], row["unit"]):
            detail = f"{day}-{row['step']}"
            yield _message(one, event, row["signal_id"], detail, row["signal_level"], subject, body, settings, now)


def _weeks(settings: Settings, seen: Scene, now: datetime) -> Iterator[Message]:
    monday = datetime.combine(seen.week + timedelta(days=7), datetime.min.time()) + timedelta(hours=8)
    everything = cases.current(on=now.date())
    standing = dict(everything.select("signal_id", "status").iter_rows())
    words = workflow.STATUSES | {"again": EVENTS["again"], "covered": "办理中的同一件事"}
    status = {signal_id: standing.get(signal_id, "new") for signal_id in seen.signals["signal_id"]}
    status |= dict.fromkeys(cases.covered(seen.signals, seen.places, seen.issues), "covered")
    status |= dict.fromkeys(cases.recurring(seen.signals), "again")
    for one in settings.recipients:
        if one.digest != "weekly":
            continue
        listed = [row for row in seen.signals.iter_rows(named=True) if one.role != "unit" and _concerns(one, seen, row)]
        theirs = [row for row in listed if status[row["signal_id"]] not in workflow.ENDED]
        ended = [(words[name], sum(status[row["signal_id"]] == name for row in listed)) for name in workflow.ENDED]
        by_level = [(LEVELS[level].word, sum(row["signal_level"] == level for row in theirs)) for level in one.levels]
        head = "、".join(f"{word} {n}" for word, n in by_level if n)
        lines = [f"预警 {len(theirs)} 条（{head}）。" if theirs else "没有新的预警。"] if one.role != "unit" else []
        if len(theirs) < len(listed):
            lines[0] += f"已结束的不再列出：{'、'.join(f'{word} {n}' for word, n in ended if n)}。"
        handled = [
            row
            for row in everything.iter_rows(named=True)
            if (row["to_unit"] in one.units if one.role == "unit" else _concerns(one, seen, row))
        ]
        counted = [(workflow.STATUSES[name], sum(row["status"] == name for row in handled)) for name in workflow.OPEN]
        late = sum(row["is_overdue"] for row in handled)
        lines.append("办理中：" + ("、".join(f"{word} {n}" for word, n in counted if n) or "没有") + f"；超期 {late}。")
        lines += [
            f"{n}. {LEVELS[row['signal_level']].word} {words[status[row['signal_id']]]}：{wording.spoken(row)}"
            for n, row in enumerate(theirs, start=1)
        ]
        week = f"{wording.week_name(seen.week)}（{wording.week_span(seen.week)}）"
        message = _message(
            one, "week", None, wording.week_code(seen.week), None, f"{week}汇总", "\n".join(lines), settings, now
        )
        yield message._replace(release_at=one.awake(max(monday, now)))


# ---------------------------------------------------------------- who, and how it reads


def _audience(
    settings: Settings,
    seen: Scene,
    roles: Iterable[str],
    level: str | None,
    county: str | None,
    unit: str | None = None,
) -> Iterator[Recipient]:
    for one in settings.recipients:
        about = {"signal_level": level, "county_code": county}
        is_theirs = unit in one.units if one.role == "unit" else _concerns(one, seen, about)
        if one.role in roles and is_theirs and (level is None or level in one.levels):
            yield one


def _concerns(one: Recipient, seen: Scene, row: Mapping[str, Any]) -> bool:
    """Is a warning of this county and level for this recipient? What concerns the whole city is for those without an area."""
    code = row["county_code"]
    is_near = not one.area or (code is not None and bool({code, seen.counties.get(code)} & set(one.area)))
    return is_near and (row["signal_level"] is None or row["signal_level"] in one.levels)


def title_of(signal: Mapping[str, Any]) -> str:
    """The warning in a few words, without figures."""
    if signal.get("title"):
        return str(signal["title"])
    return f"{wording.place(signal)} {signal.get('issue_name') or ''}".strip()


def _about(signal: Mapping[str, Any]) -> str:
    """What is warned of, and who should see to it."""
    week = signal["week_start_on"]
    lines = [wording.spoken(signal), f"{wording.week_name(week)}（{wording.week_span(week)}）。"]
    if signal.get("responsible_unit"):
        basis = f"（{signal['responsible_basis']}）" if signal.get("responsible_basis") else ""
        lines.append(f"建议承办：{signal['responsible_unit']}{basis}。")
    return "\n".join(lines)


def _message(
    one: Recipient,
    event: str,
    signal_id: str | None,
    detail: str,
    level: str | None,
    subject: str,
    body: str,
    settings: Settings,
    now: datetime,
) -> Message:
    link = f"/warning?{urlencode({'id': signal_id})}" if signal_id else "/warnings"
    return Message(
        event=event,
        signal_id=signal_id,
        detail=detail,
        level=level,
        recipient=one.name,
        role=one.role,
        area="、".join(one.area) or None,
        channel=channels.kind(one.channel),
        subject=f"【研判】{subject}",
        body=body,
        url=settings.base_url + link,
        release_at=one.release(now, level),
    )


def _actions(now: datetime) -> list[dict[str, Any]]:
    """The steps of the last days, in their order."""
    action = store.case_action
    wanted = sa.select(action).where(action.c.at >= now - LOOK_BACK, action.c.at <= now).order_by(action.c.id)
    with store.reading() as connection:
        return [dict(row._mapping) for row in connection.execute(wanted)]


# ---------------------------------------------------------------- cut to what a channel takes


def fit(subject: str, body: str, url: str, most: int) -> str:
    """The body with its link, cut so that subject and body together have at most `most` bytes of UTF-8.

    Cut at the end of a sentence where there is one in the second half, and said so; the link always stays.

    >>> fit("题", "一句话。" * 10, "http://a/b", 80)
    '一句话。一句话。\\n（未完，见详情）\\n详情：http://a/b'
    """
    link = f"\n详情：{url}"
    room = most - len(f"{subject}\n".encode()) - len(link.encode())
    if len(body.encode()) <= room:
        return body + link
    more = "\n（未完，见详情）"
    part = body.encode()[: max(room - len(more.encode()), 0)].decode(errors="ignore")
    end = max(part.rfind("。"), part.rfind("\n"))
    return part[: end + 1 if end >= len(part) // 2 else None].rstrip() + more + link


def combined(rows: list[Mapping[str, Any]], base_url: str, most: int) -> tuple[str, str]:
    """Several messages as one digest: subject and body. The week in figures first; what has no room is counted."""
    rows = sorted(rows, key=lambda row: row["event"] != "week")
    subject = f"【研判】汇总 {len(rows)} 条"
    link = f"\n详情：{base_url}/warnings"
    said: list[str] = []
    room = most - len(f"{subject}\n{link}\n另有 000 条，见详情。".encode())
    for n, row in enumerate(rows, start=1):
        entry = f"{n}. {row['subject'].removeprefix('【研判】')}\n{row['body']}"
        if len("\n".join([*said, entry]).encode()) > room:
            if not said:
                said.append(fit("", entry, "", room).removesuffix("\n详情："))
            break
        said.append(entry)
    left = len(rows) - len(said)
    return subject, "\n".join(said) + (f"\n另有 {left} 条，见详情。" if left else "") + link
