"""What would the demo city's past cases look like? `python -m app.casework.rehearse`: three roles play them through.

For a home that holds the demo city and nothing else. HOME/demo/truth.csv says which warnings were of a planted event: these
end as 属实, the others as 误报, so that the measured precision on the pages is the true one. The last complete week is
left partly open, its steps moved up to today. The same home gives the same cases; played again, nothing is added, and a case
that somebody has acted on is left alone.
"""

import argparse
import hashlib
import json
import sys
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import Any

import duckdb
import polars as pl

from app import versions
from app.casework import cases, workflow

CITY_CODE = "990100"  # no county of China
AFTER = timedelta(weeks=2)  # a warning this long after an event still speaks of it
LOOK = time(11)  # of the Monday after the last complete week: until then it was played

Move = dict[str, Any]


class NotTheDemo(Exception):
    """This home holds something else; one Chinese sentence."""


def rehearse() -> dict[str, int]:
    """Play the cases of all past warnings; n_cases, n_actions, and n_left: cases somebody else has acted on."""
    tables = _demo_tables()
    last_week = dict(tables["meta"].iter_rows())["last_full_week"]
    until = datetime.combine(date.fromisoformat(last_week) + timedelta(days=7), LOOK)
    n_late = _workdays_since(until.date())
    parent = dict(tables["place"].select("place_code", "parent_code").iter_rows())
    group = dict(tables["issue"].select("issue_code", "group_code").iter_rows())
    truth = tables["truth"].to_dicts()
    done = {"n_cases": 0, "n_actions": 0, "n_left": 0}
    for rows in tables["signal"].sort("week_start_on").partition_by("signal_id", maintain_order=True):
        story = rows.to_dicts()
        if story[0]["issue_code"] is None or not story[0]["responsible_unit"]:
            continue  # about a unit, which the truth file is silent about; or nobody to give it to
        is_true = any(_tells_of(signal, event, parent, group) for signal in story for event in truth)
        moves = [move for move in _moves(story, is_true) if move["at"] < until]
        is_open = bool(moves) and moves[-1]["action"] not in ("close", "dismiss")
        done["n_cases"] += bool(moves)
        try:
            for seq, move in enumerate(moves, start=1):
                seen = [signal for signal in story if _monday_after(signal) <= move["at"].date()][-1]
                request_id = f"rehearsal-{seen['signal_id']}-{seq}"
                at = move["at"]
                if is_open:
                    at = datetime.combine(workflow.add_workdays(at.date(), n_late), at.time())
                cases.act(seen, **{**move, "at": at}, expected_seq=seq - 1, request_id=request_id)
                done["n_actions"] += 1
        except cases.Conflict:
            done["n_left"] += 1
    return done


def _moves(story: list[dict[str, Any]], is_true: bool) -> Iterator[Move]:
    """The steps of one case in their order, as arguments of `cases.act`. Chance is drawn from the warning's id."""
    first, unit = story[0], story[0]["responsible_unit"]
    issue, end = first["issue_name"], _monday_after(story[-1])
    at = datetime.combine(_monday_after(first), time(9)) + timedelta(minutes=5 + _dice(first, "push", 50))

    def later(name: str, n_days: int) -> datetime:
        """So many working days on, at an hour of the office."""
        day = workflow.add_workdays(at.date(), n_days)
        return max(
            datetime.combine(day, time(9)) + timedelta(minutes=_dice(first, name, 450)), at + timedelta(minutes=25)
        )

    def by_unit(action: str, note: str = "") -> Move:
        return {"action": action, "role": "unit", "unit": unit, "note": note, "at": at}

    def by_office(action: str, note: str = "", **more: str) -> Move:
        return {"action": action, "role": "office", "note": note, "at": at, **more}

    if _dice(first, "pace", 3) == 0:
        at += timedelta(hours=5)  # after the morning's look
    if not is_true and _dice(first, "look", 2):
        yield by_office("dismiss", f"逐件看过，“{issue}”分散在多处，没有共同的起因。", reason="chance")
        return
    yield by_office("push", "请核实情况并按时反馈。", to_unit=unit)
    if first["signal_level"] == "red":
        at = later("comment", 0)
        yield {"action": "comment", "role": "leader", "note": "请抓紧核实，先解决群众眼前的困难。", "at": at}
    if _dice(first, "late", 5) == 0:
        at = later("remind", 2)
        yield by_office("remind", "请尽快签收。")
    at = later("sign", _dice(first, "sign", 2))
    yield by_unit("sign")
    at = later("measure", 1)
    yield by_unit("measure", f"已派人到现场核查“{issue}”，并与属地对接。")
    if not is_true:
        at = later("reply", 2)
        yield by_unit("reply", f"经核查，近期“{issue}”没有集中的起因，已逐件答复。")
        at = later("dismiss", 1)
        yield by_office("dismiss", "核查未发现集中的起因。", reason="chance")
        return
    waits = ("nobody", "unit", "office")[_dice(first, "wait", 3)]  # until the warning is no longer told
    if waits == "unit":
        at = max(at, datetime.combine(end, at.time()))
    at = later("reply", 2 + _dice(first, "reply", 3))
    yield by_unit("reply", f"“{issue}”的起因已查明并整改，件数正在回落。")
    if _dice(first, "return", 5) == 0:
        at = later("return", 1)
        yield by_office("return", "请补充整改后的回访情况。")
        at = later("again", 2)
        yield by_unit("reply", "已回访，多数表示问题已解决。")
    if waits == "office":
        at = max(at, datetime.combine(end, at.time()))
    at = later("close", 1)
    finding = "confirmed" if _dice(first, "finding", 5) else "partly"
    yield by_office(
        "close", "情况属实，整改已落实。" if finding == "confirmed" else "部分属实，已整改。", finding=finding
    )


def _workdays_since(look: date) -> int:
    """From the Monday the city ends with to today: open cases are as young as they would be had it ended now."""
    return max(workflow.workdays_between(look, date.today()), 0)


def _monday_after(signal: dict[str, Any]) -> date:
    """When the office first saw this week's list."""
    return signal["week_start_on"] + timedelta(days=7)


def _dice(signal: dict[str, Any], name: str, n: int) -> int:
    """0 … n−1, always the same for this warning and name."""
    return int(hashlib.sha256(f"{signal['signal_id']} {name}".encode()).hexdigest(), 16) % n


def _tells_of(signal: dict[str, Any], event: dict[str, Any], parent: dict[str, str], group: dict[str, str]) -> bool:
    """Does a warning speak of a planted event: a place and an issue that nest, in its weeks or shortly after?"""
    return (
        cases.nest(signal["place_code"], event["place_code"], parent)
        and cases.nest(signal["issue_code"], event["issue_code"], group)
        and event["starts_on"] <= signal["week_start_on"] + timedelta(days=6)
        and signal["week_start_on"] <= event["ends_on"] + AFTER
    )


def _demo_tables() -> dict[str, pl.DataFrame]:
    """The marts this needs and the truth file. Raises NotTheDemo unless every file that was loaded is the demo's."""
    demo = versions.home() / "demo"
    try:
        marts = versions.current_version()
        truth = pl.read_csv(
            demo / "truth.csv",
            schema_overrides={"issue_code": pl.String, "place_code": pl.String},
            try_parse_dates=True,
        )
    except (versions.NoMarts, FileNotFoundError):
        raise NotTheDemo("这里没有已发布的演示城市，请先运行 yanpan demo、yanpan ingest 和 yanpan build。") from None
    with duckdb.connect(marts, read_only=True) as connection:
        names = ("meta", "place", "issue", "signal", "batch")
        tables = {name: connection.sql(f"from {name}").pl() for name in names}
    ours = {path.name for path in demo.rglob("*") if path.is_file()}
    strange = sorted(set(tables["batch"]["file_name"]) - ours)
    if dict(tables["meta"].iter_rows())["city_code"] != CITY_CODE or strange:
        found = f"（如 {strange[0]}）" if strange else ""
        raise NotTheDemo(f"这里有演示城市以外的数据{found}，演练只用于演示数据，没有写入任何办理记录。")
    return tables | {"truth": truth}


def main() -> int:
    """Play, and say what was played: one JSON object on stdout. 3: not the demo, nothing was written."""
    argparse.ArgumentParser(prog="python -m app.casework.rehearse", description="在演示城市上演练闭环办理").parse_args()
    try:
        print(json.dumps(rehearse()))
    except (NotTheDemo, cases.Refused, cases.Unavailable) as error:
        print(f"错误：{error}", file=sys.stderr)
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
