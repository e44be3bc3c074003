"""What a program says while it runs: sentences for a person, or one JSON object a line for a log store (YANPAN_LOG=json).

No log holds what was read. The message of an error may quote a row (`could not parse '…'`), so of an error only its kind and
where it happened are written, and the words of the operating system or of a database that cannot be reached. This is done
where a log record is made, for every logger, those of libraries too; long numbers are masked on top of it.

A JSON line: at (with time zone), level, logger, message, version (of the program), process; of an error also kind and where.
Standard error is all that is written to: keeping and turning over files is the service manager's work.
"""

import json
import logging
import os
import re
import sys
import threading
import traceback
import warnings
from collections.abc import Callable
from datetime import datetime
from functools import cache
from importlib import metadata
from typing import Any, TextIO

from pipelines.errors import UsageError, YanpanError

SETTING = "YANPAN_LOG"
KINDS = ("text", "json")
PLAIN = {SETTING: "text"}
"""Environment of a process whose sentences this program reads itself."""
_LONG_NUMBER = re.compile(r"(?<![0-9A-Fa-f])\d{11,18}[Xx]?(?![0-9A-Fa-f])")


def kind() -> str:
    """text or json, as YANPAN_LOG says. UsageError for anything else."""
    said = os.environ.get(SETTING, "").strip().lower() or "text"
    if said not in KINDS:
        raise UsageError(f"环境变量 {SETTING} 是“{said}”，应为 text 或 json。请改正或删去后重新运行。")
    return said


def set_up() -> None:
    """Once a process, before anything is logged."""
    said = kind()
    logging.setLogRecordFactory(_Record)
    if not logging.root.handlers:
        logging.root.addHandler(handler(said))
    sys.excepthook = _uncaught
    threading.excepthook = lambda one: _uncaught(one.exc_type, one.exc_value, one.exc_traceback)
    warnings.showwarning = _warned


def handler(said: str | None = None) -> logging.Handler:
    """To standard error in the form asked for."""
    made = logging.StreamHandler()
    made.setFormatter(
        _Json() if (said or kind()) == "json" else logging.Formatter("%(levelname)s %(name)s: %(message)s")
    )
    return made


def sayer(name: str) -> Callable[[str], None]:
    """A function that says one sentence: as it is to a person, as a line of the logger yanpan.<name> to a log store."""
    if kind() == "text":
        return lambda text: print(text, file=sys.stderr, flush=True)
    log = logging.getLogger(f"yanpan.{name}")
    log.setLevel(logging.INFO)
    return log.info


def about(error: BaseException) -> str:
    """What may be told of an error: its kind, and its words where they cannot quote what was read."""
    name = type(error).__name__
    if isinstance(error, YanpanError):
        return str(error)
    if isinstance(error, OSError) and error.strerror:
        return f"{name}: {error.strerror}"
    original = getattr(error, "orig", None)  # SQLAlchemy: its own words quote the statement with its values
    if original is not None and name == "OperationalError":
        return f"{name}: {str(original).splitlines()[0] if str(original) else ''}"
    return name


def where(error: BaseException) -> list[str]:
    """file:line function, outermost first; what led to it before it."""
    before = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    frames = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(error.__traceback__)]
    return [*([*where(before), f"→ {type(before).__name__}"] if before else []), *frames]


class _Record(logging.LogRecord):
    """A record that cannot quote: errors among its arguments or attached to it are told by `about` and `where`."""

    def __init__(
        self, name: str, level: int, pathname: str, lineno: int, msg: object, args: Any, exc_info: Any, *more: Any,
        **named: Any,
    ):  # fmt: skip
        if isinstance(args, tuple):
            args = tuple(about(one) if isinstance(one, BaseException) else one for one in args)
        super().__init__(name, level, pathname, lineno, about(msg) if isinstance(msg, BaseException) else msg, args, None,
                         *more, **named)  # fmt: skip
        error = exc_info[1] if isinstance(exc_info, tuple) else None
        self.error_kind = type(error).__name__ if error else None
        self.error_where = where(error) if error else []
        if error:
            self.exc_text = "\n".join([*(f"  {one}" for one in self.error_where), about(error)])

    def getMessage(self) -> str:
        return _LONG_NUMBER.sub("〔数字〕", super().getMessage())


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created).astimezone().isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(), "logger": record.name, "message": record.getMessage(),
            "version": _version(), "process": record.process,
        }  # fmt: skip
        if kind := getattr(record, "error_kind", None):
            line |= {"error": kind, "where": getattr(record, "error_where", [])}
        return json.dumps(line, ensure_ascii=False)


@cache
def _version() -> str:
    try:
        return metadata.version("yanpan")
    except metadata.PackageNotFoundError:
        return ""


def _uncaught(error_type: type[BaseException], error: BaseException | None, frames: Any) -> None:
    """Our bug. At a terminal with all its words; elsewhere what is said ends up in a log."""
    if error is None or issubclass(error_type, KeyboardInterrupt) or sys.stderr.isatty():
        sys.__excepthook__(error_type, error, frames)  # type: ignore[arg-type]
    elif kind() == "json":
        logging.getLogger("yanpan").critical("uncaught error", exc_info=(error_type, error, frames))
    else:
        print("Traceback (most recent call last):", *(f"  {one}" for one in where(error)), sep="\n", file=sys.stderr)
        print(f"{error_type.__name__}（内容不写进日志，因为可能引用读到的数据）", file=sys.stderr, flush=True)


def _warned(
    message: Warning | str, category: type[Warning], filename: str, lineno: int, file: TextIO | None = None,
    line: str | None = None,
) -> None:  # fmt: skip
    """A library's remark: its kind and where, for it may quote what it was given."""
    logging.getLogger("py.warnings").warning("%s at %s:%s", category.__name__, filename, lineno)
