"""What does the office want of its reports? HOME/reports.toml, read anew each time; without the file, the defaults.

    office = "安澜市诉求研判中心"     # who issues them; default: <city>诉求研判中心
    internal = true                  # marked 「内部资料　注意保存」 unless said otherwise; default: no
    audience = "units"               # leaders (default) | units: what is proposed first

    [number.weekly]                  # also number.monthly, number.quarterly
    "2026-W10" = 9                   # this week is No. 9; the weeks after it in that year count on from there

Without a line for a year its first week is No. 1, as ISO 8601 counts weeks.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from app.reports import periods
from app.reports.model import AUDIENCES, INTERNAL, Audience
from app.reports.periods import BadPeriod, Period

FILE = "reports.toml"
NUMBERED = ("weekly", "monthly", "quarterly")
MAX_OFFICE = 40
MAX_NUMBER = 9999


class BadSetting(ValueError):
    """HOME/reports.toml cannot be used; one Chinese sentence says which key and what it should be."""


@dataclass(frozen=True)
class Settings:
    office: str = ""
    internal: bool = False
    audience: Audience = "leaders"
    numbers: Mapping[Period, int] = field(default_factory=dict)
    """From this period on, to the end of its year, the numbers count from here."""

    @property
    def mark(self) -> str:
        return INTERNAL if self.internal else ""

    def issued_by(self, city_name: str) -> str:
        return self.office or f"{city_name}诉求研判中心"

    def number(self, period: Period) -> int | None:
        """第N期 in the year of the period; None for a year.

        >>> week = lambda n: periods.parse("weekly", f"2026-W{n}")
        >>> Settings(numbers={week(10): 9}).number(week(46)), Settings().number(week(46))
        (45, 46)
        """
        if period.ordinal is None:
            return None
        known = {
            one.ordinal or 1: n for one, n in self.numbers.items() if (one.kind, one.year) == (period.kind, period.year)
        }
        first = max((ordinal for ordinal in known if ordinal <= period.ordinal), default=1)
        return known.get(first, 1) + period.ordinal - first


def read(home: Path) -> Settings:
    """The settings in force; the defaults where there is no file. Raises BadSetting."""
    path = home / FILE
    try:
        said = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Settings()
    except OSError as error:
        raise BadSetting(f"材料设置 {path} 读不出来（{error.strerror}）。请检查文件权限。") from error
    except ValueError as error:  # no UTF-8, no TOML
        raise BadSetting(f"材料设置 {path} 不是 UTF-8 的 TOML 文件（{error}）。请改正。") from error
    known = {"office", "internal", "audience", "number"}
    for key in said:
        if key not in known:
            raise BadSetting(f"材料设置里不认识 {key}；可用的有 {'、'.join(sorted(known))}。")
    office, internal = said.get("office", ""), said.get("internal", False)
    if not isinstance(office, str) or len(office) > MAX_OFFICE or not office.isprintable():
        raise _bad("office", f"应为 {MAX_OFFICE} 字以内的单位名称", office)
    if not isinstance(internal, bool):
        raise _bad("internal", "应为 true 或 false", internal)
    audience = said.get("audience", "leaders")
    if audience not in AUDIENCES:
        raise _bad(
            "audience", f"应为 {'、'.join(f'{code}（{word}）' for code, word in AUDIENCES.items())} 之一", audience
        )
    return Settings(office.strip(), internal, audience, _numbers(said.get("number", {})))


def _numbers(said: object) -> dict[Period, int]:
    if not isinstance(said, dict):
        raise _bad("number", "应为 [number.weekly] 这样的一段", said)
    found = {}
    for kind, rows in said.items():
        if kind not in NUMBERED or not isinstance(rows, dict):
            raise _bad(f"number.{kind}", f"只有 {'、'.join(f'[number.{one}]' for one in NUMBERED)} 三段", rows)
        for code, n in rows.items():
            if not isinstance(n, int) or isinstance(n, bool) or not 1 <= n <= MAX_NUMBER:
                raise _bad(f"number.{kind}.{code}", f"期号应为 1 到 {MAX_NUMBER} 的整数", n)
            try:
                found[periods.parse(kind, code)] = n
            except BadPeriod as error:
                raise BadSetting(f"材料设置的 number.{kind}：{error}") from error
    return found


def _bad(key: str, expected: str, found: object) -> BadSetting:
    return BadSetting(f"材料设置的 {key}：{expected}，现在是“{found}”。")
