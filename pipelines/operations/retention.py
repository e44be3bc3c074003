"""What has been kept long enough? `yanpan purge`: lists it; `--yes` deletes it and writes down that it did.

HOME/retention.toml says how long; what it does not name is kept. docs/retention.example.toml has every key. Each purge is a
line of HOME/purge.jsonl: when, which rule, up to which day, how many. A line carries the digest of the one before it, so that
one taken out later is missed. Nothing of what was deleted stands there.

Texts of old items go for good: the warehouse is written anew without them, versions and replays that still hold them go, and a
model that was taught from them. Their counts stay. The version that serves still shows them until the next build; the purge
after that build finds nothing left.
"""

import hashlib
import json
import os
import shutil
import tomllib
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import duckdb

from pipelines import dashboard, publish, warehouse
from pipelines.config import Home
from pipelines.dispatch import model
from pipelines.errors import UsageError, YanpanError

FILE = "retention.toml"
LOG = "purge.jsonl"
TEXTS = "item_texts"
AT_MOST = 36_500


Do = Callable[[Home, date, bool], tuple[int, int]]
"""(home, before, really) → how many, and their bytes where they are files."""


class Rule(NamedTuple):
    said: str
    least: int
    """Days; a shorter time is refused."""


RULES = {
    "marts_versions": Rule("较早的统计版本", 1),
    "replays": Rule("过去某天的回看文件", 1),
    "reference_history": Rule("旧的参考数据", 30),
    "inbox": Rule("收件箱里已处理的原文件", 0),
    "logs": Rule("日志文件", 183),
    "jobs": Rule("页面任务的记录", 1),
    "rejected_values": Rule("未收行里的原值", 1),
    TEXTS: Rule("旧件的标题和正文", 365),
    "models": Rule("旧的分派模型", 1),
    "push_messages": Rule("推送过的消息", 30),
    "exports": Rule("导出记录", 183),
    "audit": Rule("审计日志", 183),
    "logins": Rule("登录记录", 183),
}
"""Key of retention.toml → what goes. Logs of use stay six months at least (网络安全法)."""
STATE = ("push_messages", "exports", "audit", "logins")


class Gone(NamedTuple):
    """What one rule found, or took away."""

    rule: str
    before: date
    n: int
    n_bytes: int = 0


def read(home: Home) -> dict[str, int]:
    """Days by rule. UsageError for a file that cannot be used; empty where there is none."""
    try:
        said = tomllib.loads((home.path / FILE).read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{FILE} 不是正确的 TOML（{error}）。样例见 docs/retention.example.toml。") from error
    days = {}
    for key, value in said.items():
        if key not in RULES:
            raise UsageError(f"{FILE} 里有不认识的“{key}”，可用：{'、'.join(RULES)}。")
        if not isinstance(value, int) or isinstance(value, bool) or not RULES[key].least <= value <= AT_MOST:
            raise UsageError(
                f"{FILE} 的 {key} 是“{value}”，应为 {RULES[key].least} 到 {AT_MOST} 的整数（天）。请改正后重新运行。"
            )
        days[key] = value
    return days


def purge(home: Home, *, now: datetime, really: bool, say: Callable[[str], None]) -> list[Gone]:
    """What goes by each rule of retention.toml, in the order of RULES; gone afterwards where `really`."""
    wanted = read(home)
    found = []
    for key in [key for key in RULES if key in wanted]:
        before = now.date() - timedelta(days=wanted[key])
        run: Do = partial(_state, key=key) if key in STATE else DO[key]
        found.append(Gone(key, before, *run(home, before, False)))
        if really and found[-1].n:
            say(f"正在清除：{RULES[key].said}")
            _write_down(home, found[-1], now)  # first: what was deleted is written down, however this ends
            run(home, before, True)
    return found


def written_down(home: Home) -> list[dict[str, Any]]:
    """The log of purges, oldest first. YanpanError where a line was changed or taken out."""
    entries, seal = [], ""
    path = home.path / LOG
    for n, line in enumerate(path.read_text(encoding="utf-8").splitlines() if path.exists() else [], start=1):
        entry = json.loads(line)
        if entry["after"] != seal:
            raise YanpanError(f"{LOG} 第 {n} 行与前一行接不上，清除记录被改动过。请从备份核对。")
        entries.append(entry)
        seal = hashlib.sha256(line.encode()).hexdigest()
    return entries


def texts_purged_at(home: Home) -> str:
    """When texts of items were last purged (a version built before still holds them); empty where never."""
    return max((one["at"] for one in written_down(home) if one["rule"] == TEXTS), default="")


def _write_down(home: Home, gone: Gone, now: datetime) -> None:
    path = home.path / LOG
    written_down(home)  # a broken log is not continued
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    entry = {
        "at": now.isoformat(timespec="seconds"), "rule": gone.rule, "before": str(gone.before), "n": gone.n,
        "n_bytes": gone.n_bytes, "after": hashlib.sha256(lines[-1].encode()).hexdigest() if lines else "",
    }  # fmt: skip
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(entry, ensure_ascii=False) + "\n")
        file.flush()
        os.fsync(file.fileno())


# ---------------------------------------------------------------- files


def _files(paths: list[Path], really: bool) -> tuple[int, int]:
    size = sum(path.stat().st_size for path in paths)
    if really:
        for path in paths:
            path.unlink(missing_ok=True)
    return len(paths), size


def _folders(paths: list[Path], really: bool) -> tuple[int, int]:
    size = sum(file.stat().st_size for path in paths for file in path.rglob("*") if file.is_file())
    if really:
        for path in paths:
            shutil.rmtree(path)
    return len(paths), size


def _is_old(path: Path, before: date) -> bool:
    return date.fromtimestamp(path.stat().st_mtime) < before


def _marts_versions(home: Home, before: date, really: bool) -> tuple[int, int]:
    """By the day of publishing; never the one that serves. Those that hold purged texts go whatever their age."""
    purged_at = texts_purged_at(home)
    serving = publish.current(home)
    old = []
    for version in publish.existing(home):
        path = publish.version_file(home, version)
        made_at = datetime.fromtimestamp(path.stat().st_mtime).isoformat()
        if version != serving and (_is_old(path, before) or made_at < purged_at):
            old.append(path)
    return _files(old, really)


def _replays(home: Home, before: date, really: bool) -> tuple[int, int]:
    return _files([path for path in home.marts.glob("asof-*.duckdb") if _is_old(path, before)], really)


def _reference_history(home: Home, before: date, really: bool) -> tuple[int, int]:
    """Folders are named by the moment they were put in force; the one in force on `before` is still needed for replays."""
    folder = home.path / "reference_history"
    named = sorted(path for path in folder.glob("[0-9]*") if path.is_dir())
    older = [path for path in named if path.name[:10] < str(before)]
    return _folders(older[:-1], really)


def _inbox(home: Home, before: date, really: bool) -> tuple[int, int]:
    """Originals, which hold personal data. What has not been looked at stays."""
    folders = [home.path / "inbox" / name for name in ("已导入", "未导入")]
    files = [path for folder in folders if folder.is_dir() for path in folder.iterdir() if path.is_file()]
    return _files([path for path in files if _is_old(path, before)], really)


def _logs(home: Home, before: date, really: bool) -> tuple[int, int]:
    files = [path for path in (home.path / "logs").rglob("*") if path.is_file() and not path.is_symlink()]
    return _files([path for path in files if _is_old(path, before)], really)


def _jobs(home: Home, before: date, really: bool) -> tuple[int, int]:
    done = [
        path.parent for path in (home.path / "jobs").glob("*/state.json")
        if _is_old(path, before) and json.loads(path.read_text(encoding="utf-8")).get("status") != "running"
    ]  # fmt: skip
    return _folders(done, really)


def _models(home: Home, before: date, really: bool) -> tuple[int, int]:
    """Versions taught before that day, or from texts purged since: a model keeps hashed words of what it was taught from.

    The one in force goes too where its texts are gone; suggestions then come from the keyword library until it is taught again.
    """
    cut = max((one["before"] for one in written_down(home) if one["rule"] == TEXTS), default="")
    old = []
    for one in model.versions(home):
        is_old = date.fromisoformat(one["trained_at"][:10]) < before and not one["is_current"]
        if is_old or one["first_on"] < cut:
            old.append(model.folder(home) / f"{one['version']:06d}")
            if really and one["is_current"]:
                (model.folder(home) / "CURRENT").unlink()
    return _folders(old, really)


# ---------------------------------------------------------------- the warehouse


_REJECTED = "found is not null and batch_id in (select batch_id from old.core.batch where loaded_at < $before)"
_OLD = "registered_at < $before"


def _rejected_values(home: Home, before: date, really: bool) -> tuple[int, int]:
    """What was found in a row that was not taken in; rule, column and row stay, so that the counts still add up."""
    rejected = f"select * replace (case when {_REJECTED} then null else found end as found) from old.core.rejected_row"
    return _rewrite(home, f"old.core.rejected_row where {_REJECTED}", {"rejected_row": rejected}, before, really)


def _item_texts(home: Home, before: date, really: bool) -> tuple[int, int]:
    """Title and text of items registered before that day, of every state reported.

    What was answered on the text in force stays, so that no item changes its issue; answers on other texts of it go.
    """
    blank = f"* replace (case when {_OLD} then null else title end as title, case when {_OLD} then null else text end as text)"
    mark = "core.text_mark(e.title, e.text)"
    anew = {
        "event": f"select {blank} from old.core.event",
        "event_history": f"select {blank} from old.core.event_history",
        "suggested_issue": f"""
            select s.* replace (case when e.{_OLD} then old.core.text_mark(null, null) else s.text_mark end as text_mark)
            from old.core.suggested_issue as s left join old.core.event as e on e.event_id = s.event_id
            where e.event_id is null or not e.{_OLD} or s.text_mark = old.{mark}""",
    }
    found = f"old.core.event where {_OLD} and (title is not null or text is not null)"
    n, size = _rewrite(home, found, anew, before, really)
    if really and n:
        publish.forget_replays(home, from_day=date.min)
        shutil.rmtree(home.path / "cache", ignore_errors=True)  # worked out from texts; worked out again when needed
    return n, size


def _rewrite(home: Home, found: str, anew: dict[str, str], before: date, really: bool) -> tuple[int, int]:
    """The warehouse in a new file with some tables selected otherwise, renamed into place while nobody can write to the old.

    Not an update in place: a database keeps the bytes of what was deleted in its free blocks.
    """
    if not home.warehouse.exists():
        return 0, 0
    warehouse.connect(home, read_only=True).close()  # brought up to date; says whether it is busy
    fresh = home.warehouse.with_name("warehouse.new")
    old, new = (str(path).replace("'", "''") for path in (home.warehouse, fresh))
    with warehouse.storage_errors("没有清除"), duckdb.connect() as connection:

        def run(statement: str) -> list[tuple]:
            return connection.execute(statement, {"before": before} if "$before" in statement else None).fetchall()

        run(f"attach '{old}' as old (read_only)")
        n = run(f"select count(*) from {found}")[0][0]
        if really and n:
            fresh.unlink(missing_ok=True)
            run(f"attach '{new}' as new")
            run("copy from database old to new (schema)")
            for (table,) in run("select table_name from duckdb_tables() where database_name = 'old' order by 1"):
                run(f"insert into new.core.{table} by name {anew.get(table, f'from old.core.{table}')}")
            run("checkpoint new")
            run("detach new")
            fresh.chmod(home.warehouse.stat().st_mode)
            fresh.replace(home.warehouse)
    return n, 0


DO: dict[str, Do] = {
    "marts_versions": _marts_versions,
    "replays": _replays,
    "reference_history": _reference_history,
    "inbox": _inbox,
    "logs": _logs,
    "jobs": _jobs,
    "rejected_values": _rejected_values,
    TEXTS: _item_texts,
    "models": _models,
}


# ---------------------------------------------------------------- the state store


def _state(home: Home, before: date, really: bool, key: str) -> tuple[int, int]:
    """The dashboard's half lets its own old rows go."""
    words = [key, str(before), *(["--yes"] if really else [])]
    answer = dashboard.ask(home, "app.casework.retention", *words, failed="办理状态库没有清理成")
    if "error" in answer:
        raise YanpanError(answer["error"])
    return answer["n"], 0


def lines(found: list[Gone], *, really: bool) -> Iterator[str]:
    """The result, one Chinese line a rule."""
    for one in found:
        size = f"，{one.n_bytes / 1e6:,.1f} MB" if one.n_bytes else ""
        verb = "清除" if really else "可清除"
        yield f"{RULES[one.rule].said}：{one.before} 以前的，{verb} {one.n:,} {'件' if one.rule == TEXTS else '项'}{size}"
