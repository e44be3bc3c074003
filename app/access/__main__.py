"""`python -m app.access …`, which `yanpan account` and `yanpan audit` run: one JSON object on standard output ({"result", "text"}, or
{"error", "exit_code"})."""

import argparse
import json
import sys
from datetime import date
from pathlib import Path
from typing import Any

from app import reader, versions
from app.access import accounts, audit, settings
from app.access.accounts import Account, Refused
from app.access.roles import ROLES
from app.casework.store import Unavailable
from app.exports import csv_text

LABELS = {
    "id": "编号",
    "at": "时间",
    "account": "账号",
    "role": "角色",
    "action": "动作",
    "object": "对象",
    "version": "数据版本",
}


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m app.access")
    verbs = parser.add_subparsers(required=True, dest="verb")
    verbs.add_parser("list")
    one = verbs.add_parser("grant")
    one.add_argument("who")
    one.add_argument("--role", required=True)
    one.add_argument("--name", default="")
    one.add_argument("--place", action="append", default=[])
    one.add_argument("--unit")
    one = verbs.add_parser("disable")
    one.add_argument("who")
    one = verbs.add_parser("audit")
    one.add_argument("--from", dest="first_on", type=date.fromisoformat)
    one.add_argument("--to", dest="last_on", type=date.fromisoformat)
    one.add_argument("--action", choices=tuple(audit.ACTIONS))
    one.add_argument("--account")
    one.add_argument("--limit", type=int, default=1000)
    one.add_argument("--csv", type=Path)
    verbs.add_parser("verify")
    chosen = parser.parse_args(arguments)
    try:
        answer = {"list": _list, "grant": _grant, "disable": _disable, "audit": _audit, "verify": _verify}[chosen.verb](
            chosen
        )
    except (Refused, settings.BadSetting) as error:
        answer = {"error": str(error), "exit_code": 2}
    except (Unavailable, OSError) as error:
        answer = {"error": str(error), "exit_code": 3}
    print(json.dumps(answer, ensure_ascii=False, default=str))
    return int(answer.get("exit_code", 0))


def _list(_chosen: argparse.Namespace) -> dict[str, Any]:
    rows = accounts.listed()
    text = (
        "\n".join(line(one) for one in rows)
        or "还没有账号。有人登录过，或用 yanpan account grant 开通以后，这里就有了。"
    )
    return {"result": {"accounts": [one._asdict() for one in rows]}, "text": text}


def line(one: Account) -> str:
    """3  张三  分析员  990101  sub-123"""
    state = "已停用" if one.is_disabled else ROLES[one.role].name if one.role in ROLES else "等待开通"
    state += "（按组）" if one.is_from_directory else ""
    scope = one.unit or "、".join(one.places) or ("全市" if one.role else "")
    return "  ".join(filter(None, (str(one.id), one.name, state, scope, one.subject)))


def _grant(chosen: argparse.Namespace) -> dict[str, Any]:
    issuer, subject = _whom(chosen.who)
    wrong = unknown(chosen.place, chosen.unit)
    if wrong:
        raise Refused(wrong)
    made = accounts.grant(
        issuer, subject, role=chosen.role, name=chosen.name, places=chosen.place, unit=chosen.unit, by=audit.COMMAND
    )
    return {"result": made._asdict(), "text": f"已开通：{line(made)}"}


def _whom(said: str) -> tuple[str, str]:
    """The number of an account, or what the identity provider calls somebody who may never have come."""
    if said.isdecimal() and (one := accounts.by_id(int(said))):
        return one.issuer, one.subject
    found = accounts.by_subject(said)
    if found:
        return found[0].issuer, said
    auth = settings.auth()
    if auth is None:
        raise Refused(
            f"没有编号或登录名为“{said[:40]}”的账号，也没有启用登录（secrets.toml 的 [auth]）。请先写好登录设置。"
        )
    return settings.issuer(auth), said


def unknown(places: list[str], unit: str | None) -> str:
    """What of it the published data do not have, in one sentence; empty where all is there, or nothing is published."""
    try:
        with reader.asking(versions.current_version()) as ask:
            codes, units = set(ask("places")["place_code"]), set(ask("units")["unit_name"])
    except versions.NoMarts:
        return ""
    strange = [code for code in places if code not in codes]
    if strange:
        return f"没有代码为“{strange[0][:40]}”的县区或镇街。请用区划表里的 6 位县区代码或 9 位镇街代码。"
    if unit and unit not in units:
        return f"没有名为“{unit[:40]}”的承办单位。请写单位名录或事项里的全称。"
    return ""


def _disable(chosen: argparse.Namespace) -> dict[str, Any]:
    if not chosen.who.isdecimal():
        found = accounts.by_subject(chosen.who)
        if not found:
            raise Refused(f"没有登录名为“{chosen.who[:40]}”的账号。请用 yanpan account list 查看。")
        chosen.who = found[0].id
    gone = accounts.disable(int(chosen.who), by=audit.COMMAND)
    return {"result": gone._asdict(), "text": f"已停用：{line(gone)}。它的页面一分钟内失效。"}


def _audit(chosen: argparse.Namespace) -> dict[str, Any]:
    rows = audit.rows(
        first_on=chosen.first_on,
        last_on=chosen.last_on,
        action=chosen.action,
        account=chosen.account,
        limit=chosen.limit,
    )
    if chosen.csv:
        import polars as pl

        frame = (
            pl.DataFrame(rows, schema_overrides={"role": pl.String})
            if rows
            else pl.DataFrame(schema=dict.fromkeys(LABELS, pl.String))
        )
        chosen.csv.write_bytes(csv_text.csv_bytes(frame, labels=LABELS | {"at": f"时间（{audit.zone()}）"}))
    text = "\n".join(f"{row['at']}  {row['account']}  {audit.ACTIONS[row['action']]}  {row['object']}" for row in rows)
    return {"result": {"rows": [dict(row) for row in rows]}, "text": text or "没有符合条件的记录。"}


def _verify(_chosen: argparse.Namespace) -> dict[str, Any]:
    n, wrong, last = audit.broken()
    if wrong is not None:
        return {
            "error": f"审计日志第 {wrong} 号起与封印不符：这一行或它之前的记录被改过、删过。请保全数据库并追查。",
            "exit_code": 4,
        }
    return {
        "result": {"n_rows": n, "seal": last},
        "text": f"审计日志 {n} 行，封印全部相符。最后一个封印：{last or '无'}",
    }


if __name__ == "__main__":
    sys.exit(main())
