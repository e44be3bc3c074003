"""Is this installation fit for the next Monday? `yanpan doctor`: one line a part, 正常, 注意 or 故障, with the next step.

Looks only: nothing is repaired, nothing of what people wrote is read. What the dashboard's half can say of itself (state
store, settings, fonts) it says in a process of its own, `app.condition`.
"""

import json
import os
import platform
import re
import shutil
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

import duckdb
from packaging.requirements import Requirement

from pipelines import config, logs, publish, runs
from pipelines.config import ROOT, SQL, Home
from pipelines.dispatch import model
from pipelines.errors import YanpanError
from pipelines.operations import retention

OLDEST, NEWEST = (3, 11), (3, 14)
STALE_DAYS, BACKUP_DAYS, MODEL_DAYS = 10, 2, 60
LEAST_FREE = 1 << 30
LEAST_MEMORY = 4 << 30
CHINA = timedelta(hours=8)
WORDS = {"ok": "正常", "note": "注意", "fault": "故障"}
PRIVATE = ("secret.key", "state.sqlite", "api_tokens.json", "push.toml", "secrets.toml")


class Finding(NamedTuple):
    part: str
    level: str
    """ok | note | fault"""
    said: str
    next: str = ""

    def line(self) -> str:
        return f"{WORDS[self.level]}  {self.part}：{self.said}" + (f" 下一步：{self.next}" if self.next else "")


def examine(home: Home, *, port: int, now: datetime) -> list[Finding]:
    """Every part's findings, in the order of a first-line check: program, machine, data, service, habits."""
    found = [
        _python(), _packages(), _memory(), _clock(home, now), *_folder(home), _disk(home), *_warehouse(home),
        *_versions(home, now), *_leftovers(home), _model(home, now), *_dashboard_half(home), _port(port),
        *_commands(home, now), _budget(),
    ]  # fmt: skip
    return [one for one in found if one]


# ---------------------------------------------------------------- program and machine


def _python() -> Finding:
    said = f"Python {platform.python_version()}，{platform.machine()}，{platform.system()}。"
    if not OLDEST <= sys.version_info[:2] < (NEWEST[0], NEWEST[1] + 1) or sys.maxsize < 2**32:
        return Finding(
            "Python", "fault", said, f"换用 64 位 Python {OLDEST[0]}.{OLDEST[1]} 到 {NEWEST[0]}.{NEWEST[1]}。"
        )
    return Finding("Python", "ok", said)


def _packages() -> Finding:
    """Against requirements.lock, which is beside the program; every line names a package and its version."""
    lock = ROOT / "requirements.lock"
    if not lock.exists():
        return Finding("软件包", "note", "没有找到 requirements.lock，无法核对版本。", "从安装包恢复这个文件。")
    wanted = [
        Requirement(line.rstrip(" \\"))
        for line in lock.read_text(encoding="utf-8").splitlines()
        if re.match(r"[A-Za-z0-9]", line)
    ]
    absent, other = [], []
    needed = [one for one in wanted if one.marker is None or one.marker.evaluate()]
    for one in needed:
        try:
            version = metadata.version(one.name)
        except metadata.PackageNotFoundError:
            absent.append(one.name)
        else:
            if not one.specifier.contains(version, prereleases=True):
                other.append(f"{one.name} {version}（应为 {str(one.specifier).removeprefix('==')}）")
    step = "用安装包重新安装：pip install --require-hashes -r requirements.lock。"
    if absent:
        return Finding("软件包", "fault", f"缺少 {'、'.join(absent[:8])}。", step)
    if other:
        return Finding("软件包", "note", f"{len(other)} 个与锁定的版本不同：{'、'.join(other[:5])}。", step)
    return Finding("软件包", "ok", f"{len(needed)} 个软件包都是锁定的版本。")


def _memory() -> Finding | None:
    if not hasattr(os, "sysconf") or "SC_PHYS_PAGES" not in os.sysconf_names:
        return None
    size = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    said = f"内存 {_size(size)}，{os.cpu_count()} 个处理器核。"
    if size < LEAST_MEMORY:
        return Finding("机器", "note", said, f"构建需要 {_size(LEAST_MEMORY)} 以上内存，数据多时更多。")
    return Finding("机器", "ok", said)


def _clock(home: Home, now: datetime) -> Finding:
    zone = now.astimezone().utcoffset() or timedelta(0)
    newest = _newest_change(home)
    said = f"现在是 {now:%Y-%m-%d %H:%M}（UTC{zone / timedelta(hours=1):+g}）。"
    if newest and newest > now + timedelta(hours=1):
        return Finding(
            "时钟", "fault", f"{said}数据目录里有 {newest:%Y-%m-%d %H:%M} 写的文件，时钟可能慢了。", "校准系统时间。"
        )
    if zone != CHINA:
        return Finding(
            "时钟",
            "note",
            f"{said}不是北京时间；期限、静默时段、“今天”都按本机时间。",
            "timedatectl set-timezone Asia/Shanghai",
        )
    return Finding("时钟", "ok", said)


def _newest_change(home: Home) -> datetime | None:
    files = [home.warehouse, home.current, *home.marts.glob("*.duckdb")]
    times = [path.stat().st_mtime for path in files if path.exists()]
    return datetime.fromtimestamp(max(times)) if times else None


# ---------------------------------------------------------------- HOME


def _folder(home: Home) -> Iterator[Finding]:
    wrong = [
        path for path in (home.path, home.marts) if path.exists() and not os.access(path, os.R_OK | os.W_OK | os.X_OK)
    ]
    if wrong:
        yield Finding(
            "数据目录", "fault", f"{wrong[0]} 不能读写。", "检查目录的属主和权限；服务和命令要用同一个账号运行。"
        )
        return
    owners = {path.stat().st_uid for path in (home.path, home.warehouse, home.marts, home.secret_key) if path.exists()}
    if os.name != "nt" and len(owners) > 1:
        yield Finding("数据目录", "note", "里面的文件属于不同的账号。", "用 chown -R 交还给运行服务的账号。")
    open_files = [name for name in PRIVATE if (home.path / name).exists() and (home.path / name).stat().st_mode & 0o077]
    if os.name != "nt" and open_files:
        yield Finding(
            "数据目录", "note", f"{'、'.join(open_files)} 别的账号也能读。", f"chmod 600 {' '.join(open_files)}"
        )
    if home.warehouse.exists() and not home.secret_key.exists():
        yield Finding(
            "数据目录",
            "fault",
            "有数据仓库而没有 secret.key；再导入会把旧件当成新件。",
            "先从备份恢复 secret.key，不要导入。",
        )
    yield Finding("数据目录", "ok", f"{home.path}，可读写。")


def _disk(home: Home) -> Finding:
    """A build writes a whole new version beside the old ones, and may spill about as much."""
    free = shutil.disk_usage(home.path).free
    version = publish.current(home)
    now = publish.version_file(home, version).stat().st_size if version and _is_there(home, version) else 0
    need = max(LEAST_FREE, 2 * now)
    said = f"剩余 {_size(free)}，下次构建约需 {_size(need)}。"
    step = "清理磁盘，或用 yanpan purge 看看哪些旧数据可以清除。"
    if free < need:
        return Finding("磁盘", "fault", said, step)
    return Finding("磁盘", "note" if free < 3 * need else "ok", said, step if free < 3 * need else "")


def _warehouse(home: Home) -> Iterator[Finding]:
    if not home.warehouse.exists():
        yield Finding("数据仓库", "note", "还没有导入过数据。", "yanpan ingest 文件或文件夹")
        return
    try:
        with duckdb.connect(str(home.warehouse), read_only=True) as connection:
            missing, strange = _compared(connection)
            events, batches = (
                connection.execute(f"select count(*) from core.{table}").fetchall()[0][0]
                for table in ("event", "batch")
            )
    except duckdb.Error as error:
        if "lock" in str(error).lower():
            yield Finding("数据仓库", "ok", "正在导入或计算，此刻看不了里面。", "等它结束后再看一次。")
        else:
            yield Finding(
                "数据仓库",
                "fault",
                "打不开，文件可能损坏或不是本系统的。",
                "检查磁盘，或用 yanpan restore 从备份恢复。",
            )
        return
    said = f"{events:,} 件，{batches:,} 个批次，{_size(home.warehouse.stat().st_size)}"
    if strange:
        yield Finding(
            "数据仓库", "fault", f"{said}；由更新的程序写过（多出 {strange[0]}）。", "升级本程序，不要用旧程序导入。"
        )
    elif missing:
        yield Finding(
            "数据仓库",
            "note",
            f"{said}；由旧程序建立（缺 {missing[0]} 等 {len(missing)} 处）。",
            "先备份，再 yanpan build，会自动升级。",
        )
    else:
        yield Finding("数据仓库", "ok", f"{said}，结构是最新的。")


def _compared(connection: duckdb.DuckDBPyConnection) -> tuple[list[str], list[str]]:
    """Columns that this program has and the file lacks, and the other way round."""
    question = "select table_name || '.' || column_name from duckdb_columns() where schema_name = 'core' order by all"
    with duckdb.connect() as fresh:
        fresh.execute((SQL / "schema" / "core.sql").read_text(encoding="utf-8")).fetchall()
        ours = [name for (name,) in fresh.execute(question).fetchall()]
    theirs = [name for (name,) in connection.execute(question).fetchall()]
    return [name for name in ours if name not in theirs], [name for name in theirs if name not in ours]


def _is_there(home: Home, version: int) -> bool:
    return publish.version_file(home, version).is_file()


def _versions(home: Home, now: datetime) -> Iterator[Finding]:
    kept = publish.existing(home)
    if not home.current.exists():
        step = "yanpan build" if not kept else f"yanpan rollback {kept[-1]}"
        yield Finding("统计版本", "note" if not kept else "fault", "还没有发布，看板没有数据。", step)
        return
    others = f"yanpan rollback {kept[-1]}" if kept else "yanpan build"
    try:
        version = publish.current(home)
    except ValueError:
        yield Finding("统计版本", "fault", "指针文件 marts/CURRENT 的内容不对。", others)
        return
    assert version is not None
    if not _is_there(home, version):
        yield Finding("统计版本", "fault", f"CURRENT 指向版本 {version}，文件却不在。", others)
        return
    try:
        with duckdb.connect(str(publish.version_file(home, version)), read_only=True) as connection:
            about = dict(connection.execute("select key, value from meta").fetchall())
    except duckdb.Error:
        earlier = [one for one in kept if one != version]
        step = f"yanpan rollback {earlier[-1]}" if earlier else "yanpan build"
        yield Finding("统计版本", "fault", f"版本 {version} 打不开。", step)
        return
    size = sum(path.stat().st_size for path in home.marts.glob("*.duckdb"))
    said = f"版本 {version}，{int(about['n_events']):,} 件，截至 {about['data_through']}；共 {len(kept)} 个版本，{_size(size)}。"
    if about.get("schema") != publish.SCHEMA:
        yield Finding("统计版本", "fault", f"{said}由别的程序版本发布，看板读不了。", "yanpan build")
    else:
        yield Finding("统计版本", "ok", said)
    try:
        purged_at = retention.texts_purged_at(home)
    except YanpanError as error:
        yield Finding("清除记录", "fault", str(error))
    else:
        if purged_at > about["built_at"]:
            yield Finding(
                "清除记录", "note", "正在使用的版本里还有已经清除的正文。", "yanpan build，再 yanpan purge --yes。"
            )
    days = (now.date() - date.fromisoformat(about["data_through"])).days
    if days > STALE_DAYS:
        yield Finding("数据", "note", f"最近一次登记是 {days} 天前。", "看看来源的导出是否停了；有新文件就导入、构建。")


def _leftovers(home: Home) -> Iterator[Finding]:
    building = home.marts / "building.duckdb"
    if building.exists():
        try:
            duckdb.connect(str(building), read_only=True).close()
            held = False
        except duckdb.Error as error:
            held = "lock" in str(error).lower()
        if held:
            yield Finding("构建", "ok", "正在构建新版本。")
        else:
            yield Finding(
                "构建",
                "note",
                f"上次构建中断，留下 {_size(building.stat().st_size)}。",
                "yanpan build，会自动清理并重做。",
            )
    spill = home.marts / "spill"
    if spill.is_dir() and any(spill.iterdir()) and not building.exists():
        yield Finding("构建", "note", "留有临时文件 marts/spill。", "没有程序在运行时可以删去这个文件夹。")
    pending = [
        path.name for path in (*home.path.glob("*.restoring"), *home.path.parent.glob(f".{home.path.name}.*.restoring"))
    ]
    if pending:
        yield Finding("恢复", "note", f"上次恢复中断，留下 {pending[0]}。", "没有恢复在进行时可以删去它，再恢复一次。")
    dead = [
        path
        for path in (home.path / "jobs").glob("*/state.json")
        if _says_running(path) and not _is_held(path.parent / "lock")
    ]
    if dead:
        yield Finding(
            "任务", "note", f"{len(dead)} 个页面启动的任务中断了。", "打开看板「数据接入」，它会自动收尾；需要时重做。"
        )
    if _is_held(home.path / "inbox" / ".lock"):
        yield Finding("收件箱", "ok", "yanpan watch 正在看守。")


def _says_running(path: Path) -> bool:
    try:
        return json.loads(path.read_text(encoding="utf-8")).get("status") == "running"
    except (OSError, ValueError):
        return False


def _is_held(path: Path) -> bool:
    try:
        return runs.is_locked(path)
    except OSError:  # another user's: nobody holds it as far as this one can tell
        return False


def _model(home: Home, now: datetime) -> Finding:
    try:
        at = model.trained_at(home)
    except (OSError, ValueError, KeyError):
        return Finding("分派模型", "fault", "读不出来。", "yanpan dispatch train")
    if at is None:
        return Finding("分派模型", "ok", "还没有学过，按词库建议。")
    days = (now - at).days
    if days > MODEL_DAYS:
        return Finding(
            "分派模型", "note", f"{days} 天前学成。", "yanpan dispatch train --if-older-than 30，可放进定时任务。"
        )
    return Finding("分派模型", "ok", f"{at:%Y-%m-%d} 学成。")


# ---------------------------------------------------------------- service and habits


def _dashboard_half(home: Home) -> Iterator[Finding]:
    done = subprocess.run(
        [sys.executable, "-m", "app.condition"], cwd=ROOT, check=False, capture_output=True, encoding="utf-8",
        env={**os.environ, **logs.PLAIN, "YANPAN_HOME": str(home.path), "PYTHONUTF8": "1"},
    )  # fmt: skip
    try:
        yield from (Finding(**one) for one in json.loads(done.stdout))
    except ValueError:
        yield Finding(
            "看板",
            "fault",
            f"看板程序不能运行（代码 {done.returncode}）。",
            "用安装包重新安装；详情见 yanpan serve 的日志。",
        )


def _port(port: int) -> Finding:
    with socket.socket() as one:
        one.settimeout(2)
        if one.connect_ex(("127.0.0.1", port)):
            return Finding("端口", "ok", f"{port} 空着，看板没有运行。")
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=10) as answer:
            is_ready = json.load(answer).get("status") == "ready"
    except urllib.error.HTTPError as error:
        is_ours = error.code == 503
        said = "看板在运行，但还不能用" if is_ours else "被别的程序占用"
        return Finding(
            "端口",
            "fault" if is_ours else "note",
            f"{port} {said}。",
            "看上面各行的原因。" if is_ours else "换一个端口。",
        )
    except (OSError, ValueError):
        return Finding("端口", "note", f"{port} 被别的程序占用。", "yanpan serve --port 换一个端口。")
    return Finding("端口", "ok" if is_ready else "note", f"{port} 上看板在运行，可以使用。")


def _commands(home: Home, now: datetime) -> Iterator[Finding]:
    ran = runs.last(home.path)
    for name, one in ran.items():
        if one["exit_code"]:
            yield Finding(
                "命令",
                "note",
                f"最近一次 yanpan {name}（{one['at']}）没有成功。",
                f"再运行一次，看它说什么：yanpan {name}",
            )
    succeeded = ran.get("backup", {}).get("succeeded_at")
    if succeeded is None:
        yield Finding("备份", "note", "没有备份过。", "yanpan backup --to 文件夹，放进定时任务。")
    elif (now - datetime.fromisoformat(succeeded)).days >= BACKUP_DAYS:
        yield Finding("备份", "note", f"最近一次备份是 {succeeded[:16]}。", "检查备份的定时任务。")
    else:
        yield Finding("备份", "ok", f"最近一次备份是 {succeeded[:16]}。")


def _budget() -> Finding | None:
    try:
        config.warning_budget()
    except YanpanError as error:
        return Finding("设置", "fault", str(error))
    return None


def _size(n: float) -> str:
    units = ["字节", "KB", "MB", "GB", "TB"]
    while n >= 1024 and len(units) > 1:
        n /= 1024
        units.pop(0)
    return f"{n:.0f} {units[0]}" if n >= 100 or units[0] == "字节" else f"{n:.1f} {units[0]}"
