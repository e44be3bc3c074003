"""Which published version does this page run read, and what does it answer to a named question?

HOME/marts/CURRENT holds the name of one marts file. A run looks at it once, in `begin_run`, and keeps that
version to its end; the next run follows a newer CURRENT without a restart. With ?asof=DAY in the URL it is the file
of that day instead. The file is attached read-only into an in-memory DuckDB that can open nothing else. A named
question is one SELECT in app/queries/<name>.sql; logger app.marts says at DEBUG how many milliseconds each one asked took.

A reader whose account has a scope (app.access.scope) is answered from views of the same names with the rows that are its
own. The scope is part of `version()`, so whatever is kept under that key is kept for this scope alone.
"""

import hashlib
import logging
import threading
import time
from collections.abc import Mapping
from contextlib import closing
from functools import lru_cache
from pathlib import Path

import duckdb
import polars as pl
import streamlit as st

from app import metrics
from app.access import scope, signin
from app.reader import Parameter, attach, chosen, text
from app.versions import current_version, replay

VERSION_KEY = "_marts_version"
AS_OF = "asof"
"""Query parameter with the past day looked at, YYYY-MM-DD; absent = the newest data."""
AS_OF_KEY = "_asof"
LOG = logging.getLogger(__name__)
MEMORY_LIMIT = "112MB"
"""Of what DuckDB keeps of a version; without one it would hold all of the file in time. The system's file cache has it as well."""
ROOM = "1GB"
"""Of a question that does not fit into that: it is asked again by itself, one at a time."""
_at_once = threading.BoundedSemaphore(4)  # more on a few cores are no faster, and might not fit into the limit together
_roomy = threading.Lock()
_AT = "\0"  # in no path: what follows tells one file from the next of the same name
_FOR = "\1"  # what follows is the reader's scope
ITEM = "event_key"
"""An answer with this column lists items one by one."""


def begin_run() -> None:
    """Fix the version for this page run; raises NoMarts, or NotReplayed for a past day not worked out yet."""
    asked = st.session_state[AS_OF_KEY] = st.query_params.get(AS_OF)
    path = current_version() if asked is None else replay(asked)
    of_file = "" if asked is None else f"{_AT}{path.stat().st_mtime_ns}"
    mine = signin.scope()
    st.session_state[VERSION_KEY] = f"{path}{of_file}{_FOR + mine.key() if mine else ''}"


def version() -> str:
    """Which version this page run reads, as a key of what is worked out from it."""
    return st.session_state[VERSION_KEY]


def file() -> Path:
    """The marts file of this page run."""
    return _path(version())


def query(name: str, /, **parameters: Parameter) -> pl.DataFrame:
    """The answer of app/queries/<name>.sql; it takes from `parameters` the ones its text names."""
    answer = _answer(name, chosen(name, parameters), version())
    return signin.seen_items(answer, name, parameters) if ITEM in answer.columns else answer


def meta() -> Mapping[str, str]:
    """What the published version says about itself: as_of, city_name, data_through, last_full_week …

    To a reader of one county or town city_name is that place's.
    """
    about = dict(query("meta").iter_rows())
    mine = signin.scope()
    if mine is None or mine.root is None:
        return about
    places = query("places")
    names = dict(zip(places["place_code"], places["place_name"], strict=True))
    return {**about, "city_name": names.get(mine.root, mine.root)}


def newest_meta() -> Mapping[str, str]:
    """The same of the version that serves, whatever day is looked at."""
    return dict(_answer("meta", (), str(current_version())).iter_rows())


@lru_cache(maxsize=384)  # frames are never changed: no copy for each reader
def _answer(name: str, parameters: tuple[tuple[str, Parameter], ...], version: str) -> pl.DataFrame:
    file, _, key = version.partition(_FOR)
    started = time.perf_counter()
    with _at_once:
        try:
            answer = _asked(_connection(file), key, name, parameters)
        except duckdb.OutOfMemoryException:
            LOG.info("%s asked again with %s", name, ROOM)
            with _roomy, closing(_open(file, ROOM)) as connection:
                answer = _asked(connection, key, name, parameters)
        seconds = time.perf_counter() - started
        metrics.QUERIES.observe(seconds)
        LOG.debug("%s %.1f", name, 1000 * seconds)
        return answer


def _asked(
    connection: duckdb.DuckDBPyConnection, scope_key: str, name: str, parameters: tuple[tuple[str, Parameter], ...]
) -> pl.DataFrame:
    with connection.cursor() as cursor:
        # a cursor does not inherit it
        cursor.execute(f"use {_views(connection, scope_key) if scope_key else 'marts'}")
        return cursor.sql(text(name), params=dict(parameters) or None).pl()


def _path(version: str) -> Path:
    return Path(version.split(_FOR)[0].split(_AT)[0])


def warm(version: Path) -> None:
    """Open a version ahead of the first visitor."""
    _connection(str(version))


def _close(connection: duckdb.DuckDBPyConnection) -> None:
    connection.close()


@st.cache_resource(show_spinner=False, max_entries=3, on_release=_close)
def _connection(version: str) -> duckdb.DuckDBPyConnection:
    """An in-memory DuckDB with one version attached; closed once three newer ones are in use."""
    return _open(version, MEMORY_LIMIT)


def _open(version: str, memory_limit: str) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    attach(connection, _path(version), memory_limit)
    connection.execute("set enable_external_access = false")
    connection.execute("set lock_configuration = true")
    return connection


_making = threading.Lock()


def _views(connection: duckdb.DuckDBPyConnection, key: str) -> str:
    """Where the views of a scope are, in the same DuckDB as the marts; made by the first who asks."""
    schema = f"for_{hashlib.blake2b(key.encode(), digest_size=12).hexdigest()}"
    with _making, connection.cursor() as cursor:
        there = "select 1 from information_schema.schemata where catalog_name = 'memory' and schema_name = $name"
        if not cursor.execute(there, {"name": schema}).fetchall():
            scope.create(cursor, scope.of_key(key), schema)
    return f"memory.{schema}"
