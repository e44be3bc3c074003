"""Which published version does this page run read, and what does it answer to a named question?

HOME/marts/CURRENT holds the name of one marts file. A run looks at it once, in `begin_run`, and keeps that
version to its end; the next run follows a newer CURRENT without a restart. With ?asof=DAY in the URL it is the file
of that day instead. The file is attached read-only into an in-memory DuckDB that can open nothing else. A named
question is one SELECT in app/queries/<name>.sql; logger app.marts says at DEBUG how many milliseconds each one asked took.
"""

import logging
import threading
import time
from collections.abc import Mapping
from pathlib import Path

import duckdb
import polars as pl
import streamlit as st

from app.reader import Parameter, attach, chosen, text
from app.versions import current_version, replay

VERSION_KEY = "_marts_version"
AS_OF = "asof"
"""Query parameter with the past day looked at, YYYY-MM-DD; absent = the newest data."""
AS_OF_KEY = "_asof"
LOG = logging.getLogger(__name__)
MEMORY_LIMIT = "256MB"
"""Of what DuckDB keeps of a version; without one it would hold all of the file in time. The system's file cache has it as well."""
_at_once = threading.BoundedSemaphore(4)  # more on a few cores are no faster, and might not fit into the limit together
_AT = "\0"  # in no path: what follows tells one file from the next of the same name


def begin_run() -> None:
    """Fix the version for this page run; raises NoMarts, or NotReplayed for a past day not worked out yet."""
    asked = st.session_state[AS_OF_KEY] = st.query_params.get(AS_OF)
    if asked is None:
        st.session_state[VERSION_KEY] = str(current_version())
    else:
        path = replay(asked)
        st.session_state[VERSION_KEY] = f"{path}{_AT}{path.stat().st_mtime_ns}"


def version() -> str:
    """Which version this page run reads, as a key of what is worked out from it."""
    return st.session_state[VERSION_KEY]


def file() -> Path:
    """The marts file of this page run."""
    return _path(version())


def query(name: str, /, **parameters: Parameter) -> pl.DataFrame:
    """The answer of app/queries/<name>.sql; it takes from `parameters` the ones its text names."""
    return _answer(name, chosen(name, parameters), version())


def meta() -> Mapping[str, str]:
    """What the published version says about itself: as_of, city_name, data_through, last_full_week …"""
    return dict(query("meta").iter_rows())


def newest_meta() -> Mapping[str, str]:
    """The same of the version that serves, whatever day is looked at."""
    return dict(_answer("meta", (), str(current_version())).iter_rows())


@st.cache_resource(show_spinner=False, max_entries=768)  # frames are never changed: no copy for each reader
def _answer(name: str, parameters: tuple[tuple[str, Parameter], ...], version: str) -> pl.DataFrame:
    started = time.perf_counter()
    with _at_once, _connection(version).cursor() as cursor:
        cursor.execute("use marts")  # a cursor does not inherit it
        answer = cursor.sql(text(name), params=dict(parameters) or None).pl()
        LOG.debug("%s %.1f", name, 1000 * (time.perf_counter() - started))
        return answer


def _path(version: str) -> Path:
    return Path(version.split(_AT)[0])


def warm(version: Path) -> None:
    """Open a version ahead of the first visitor."""
    _connection(str(version))


def _close(connection: duckdb.DuckDBPyConnection) -> None:
    connection.close()


@st.cache_resource(show_spinner=False, max_entries=3, on_release=_close)
def _connection(version: str) -> duckdb.DuckDBPyConnection:
    """An in-memory DuckDB with one version attached; closed once three newer ones are in use."""
    connection = duckdb.connect()
    attach(connection, _path(version), MEMORY_LIMIT)
    connection.execute("set enable_external_access = false")
    connection.execute("set lock_configuration = true")
    return connection
