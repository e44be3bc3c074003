"""Who is told what, where and when? HOME/push.toml, read anew at every run.

    base_url = "http://10.1.2.3:8501"     # of the dashboard, for the links
    quiet = ["21:00", "07:30"]            # of everybody who sets none; [] for none

    [[recipient]]
    name = "市研判中心工作群"
    role = "office"                       # leader 领导 | office 研判中心 | unit 承办单位
    channel = "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=…"    # or env:NAME, or file:/path
    secret = "file:/etc/yanpan/dingtalk"  # DingTalk and Feishu with 加签
    levels = ["red", "orange"]            # default: all four
    area = ["990101", "临江区"]           # counties; default: all, and what concerns the whole city
    units = ["云溪区住房和城乡建设局"]     # role unit: whose cases
    digest = "immediately"                # | "daily 08:30" | "weekly" (Monday 08:00)
    urgent = true                         # red comes at any hour, and alone

What `env:` and `file:` stand for is looked up here, and leaves this module in `Recipient.channel` and `.secret` alone.
"""

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from app.casework.workflow import LEVELS, ROLES

FILE = "push.toml"
QUIET = ["21:00", "07:30"]
MONDAY_AT = time(8)
_DIGEST = re.compile(r"immediately|weekly|daily ([01]\d|2[0-3]):[0-5]\d")
_TIME = re.compile(r"([01]\d|2[0-3]):[0-5]\d")


class BadSetting(ValueError):
    """HOME/push.toml cannot be used; one Chinese sentence says which key and what it should be."""


@dataclass(frozen=True)
class Recipient:
    """One group, mailbox or system that is told something."""

    name: str
    role: str
    channel: str = field(repr=False)
    secret: str = field(default="", repr=False)
    levels: tuple[str, ...] = LEVELS
    area: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    digest: str = "immediately"
    urgent: bool = False
    quiet: tuple[time, time] | None = None

    def is_urgent(self, level: str | None) -> bool:
        return self.urgent and level == "red"

    def release(self, now: datetime, level: str | None) -> datetime:
        """From when may a message planned now be sent? At once, with the next digest, or after the quiet hours."""
        if self.is_urgent(level):
            return now
        if self.digest == "weekly":
            monday = datetime.combine(now.date() - timedelta(days=now.weekday()), MONDAY_AT)
            due = monday if monday >= now else monday + timedelta(days=7)
        elif self.digest.startswith("daily"):
            today = datetime.combine(now.date(), time.fromisoformat(self.digest.split()[1]))
            due = today if today >= now else today + timedelta(days=1)
        else:
            due = now
        return self.awake(due)

    def awake(self, at: datetime) -> datetime:
        """This moment, or the end of the quiet hours it falls into."""
        if self.quiet is None:
            return at
        start, end = self.quiet
        clock = at.time()
        is_quiet = start <= clock < end if start <= end else clock >= start or clock < end
        if not is_quiet:
            return at
        morning = datetime.combine(at.date(), end)
        return morning if morning > at else morning + timedelta(days=1)


@dataclass(frozen=True)
class Settings:
    base_url: str
    recipients: tuple[Recipient, ...]
    remarks: tuple[str, ...] = ()
    """What is unsafe about the files, in sentences."""

    def named(self, name: str) -> Recipient | None:
        return next((one for one in self.recipients if one.name == name), None)


def read(home: Path) -> Settings:
    """The settings in force. Raises BadSetting, where there are none as well."""
    path = home / FILE
    try:
        said = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BadSetting(f"没有推送设置 {path}。写法见 docs/push.example.toml。") from None
    except OSError as error:
        raise BadSetting(f"推送设置 {path} 读不出来（{error.strerror}）。请检查文件权限。") from error
    except ValueError as error:  # no UTF-8, no TOML
        raise BadSetting(f"推送设置 {path} 不是 UTF-8 的 TOML 文件（{error}）。请改正。") from error
    _known(said, {"base_url", "quiet", "recipient"}, "")
    base_url = _text(said, "base_url", "")
    if urlsplit(base_url).scheme not in ("http", "https") or not urlsplit(base_url).hostname:
        raise _bad("base_url", "应为看板的网址，如 http://10.1.2.3:8501", base_url)
    quiet = _quiet(said.get("quiet", QUIET), "quiet")
    rows = said.get("recipient", [])
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
        raise BadSetting(f"推送设置 {path} 里没有收件方。请至少写一段 [[recipient]]。")
    holding: set[Path] = set()  # files with a secret in them
    recipients = tuple(_recipient(row, f"recipient[{n}].", quiet, path, holding) for n, row in enumerate(rows, start=1))
    names = [one.name for one in recipients]
    for n, name in enumerate(names, start=1):
        if name in names[: n - 1]:
            raise _bad(f"recipient[{n}].name", "每个收件方的名称只能用一次", name)
    return Settings(base_url.rstrip("/"), recipients, tuple(_open_to_others(holding)))


def _recipient(
    row: Mapping[str, Any], at: str, quiet: tuple[time, time] | None, path: Path, holding: set[Path]
) -> Recipient:
    _known(row, {*Recipient.__dataclass_fields__}, at)
    role = _text(row, "role", at)
    if role not in ROLES:
        raise _bad(f"{at}role", f"应为 {'、'.join(f'{code}（{word}）' for code, word in ROLES.items())} 之一", role)
    levels = _texts(row, "levels", at) or LEVELS
    for level in levels:
        if level not in LEVELS:
            raise _bad(f"{at}levels", f"应为 {'、'.join(LEVELS)} 中的若干个", level)
    area, units = _texts(row, "area", at), _texts(row, "units", at)
    if role == "unit" and not units:
        raise BadSetting(f"推送设置的 {at}units：承办单位须写明单位名称，一个或几个。")
    if role == "unit" and area:
        raise BadSetting(f"推送设置的 {at}area：承办单位只收推送给自己（units）的预警，不用写 area。请删去。")
    if role != "unit" and units:
        raise BadSetting(f'推送设置的 {at}units：只用于承办单位（role = "unit"）。请删去或改 role。')
    digest = row.get("digest", "immediately")
    if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
        raise _bad(f"{at}digest", "应为 immediately、daily 08:30 或 weekly", digest)
    urgent = row.get("urgent", False)
    if not isinstance(urgent, bool):
        raise _bad(f"{at}urgent", "应为 true 或 false", urgent)
    return Recipient(
        name=_text(row, "name", at),
        role=role,
        channel=_secret(_text(row, "channel", at), f"{at}channel", path, holding),
        secret=_secret(_text(row, "secret", at), f"{at}secret", path, holding) if "secret" in row else "",
        levels=levels,
        area=area,
        units=units,
        digest=digest,
        urgent=urgent,
        quiet=_quiet(row["quiet"], f"{at}quiet") if "quiet" in row else quiet,
    )


def _secret(said: str, key: str, path: Path, holding: set[Path]) -> str:
    """What `env:NAME` or `file:/path` stands for; anything else stands for itself. Never repeated in an error."""
    if said.startswith("env:"):
        if not re.fullmatch(r"\w+", said[4:]):
            raise BadSetting(f"推送设置的 {key}：env: 后面应只是环境变量的名称。")
        found = os.environ.get(said[4:], "")
        if not found:
            raise BadSetting(f"推送设置的 {key}：环境变量 {said[4:]} 没有值。")
    elif said.startswith("file:"):
        file = Path(said[5:]).expanduser()
        try:
            found = file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise BadSetting(f"推送设置的 {key}：文件 {file} 读不出来（{type(error).__name__}）。") from error
        holding.add(file)
    else:
        found = said
        holding.add(path)
    if not found:
        raise BadSetting(f"推送设置的 {key}：内容是空的。")
    return found


def _open_to_others(files: set[Path]) -> list[str]:
    if os.name == "nt":
        return []
    return [
        f"{file} 里有密钥，但本机其他账户也能读；请运行 chmod 600 {file}。"
        for file in sorted(files)
        if file.stat().st_mode & 0o077
    ]


def _quiet(said: object, key: str) -> tuple[time, time] | None:
    if said == []:
        return None
    if isinstance(said, list) and len(said) == 2 and all(isinstance(t, str) and _TIME.fullmatch(t) for t in said):
        start, end = (time.fromisoformat(t) for t in said)
        if start != end:
            return start, end
    raise _bad(key, '应为 ["21:00", "07:30"] 这样的起止时刻，[] 为不设', said)


def _text(row: Mapping[str, Any], name: str, at: str) -> str:
    if name not in row:
        raise BadSetting(f"推送设置缺少 {at}{name}。")
    if not isinstance(row[name], str) or not row[name].strip():
        raise BadSetting(f"推送设置的 {at}{name}：应为一段文字。")
    return row[name].strip()


def _texts(row: Mapping[str, Any], name: str, at: str) -> tuple[str, ...]:
    said = row.get(name, [])
    if not isinstance(said, list) or not all(isinstance(one, str) and one.strip() for one in said):
        raise _bad(f"{at}{name}", '应为一列文字，如 ["…", "…"]', said)
    return tuple(one.strip() for one in said)


def _known(row: Mapping[str, Any], names: set[str], at: str) -> None:
    for name in row:
        if name not in names:
            raise BadSetting(f"推送设置里不认识 {at}{name}；可用的有 {'、'.join(sorted(names))}。")


def _bad(key: str, expected: str, found: object) -> BadSetting:
    return BadSetting(f"推送设置的 {key}：{expected}，现在是“{found}”。")
