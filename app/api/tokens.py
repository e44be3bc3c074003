"""Which systems may use the API? HOME/api_tokens.json: name, SHA-256 of the token, first and last day.

A token is 256 random bits and shown once, when it is made; what is kept cannot be turned back into it. Names are of systems
(业务系统), never of persons. `python -m app.api.tokens`, which `yanpan token` runs, changes the file: one JSON object on
standard output ({"result", "text"}, or {"error", "exit_code"}). The server reads it again whenever it has changed, so a
revoked token is refused from the next request on.
"""

import argparse
import hashlib
import hmac
import json
import os
import re
import secrets
import sys
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

from filelock import FileLock

from app import versions

PREFIX = "yanpan_"  # so that a token left in a file or a log is recognised as one
DAYS = 365
NAME = re.compile(r"[\w\-.（）()]{2,40}")
ADVICE = "请管理员运行 yanpan token create --name 系统名称，把显示的令牌填入业务系统。"


class Refused(Exception):
    """This caller may not ask, or this change cannot be made: one Chinese sentence."""


@dataclass(frozen=True)
class Token:
    name: str
    sha256: str
    created_on: date
    expires_on: date
    """The last day it is good for."""


def path() -> Path:
    return versions.home() / "api_tokens.json"


def kept() -> tuple[Token, ...]:
    """All that have been made and not revoked, also those that have expired. Refused where the file cannot be read."""
    try:
        found = path().stat()
    except FileNotFoundError:
        return ()
    return _read(path(), (found.st_ino, found.st_mtime_ns, found.st_size))


@lru_cache(maxsize=1)
def _read(file: Path, _stamp: tuple[int, ...]) -> tuple[Token, ...]:
    try:
        rows = json.loads(file.read_text(encoding="utf-8"))
        return tuple(
            Token(row["name"], row["sha256"], *(date.fromisoformat(row[day]) for day in ("created_on", "expires_on")))
            for row in rows
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Refused(f"令牌文件 {file.name} 读不出来，请管理员检查权限，或删去后重新创建令牌。") from error


def holder(authorization: str | None, today: date) -> str:
    """The system whose token this Authorization header carries; Refused says why there is none."""
    tokens = kept()
    if not tokens:
        raise Refused(f"还没有创建过令牌，接口没有启用。{ADVICE}")
    scheme, _, given = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not given.strip():
        raise Refused("请求头缺少令牌，应为 Authorization: Bearer 令牌。")
    asked = _digest(given.strip())
    [*same] = [one for one in tokens if hmac.compare_digest(one.sha256, asked)]
    if not same:
        raise Refused(f"令牌不对，或已被撤销。{ADVICE}")
    if same[0].expires_on < today:
        raise Refused(f"令牌“{same[0].name}”已于 {same[0].expires_on} 到期。{ADVICE}")
    return same[0].name


def create(name: str, days: int, today: date) -> tuple[Token, str]:
    """A new token and what only its holder will know. Refused where the name is taken or none."""
    if not NAME.fullmatch(name):
        raise Refused(f"名称“{name}”不合适：应为 2 到 40 个字，只用汉字、字母、数字、括号、点、横线和下划线。")
    secret = PREFIX + secrets.token_urlsafe(32)
    made = Token(name, _digest(secret), today, today + timedelta(days=days))
    with _lock():
        tokens = kept()
        if any(one.name == name for one in tokens):
            raise Refused(f"已有名为“{name}”的令牌。请换一个名称，或先运行 yanpan token revoke {name}。")
        _write((*tokens, made))
    return made, secret


def revoke(name: str) -> None:
    """Refused where there is none of this name."""
    with _lock():
        tokens = kept()
        if all(one.name != name for one in tokens):
            known = "、".join(one.name for one in tokens) or "没有"
            raise Refused(f"没有名为“{name}”的令牌。现有令牌：{known}。")
        _write(tuple(one for one in tokens if one.name != name))


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _lock() -> FileLock:
    return FileLock(f"{path()}.lock", mode=0o600, timeout=30)


def _write(tokens: tuple[Token, ...]) -> None:
    """Aside, then in place, for this user alone from the first byte on."""
    fresh = path().with_suffix(".new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        json.dump([asdict(one) for one in tokens], file, ensure_ascii=False, indent=1, default=str)
    fresh.replace(path())


# ---------------------------------------------------------------- the commands


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m app.api.tokens")
    verbs = parser.add_subparsers(required=True, dest="verb")
    one = verbs.add_parser("create")
    one.add_argument("--name", required=True)
    one.add_argument("--days", type=int, default=DAYS)
    verbs.add_parser("list")
    verbs.add_parser("revoke").add_argument("name")
    chosen = parser.parse_args(arguments)
    try:
        answer = _run(chosen, date.today())
    except Refused as error:
        answer = {"error": str(error), "exit_code": 2}
    print(json.dumps(answer, ensure_ascii=False, default=str))
    return int(answer.get("exit_code", 0))


def _run(chosen: argparse.Namespace, today: date) -> dict[str, Any]:
    if chosen.verb == "create":
        made, secret = create(chosen.name, chosen.days, today)
        return {
            "result": {"name": made.name, "token": secret, "expires_on": made.expires_on},
            "text": f"{secret}\n这是“{made.name}”的令牌，有效至 {made.expires_on}；只显示这一次，请现在填入业务系统。",
        }
    if chosen.verb == "revoke":
        revoke(chosen.name)
        return {"result": {"name": chosen.name}, "text": f"令牌“{chosen.name}”已撤销，立即失效。"}
    rows = [
        {
            "name": one.name,
            "created_on": one.created_on,
            "expires_on": one.expires_on,
            "is_expired": one.expires_on < today,
        }
        for one in kept()
    ]
    lines = [
        f"{row['name']}  创建于 {row['created_on']}  {'已到期' if row['is_expired'] else '有效至'} {row['expires_on']}"
        for row in rows
    ]
    return {"result": {"tokens": rows}, "text": "\n".join(lines) or f"还没有令牌，接口没有启用。{ADVICE}"}


if __name__ == "__main__":
    sys.exit(main())
