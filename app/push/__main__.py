"""`python -m app.push`, which `yanpan push` runs: one JSON object on standard output ({"result", "text"}, or {"error",
"exit_code"}), progress and remarks on standard error."""

import argparse
import json
import signal
import sys
import threading
from datetime import datetime
from typing import Any

import duckdb

from app import disclosure, reader, versions
from app.casework.store import Unavailable
from app.casework.workflow import BadSetting as BadLimits
from app.push import outbox, sender
from app.push import settings as setting
from app.push.words import STATUSES
from pipelines import logs

COUNTED = {**STATUSES, "planned": "新计划", "retry": "稍后重试", "quiet": "静默时段推迟"}
MISTAKES = (setting.BadSetting, BadLimits, disclosure.BadSetting)
TROUBLES = (Unavailable, versions.NoMarts, duckdb.IOException)
"""What may have passed when it is tried again."""


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m app.push")
    parser.add_argument("--dry-run", action="store_true")
    parser.add_argument("--every", type=int)
    parser.add_argument("--resend", type=int)
    parser.add_argument("--test", action="store_true")
    chosen = parser.parse_args(arguments)
    if arguments is None:
        logs.set_up()
    try:
        answer = _every(chosen.every) if chosen.every else _once(chosen)
    except (*MISTAKES, *TROUBLES) as error:
        answer = {"error": reader.sentence(error), "exit_code": 2 if isinstance(error, MISTAKES) else 3}
    print(json.dumps(answer, ensure_ascii=False, default=str))
    return int(answer.get("exit_code", 0))


def _once(chosen: argparse.Namespace) -> dict[str, Any]:
    settings = _settings()
    now = datetime.now()
    if chosen.resend is not None:
        refusal = outbox.resend(chosen.resend, now)
        if refusal:
            return {"error": refusal, "exit_code": 2}
    if chosen.dry_run:
        shown = sender.preview(settings)
        lines = [
            f"→ {one['recipient']}（{one['release_at']:%m-%d %H:%M}）\n{one['subject']}\n{one['body']}\n"
            for one in shown
        ]
        return {
            "result": {"messages": shown},
            "text": "\n".join([*lines, f"共 {len(shown)} 条；只是预览，没有写入，也没有发送。"]),
        }
    counts = sender.trial(settings) if chosen.test else sender.run(settings)
    return {"result": counts, "text": _said(counts)}


def _every(seconds: int) -> dict[str, Any]:
    """Until it is told to stop (Ctrl-C, SIGTERM): a message that is being sent is sent to its end."""
    stop = threading.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: stop.set())
    _settings()  # a mistake is said at once
    total: dict[str, int] = {}
    last = ""
    while not stop.is_set():
        try:
            counts = sender.run(_settings(is_first=False), stopped=stop.is_set)
        except (*MISTAKES, *TROUBLES) as error:
            if reader.sentence(error) != last:
                last = reader.sentence(error)
                _say(f"{last}（每 {seconds} 秒再试）")
        else:
            last = ""
            total = {name: total.get(name, 0) + n for name, n in counts.items()}
            if any(counts.values()):
                _say(_said(counts))
        stop.wait(seconds)
    return {"result": total, "text": f"已停止推送。{_said(total)}"}


def _settings(*, is_first: bool = True) -> setting.Settings:
    settings = setting.read(versions.home())
    said = sender.check(settings)
    if is_first:
        for remark in [*said, *sender.remarks(settings, datetime.now())]:
            _say(f"提示：{remark}")
    return settings


def _said(counts: dict[str, int]) -> str:
    text = "，".join(f"{COUNTED[name]} {n} 条" for name, n in counts.items() if n) or "没有要推送的"
    return f"{text}。" + (
        "不确定的不会自动重发，可核对后用 yanpan push --resend 编号。" if counts.get("unclear") else ""
    )


def _say(text: str) -> None:
    logs.sayer("push")(text if logs.kind() == "json" else f"{datetime.now():%m-%d %H:%M:%S} {text}")


if __name__ == "__main__":
    sys.exit(main())
