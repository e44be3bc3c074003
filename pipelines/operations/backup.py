"""All that cannot be made again, in one file; and back. `yanpan backup --to …`, `yanpan restore FILE`.

A backup is a plain tar: the state store (at one moment), the warehouse (while no import writes to it), the version of the
marts that serves (and earlier ones if asked), reference data, layouts, models, the archive of reports, settings and keys, and
last a manifest.json with size and SHA-256 of each. The dashboard and a build may go on meanwhile. Not in it: files on their
way in (inbox, uploads; they hold personal data), logs, caches, replays of past days, the demo's files.

A restore looks at every hash before anything is changed, fills a folder beside HOME and renames it into place: HOME is the
old one or the restored one, never something between.
"""

import hashlib
import io
import json
import os
import shutil
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from importlib import metadata
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

import duckdb

from pipelines import backtests, dashboard, publish, warehouse
from pipelines.config import Home
from pipelines.errors import SourceError, UsageError, YanpanError

FORMAT = 1
MANIFEST = "manifest.json"
STATE = "state"  # + .sqlite or .dump
NAME = "yanpan-backup-{:%Y%m%dT%H%M%S}.tar"
FOLDERS = ("reference", "reference_history", "layouts", "models", "reports", "templates")
FILES = ("*.toml", "*.json", "*.jsonl", "*.key")
LEFT_OUT = ("inbox", "uploads", "jobs", "logs", "cache", "runs", "demo", "exports")
ATTEMPTS = 3  # where a folder is replaced while it is read
BLOCK = 1 << 20
RESTORING = ".restoring"

Say = Callable[[str], None]


def backup(
    home: Home, to: Path, *, now: datetime, versions: int = 1, keep: int | None = None, wait: float = 600, say: Say
) -> dict:
    """Write a backup to the file `to`, or under a name of its own into the folder `to`.

    `versions`: how many of the newest marts files, the one that serves always among them. `keep`: in a folder, how many backups
    stay. `wait`: seconds for an import to end. Returns file, bytes, n_files, not_included. Raises YanpanError.
    """
    if keep is not None and not to.is_dir():
        raise UsageError(f"--keep 只在 --to 是已有的文件夹时有用，{to} 不是。")
    target = to / NAME.format(now) if to.is_dir() else to
    if target.exists():
        raise UsageError(f"{target} 已经存在，不覆盖。请换一个名字，或给出文件夹。")
    if not target.parent.is_dir():
        raise UsageError(f"文件夹 {target.parent} 不存在。请先建好。")
    pending = target.with_name(f".{target.name}.part")
    try:
        with warehouse.storage_errors("备份没有写成"):
            for attempt in range(1, ATTEMPTS + 1):
                try:
                    manifest = _write(home, pending, now=now, versions=versions, wait=wait, say=say)
                    break
                except FileNotFoundError:  # reference data or a model was replaced just now
                    if attempt == ATTEMPTS:
                        raise YanpanError("数据目录里的文件一直在变，备份没有写成。请稍后再试。") from None
            pending.replace(target)
            _sync(target.parent)
    finally:
        pending.unlink(missing_ok=True)
    for old in sorted(to.glob("yanpan-backup-*.tar"))[: -keep or None] if keep else []:
        old.unlink()
    known = {part for one in manifest["files"] for part in PurePosixPath(one["path"]).parts[:1]}
    left = sorted(
        path.name for path in home.path.iterdir()
        if path.name not in (*known, *LEFT_OUT) and not path.name.startswith(("state.sqlite", "warehouse.duckdb", "."))
    )  # fmt: skip
    return {
        "file": str(target), "bytes": target.stat().st_size, "n_files": len(manifest["files"]), "not_included": left,
        "state": manifest["state"], "version": manifest["version"],
    }  # fmt: skip


def _write(home: Home, pending: Path, *, now: datetime, versions: int, wait: float, say: Say) -> dict[str, Any]:
    files: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix=".state-", dir=pending.parent) as scratch, pending.open("wb") as raw:
        pending.chmod(0o600)  # it holds HOME/secret.key and what people wrote
        say("正在备份办理记录…")
        saved = Path(scratch) / STATE
        state = _ask_state(home, "save", str(saved))
        with tarfile.open(fileobj=raw, mode="w", format=tarfile.PAX_FORMAT) as archive:
            if state["kind"]:
                files.append(_add(archive, saved, "state.sqlite" if state["kind"] == "sqlite" else "state.dump"))
            if home.warehouse.exists():
                say("正在备份数据仓库…")
                with _still(home, wait):
                    beside = Path(f"{home.warehouse}.wal")
                    files += [_add(archive, path, path.name) for path in (home.warehouse, beside) if path.exists()]
            say("正在备份统计版本、参考数据和材料…")
            serving = publish.current(home)
            for version in dict.fromkeys([*publish.existing(home)[-versions:], *([serving] if serving else [])]):
                path = publish.version_file(home, version)
                files.append(_add(archive, path, f"marts/{path.name}"))
            for path in _others(home):
                files.append(_add(archive, path, path.relative_to(home.path).as_posix()))
            manifest = {
                "format": FORMAT, "program": metadata.version("yanpan"), "made_at": now.isoformat(timespec="seconds"),
                "marts_schema": publish.SCHEMA, "version": serving, "state": state, "files": files,
            }  # fmt: skip
            content = json.dumps(manifest, ensure_ascii=False, indent=1).encode()
            about = tarfile.TarInfo(MANIFEST)
            about.size, about.mtime = len(content), int(now.timestamp())
            archive.addfile(about, io.BytesIO(content))
        raw.flush()
        os.fsync(raw.fileno())
    return manifest


def _others(home: Home) -> Iterator[Path]:
    """Reference data, models, reports, settings. Nothing that is being written: names that end in .new, .old or begin with a dot."""
    for name in FOLDERS:
        for path in sorted((home.path / name).rglob("*")):
            is_pending = any(part.startswith(".") or part.endswith((".new", ".part")) for part in path.parts[-2:])
            if path.is_file() and not path.is_symlink() and not is_pending:
                yield path
    for pattern in FILES:
        yield from sorted(path for path in home.path.glob(pattern) if path.is_file())
    if (backtest := home.marts / backtests.FILE).is_file():
        yield backtest


@contextmanager
def _still(home: Home, wait: float) -> Iterator[None]:
    """While this lasts nobody writes to the warehouse: a reader holds DuckDB's lock. Waits for an import to end."""
    until = time.monotonic() + wait
    while True:
        try:
            held = duckdb.connect(str(home.warehouse), read_only=True)
            break
        except duckdb.IOException as error:
            if "lock" not in str(error).lower():
                raise YanpanError(
                    "数据仓库打不开，文件可能损坏，备份没有写成。请检查磁盘；上一份备份请留好。"
                ) from error
            if time.monotonic() > until:
                raise warehouse.WarehouseBusy(
                    f"等了 {wait:g} 秒，导入还没有结束，备份没有写成。请等它结束后再运行。"
                ) from error
            time.sleep(0.5)
    try:
        yield
    finally:
        held.close()


class _Hashed(io.RawIOBase):
    """A file that is hashed as it is read."""

    def __init__(self, file: BinaryIO):
        self.file, self.sum = file, hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        block = self.file.read(size)
        self.sum.update(block)
        return block


def _add(archive: tarfile.TarFile, path: Path, name: str) -> dict[str, Any]:
    with path.open("rb") as file:
        about = archive.gettarinfo(arcname=name, fileobj=file)
        about.uid = about.gid = 0
        about.uname = about.gname = ""
        hashed = _Hashed(file)
        archive.addfile(about, hashed)
    return {"path": name, "bytes": about.size, "sha256": hashed.sum.hexdigest()}


# ---------------------------------------------------------------- back


def restore(home_path: Path, file: Path, *, now: datetime, replace: bool = False, say: Say) -> dict:
    """Put a backup into place as HOME. A home that is not empty stays as it is, or with `replace` moves aside.

    Returns made_at, n_files, moved_to (None where nothing was there). Raises YanpanError with nothing changed.
    """
    occupied = home_path.exists() and any(home_path.iterdir())
    if occupied and not replace:
        raise UsageError(f"{home_path} 不是空的，没有恢复。请用 --home 给出一个新目录；确实要替换时加 --replace。")
    if home_path.exists() and os.path.ismount(home_path):
        raise UsageError(
            f"{home_path} 是挂载点，不能整个替换。请把数据目录设为它下面的一个文件夹，如 {home_path}/yanpan。"
        )
    manifest = read_manifest(file)
    state, in_force = manifest["state"], _ask_state(Home(home_path), "about", "-")
    if state["kind"] and in_force["kind"] != state["kind"]:
        raise UsageError(
            f"备份里的办理状态库是 {state['kind']}，现在 YANPAN_STATE 指向 {in_force['kind']}。请让两者一致后再恢复。"
        )
    home_path.parent.mkdir(parents=True, exist_ok=True)
    fresh = home_path.with_name(f".{home_path.name}.{os.getpid()}{RESTORING}")
    moved: Path | None = None
    try:
        with warehouse.storage_errors("没有恢复"):
            say("正在解开并核对…")
            fresh.mkdir(mode=0o700)
            _unpack(file, manifest, fresh)
            _point(fresh, manifest)
            _open_all(Home(fresh), file)
            saved = fresh / ("state.sqlite" if state["kind"] == "sqlite" else "state.dump")
            place = Path(in_force["file"]) if in_force["file"] else None
            if state["kind"] and place and place.is_relative_to(home_path.resolve()):
                saved.replace(fresh / place.relative_to(home_path.resolve()))
            elif state["kind"]:  # kept elsewhere
                say("正在恢复办理记录…")
                _ask_state(Home(home_path), "load", str(saved), *(["--replace"] if replace else []))
                saved.unlink()
            if occupied:
                if (home_path / "warehouse.duckdb").exists():
                    _nobody_writes(Home(home_path))
                moved = home_path.with_name(f"{home_path.name}.replaced-{now:%Y%m%dT%H%M%S}")
                home_path.replace(moved)
            elif home_path.exists():
                home_path.rmdir()
            fresh.replace(home_path)
            _sync(home_path.parent)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return {
        "home": str(home_path), "made_at": manifest["made_at"], "version": manifest["version"],
        "n_files": len(manifest["files"]), "moved_to": str(moved) if moved else None,
    }  # fmt: skip


def read_manifest(file: Path) -> dict[str, Any]:
    """What a backup says it holds. Raises SourceError where it is none, is cut off, or of a newer program."""
    wrong = SourceError(
        file.name,
        found="不完整的文件，或不是本系统的备份",
        expected="yanpan backup 写成的 .tar",
        next_step="请换一份备份。",
    )
    try:
        with tarfile.open(file, "r:") as archive:
            member = archive.getmember(MANIFEST)
            content = archive.extractfile(member)
            manifest = json.loads(content.read()) if content else {}
    except FileNotFoundError:
        raise UsageError(f"没有文件 {file}。") from None
    except (tarfile.TarError, KeyError, ValueError, OSError) as error:
        raise wrong from error
    if manifest.get("format") != FORMAT:
        raise SourceError(
            file.name,
            found=f"格式 {manifest.get('format')}",
            expected=f"格式 {FORMAT}",
            next_step="请用写成它的那一版程序恢复。",
        )
    return manifest


def _unpack(file: Path, manifest: dict[str, Any], folder: Path) -> None:
    """Exactly the files of the manifest, each with its hash. SourceError for anything else."""
    expected = {one["path"]: one for one in manifest["files"]}

    def refuse(name: str, found: str) -> SourceError:
        return SourceError(
            file.name, where=name, found=found, expected="与清单一致", next_step="请换一份备份，什么也没有改变。"
        )

    with tarfile.open(file, "r:") as archive:
        for member in archive:
            if member.name == MANIFEST:
                continue
            one = expected.pop(member.name, None)
            path = PurePosixPath(member.name)
            content = archive.extractfile(member) if member.isfile() else None
            if one is None or content is None or path.is_absolute() or ".." in path.parts:
                raise refuse(member.name[:80], "清单以外的内容")
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            total = hashlib.sha256()
            with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
                while block := content.read(BLOCK):
                    total.update(block)
                    out.write(block)
                out.flush()
                os.fsync(out.fileno())
            if total.hexdigest() != one["sha256"]:
                raise refuse(member.name[:80], "校验值不符，文件已损坏")
    if expected:
        raise refuse(next(iter(expected)), "缺少这个文件")


def _point(fresh: Path, manifest: dict[str, Any]) -> None:
    if manifest["version"]:
        home = Home(fresh)
        home.current.write_text(publish.version_file(home, manifest["version"]).name + "\n")


def _open_all(home: Home, file: Path) -> None:
    """The databases open; the marts are of a schema this program knows or older (then a build is due)."""
    for path in (home.warehouse, *sorted(home.marts.glob("*.duckdb"))):
        if path.exists():
            try:
                duckdb.connect(str(path), read_only=True).close()
            except duckdb.Error as error:
                raise SourceError(
                    file.name, where=path.name, found="打不开的数据库", expected="本版程序读得了的文件",
                    next_step="请用写成它的那一版程序，或换一份备份。",
                ) from error  # fmt: skip


def _nobody_writes(home: Home) -> None:
    try:
        duckdb.connect(str(home.warehouse), read_only=True).close()
    except duckdb.Error as error:
        if "lock" in str(error).lower():
            raise warehouse.WarehouseBusy("现在的数据目录正在导入或计算，没有恢复。请等它结束后再运行。") from error


def _ask_state(home: Home, *words: str) -> dict[str, Any]:
    """The dashboard's half copies its own store."""
    answer = dashboard.ask(home, "app.casework.copies", *words, failed="办理状态库没有复制成")
    if "error" in answer:
        raise YanpanError(answer["error"])
    return answer


def _sync(folder: Path) -> None:
    if os.name != "nt":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
