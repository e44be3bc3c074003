"""One published marts file answers the named questions of app/queries, outside a page run.

Pages ask through app.marts, which adds the cache; reports, pushes and other jobs ask here. Both read the same text.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from functools import cache
from pathlib import Path

import duckdb
import polars as pl

from app import versions

QUERIES = Path(__file__).parent / "queries"
MEMORY_LIMIT = "1GB"
"""Of one report or push; a year of fifty million items needs it."""

Parameter = str | int | float | bool | date | None
Ask = Callable[..., pl.DataFrame]
"""ask(name, **parameters) → the answer of app/queries/<name>.sql; it takes of `parameters` the ones its text names."""


@cache
def text(name: str) -> str:
    """The query; where a line says `-- then: other`, with the part it shares with others in its place."""
    own = (QUERIES / f"{name}.sql").read_text(encoding="utf-8")
    return re.sub(r"^-- then: (\w+)$", lambda shared: text(shared[1]), own, flags=re.M)


@cache
def named(name: str) -> tuple[str, ...]:
    """The parameters of the query, in a fixed order."""
    return tuple(sorted(set(re.findall(r"\$(\w+)", text(name)))))


def chosen(name: str, parameters: dict[str, Parameter]) -> tuple[tuple[str, Parameter], ...]:
    """Of the parameters those the query names, in a fixed order."""
    return tuple((key, parameters[key]) for key in named(name))


@contextmanager
def asking(version: Path) -> Iterator[Ask]:
    """A function that answers named questions from one marts file, read-only."""

    def ask(name: str, /, **parameters: Parameter) -> pl.DataFrame:
        return connection.sql(text(name), params=dict(chosen(name, parameters)) or None).pl()

    with duckdb.connect() as connection:
        attach(connection, version, MEMORY_LIMIT)
        connection.execute("use marts")
        yield ask


def attach(connection: duckdb.DuckDBPyConnection, version: Path, memory_limit: str) -> None:
    """Attach one version as `marts`, read-only. What does not fit into the memory is written beside it, not into .tmp of
    wherever the program was started."""
    file, spill = (str(path).replace("'", "''") for path in (version, version.parent / "spill"))
    connection.execute(f"attach '{file}' as marts (read_only)")
    connection.execute(f"set memory_limit = '{memory_limit}'")
    connection.execute(f"set temp_directory = '{spill}'")


def sentence(error: Exception) -> str:
    """Why there is no answer, to a person at the command line."""
    if isinstance(error, versions.NoMarts):
        return "这里还没有发布过数据，或发布它的是旧程序。下一步：yanpan build"
    if isinstance(error, duckdb.IOException):
        return "统计文件刚好在更换或读不出来，稍后再试。"
    return str(error)
