"""Which steps does a case take, who may take which, and by when is the next one due?

A case is one warning in the hands of the office and a unit:

    new ─push→ pushed ─sign→ signed ─measure→ handling ─reply→ replied ─close→ closed
     ▲          │ object      │ object           ▲ ─return──────┘               │ reopen → pushed
     └──────────┴─────────────┘                  from any open status ─dismiss→ false_alarm, reopen → pushed

Roles, not persons: a reader is 领导, 研判中心 or one 承办单位. Deadlines are in working days from the day the case was last
pushed, transferred, returned or reopened, as the office sets them in HOME/casework.toml.
"""

import csv
import tomllib
from collections.abc import Mapping
from datetime import date, timedelta
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

HOLIDAYS = Path(__file__).resolve().parents[2] / "sql" / "seeds" / "holiday.csv"
SETTINGS = "casework.toml"

STATUSES = {
    "new": "待推送",
    "pushed": "待签收",
    "signed": "已签收",
    "handling": "处置中",
    "replied": "待销号",
    "closed": "已销号",
    "false_alarm": "误报",
}
OPEN = ("pushed", "signed", "handling", "replied")
"""In somebody's hands. A case that a unit objected to is `new` again: the office has to push it anew."""
ENDED = ("closed", "false_alarm")
ACTIONS = {
    "push": "推送",
    "sign": "签收",
    "measure": "处置",
    "reply": "反馈",
    "return": "退回重办",
    "transfer": "转办",
    "object": "异议退回",
    "close": "销号",
    "dismiss": "误报",
    "reopen": "重开",
    "remind": "催办",
    "comment": "批示",
}
ROLES = {"leader": "领导", "office": "研判中心", "unit": "承办单位"}
REASONS = {
    "data": "数据问题",
    "known": "已知事项",
    "season": "季节或节假日",
    "campaign": "活动宣传引起",
    "rule": "口径或分类变化",
    "chance": "偶然波动",
    "other": "其他",
}
FINDINGS = {"confirmed": "属实", "partly": "部分属实"}
"""What 销号 found. 不属实 is no 销号: it is `dismiss`."""


class Step(NamedTuple):
    """From which statuses, by which roles, to which status (None: it stays), and must something be said?"""

    origins: tuple[str, ...]
    roles: tuple[str, ...]
    status: str | None
    needs_note: bool


STEPS = {
    "push": Step(("new",), ("office",), "pushed", False),
    "sign": Step(("pushed",), ("unit",), "signed", False),
    "measure": Step(("signed", "handling"), ("unit",), "handling", True),
    "reply": Step(("handling",), ("unit",), "replied", True),
    "return": Step(("replied",), ("office",), "handling", True),
    "transfer": Step(("pushed", "signed", "handling"), ("office",), "pushed", True),
    "object": Step(("pushed", "signed"), ("unit",), "new", True),
    "close": Step(("replied",), ("office",), "closed", True),
    "dismiss": Step(("new", *OPEN), ("office",), "false_alarm", False),
    "reopen": Step(ENDED, ("office", "leader"), "pushed", False),
    "remind": Step(("pushed", "signed", "handling"), ("office", "leader"), None, False),
    "comment": Step(tuple(STATUSES), ("leader",), None, True),
}
GIVES_UNIT = ("push", "transfer", "reopen")
"""Actions that hand the case to a unit (`to_unit`); reopen may leave it to the unit that had it."""
RESTARTS = ("push", "transfer", "return", "reopen", "object")
"""Actions from whose day the limits are counted."""
NEXT = {"new": "push", "pushed": "sign", "signed": "measure", "handling": "reply", "replied": "close"}
"""What is expected next in a status."""
LIMITS = {"push": 1, "sign": 1, "measure": 3, "reply": 7, "close": 10}
"""Working days within which each step is due. `push`: of a case its unit objected to."""
LEVELS = ("red", "orange", "yellow", "blue")


class BadSetting(ValueError):
    """HOME/casework.toml cannot be used; one Chinese sentence says where."""


def allowed(status: str, role: str, *, own_unit: str | None = None, actor_unit: str | None = None) -> list[str]:
    """The actions this role may take now, in the order of ACTIONS.

    own_unit: the unit the case is with (`Case.to_unit`); actor_unit: the unit that asks. A unit acts on its own cases
    alone.

    >>> allowed("pushed", "unit", own_unit="云溪区住房和城乡建设局", actor_unit="云溪区住房和城乡建设局")
    ['sign', 'object']
    >>> allowed("pushed", "unit", own_unit="云溪区住房和城乡建设局", actor_unit="临江区教育局")
    []
    """
    if role == "unit" and (actor_unit is None or actor_unit != own_unit):
        return []
    return [action for action in ACTIONS if status in STEPS[action].origins and role in STEPS[action].roles]


def limits(level: str | None, home: Path) -> dict[str, int]:
    """Working days for each step of a warning of this level: LIMITS, changed by HOME/casework.toml. Raises BadSetting.

    The file has a table [limits] for all levels, and [limits.red] … for one:

        [limits]
        reply = 5
        [limits.red]
        measure = 1
    """
    path = home / SETTINGS
    try:
        said = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return dict(LIMITS)
    except OSError as error:
        raise BadSetting(f"办理期限设置 {path} 读不出来（{error.strerror}）。请检查文件权限。") from error
    except ValueError as error:  # no UTF-8, no TOML
        raise BadSetting(
            f"办理期限设置 {path} 不是 UTF-8 的 TOML 文件（{error}）。请改正，或删去改用默认期限。"
        ) from error
    general = said.pop("limits", {})
    if said or not isinstance(general, dict):
        raise BadSetting(f"办理期限设置 {path} 只应有 [limits] 和 [limits.red] 这样的表。请改正。")
    special = {one: general.pop(one, {}) for one in LEVELS}
    for name, table in {"limits": general, **{f"limits.{one}": table for one, table in special.items()}}.items():
        _refuse_wrong(table, name, path)
    by_level = {one: LIMITS | general | table for one, table in special.items()}
    for one, days in by_level.items():
        if not days["sign"] <= days["measure"] <= days["reply"] <= days["close"]:
            raise BadSetting(
                f"办理期限设置 {path}：{one} 一级的期限应依次不短于前一步（sign ≤ measure ≤ reply ≤ close），"
                f"现在是 {days['sign']}、{days['measure']}、{days['reply']}、{days['close']} 个工作日。请改正。"
            )
    return by_level.get(level or "", LIMITS | general)


def _refuse_wrong(table: object, name: str, path: Path) -> None:
    rows = table.items() if isinstance(table, dict) else [("", table)]
    for key, days in rows:
        if key not in LIMITS or type(days) is not int or not 1 <= days <= 250:
            raise BadSetting(
                f"办理期限设置 {path} 的 [{name}] 里“{key} = {days}”不对：应为 {'、'.join(LIMITS)} 之一，"
                "值是 1 到 250 的整数（工作日）。请改正。"
            )


def due_on(status: str, started_on: date, level: str | None, home: Path) -> date | None:
    """By when is the next step due in this status, counted from `started_on` (the day of the last of RESTARTS)?"""
    step = NEXT.get(status)
    return None if step is None else add_workdays(started_on, limits(level, home)[step])


def add_workdays(start: date, n_days: int) -> date:
    """The n-th working day after `start`.

    >>> add_workdays(date(2026, 9, 30), 1)  # the National Day holiday, and the weekend before it made up for later
    datetime.date(2026, 10, 8)
    """
    day = start
    for _ in range(n_days):
        day += timedelta(days=1)
        while not is_workday(day):
            day += timedelta(days=1)
    return day


def workdays_between(start: date, end: date) -> int:
    """Working days after `start` up to and with `end`; negative where `end` is earlier."""
    if end < start:
        return -workdays_between(end, start)
    return sum(is_workday(start + timedelta(days=n + 1)) for n in range((end - start).days))


def is_workday(day: date) -> bool:
    """As the State Council's calendar says; Monday to Friday where it is not published yet. As sql/marts/workday.sql."""
    is_off = _holidays().get(day)
    return day.weekday() < 5 if is_off is None else not is_off


@lru_cache(maxsize=1)
def _holidays() -> Mapping[date, bool]:
    with HOLIDAYS.open(encoding="utf-8", newline="") as file:
        return {date.fromisoformat(row["day_on"]): row["is_off_day"] == "true" for row in csv.DictReader(file)}
