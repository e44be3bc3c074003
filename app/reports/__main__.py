"""`python -m app.reports weekly --period 2026-W46 …`, which `yanpan report` runs: one JSON object on standard output
({"result", "text"}, or {"error", "exit_code"} and, where a past day has to be worked out first, "replay")."""

import argparse
import json
import sys
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb

from app import disclosure, reader, versions
from app.casework.workflow import BadSetting as BadLimits
from app.reports import figures, make, periods, settings, templates
from app.reports.model import AUDIENCES
from pipelines import logs

USAGE = (periods.BadPeriod, figures.NoSuchArea, settings.BadSetting, disclosure.BadSetting, BadLimits)
INPUT = (figures.NoData, templates.BadTemplate, make.NotWritten, versions.NoMarts, duckdb.IOException)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m app.reports")
    parser.add_argument("kind", choices=tuple(periods.KINDS))
    parser.add_argument("--period")
    parser.add_argument("--area")
    parser.add_argument("--audience", choices=(*AUDIENCES, "both"))
    parser.add_argument("--format", default=",".join(make.FORMATS))
    parser.add_argument("--as-of", type=date.fromisoformat)
    parser.add_argument("--at", type=datetime.fromisoformat)
    parser.add_argument("--number", type=int)
    parser.add_argument("--revision", type=int, default=1)
    parser.add_argument("--internal", action=argparse.BooleanOptionalAction, default=None)
    parser.add_argument("--out", type=Path, required=True)
    chosen = parser.parse_args(arguments)
    if arguments is None:
        logs.set_up()
    try:
        answer = _made(chosen)
    except make.NotReplayed as missing:
        answer = {"error": str(missing), "exit_code": 3, "replay": str(missing.day)}
    except make.Unsound as error:
        answer = {"error": str(error), "exit_code": 4}
    except (*USAGE, *INPUT) as error:
        answer = {"error": reader.sentence(error), "exit_code": 2 if isinstance(error, USAGE) else 3}
    print(json.dumps(answer, ensure_ascii=False, default=str))
    return int(answer.get("exit_code", 0))


def _made(chosen: argparse.Namespace) -> dict[str, Any]:
    forms = list(dict.fromkeys(one.strip() for one in chosen.format.split(",")))
    strange = [form for form in forms if form not in make.FORMATS]
    if strange:
        return {"error": f"没有格式“{strange[0][:20]}”，可选：{'、'.join(make.FORMATS)}，用逗号隔开。", "exit_code": 2}
    if chosen.as_of and chosen.as_of > date.today():
        return {"error": f"{chosen.as_of} 还没有到，不能回看。", "exit_code": 2}
    _say("正在汇总数字…")
    version, at = make.source(chosen.as_of), chosen.at or make.moment(chosen.as_of)
    findings = make.found(version, chosen.kind, chosen.period, chosen.area, at=at)
    audiences = list(AUDIENCES) if chosen.audience == "both" else [chosen.audience]
    reports = [
        make.told(findings, one, number=chosen.number, revision=chosen.revision, internal=chosen.internal)
        for one in audiences
    ]
    _say("正在生成文件…")
    files = make.write(reports, forms, chosen.out)
    first = reports[0]
    result = {
        "files": files,
        "kind": chosen.kind,
        "period": findings.period.code,
        "area": findings.area.code,
        "area_name": findings.area.name,
        "audience": "both" if len(reports) > 1 else first.report.audience,
        "number": first.number,
        "revision": first.revision,
        "is_complete": findings.is_complete,
        "version": findings.version,
        "as_of": findings.as_of,
        "at": first.at.isoformat(),
        "fingerprint": first.report.fingerprint,
        "values": findings.values(),
        "reconciliation": {
            "n_checks": len(findings.reconciliation),
            "n_failed": int((~findings.reconciliation["is_ok"]).sum()),
        },
    }
    partial = "" if findings.is_complete else "（本期尚未收满，数字只到最近一天）"
    lines = [f"{first.report.title} {first.report.period_name} {findings.area.name}{partial}："]
    lines += [f"  {row['path']}" for row in files]
    lines.append(f"勾稽 {len(findings.reconciliation)} 项全部相符，数据指纹 {first.report.fingerprint}。")
    return {"result": result, "text": "\n".join(lines)}


def _say(text: str) -> None:
    logs.sayer("report")(text)


if __name__ == "__main__":
    sys.exit(main())
