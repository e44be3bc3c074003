"""Does the program live, and can it serve? /healthz says the first, /readyz the second.

A supervisor restarts what does not live; a proxy sends nobody to what is not ready. Ready: the version that serves opens
and answers, these pages can read it, and the state store takes writes.
"""

import asyncio

import duckdb
import sqlalchemy as sa
from starlette.requests import Request
from starlette.responses import JSONResponse

from app import reader, versions
from app.casework import store

PATIENCE_SECONDS = 5


async def healthz(_request: Request) -> JSONResponse:
    """Alive, and which version would the next page run read?"""
    try:
        return JSONResponse({"status": "ok", "version": versions.current_version().stem})
    except versions.NoMarts:
        return JSONResponse({"status": "ok", "version": None})


async def readyz(_request: Request) -> JSONResponse:
    """200 where all parts are ok, else 503; each part "ok" or one Chinese sentence."""
    asked = {"marts": marts_problem, "state": state_problem}
    found = await asyncio.gather(*(_in_time(problem) for problem in asked.values()))
    parts = {name: said or "ok" for name, said in zip(asked, found, strict=True)}
    is_ready = not any(found)
    return JSONResponse({"status": "ready" if is_ready else "not_ready", **parts}, 200 if is_ready else 503)


async def _in_time(problem) -> str | None:
    try:
        return await asyncio.wait_for(asyncio.to_thread(problem), PATIENCE_SECONDS)
    except TimeoutError:
        return f"{PATIENCE_SECONDS} 秒内没有回答。"


def marts_problem() -> str | None:
    """Why the version that serves cannot be read, in one sentence; None where it can."""
    try:
        schema = about_data().get("schema")
    except (versions.NoMarts, duckdb.IOException) as error:
        return reader.sentence(error)
    if schema != versions.SCHEMA:
        return f"当前版本的结构是 {schema}，本程序只读结构 {versions.SCHEMA}。下一步：yanpan build"
    return None


def about_data() -> dict[str, str]:
    """What the version that serves says of itself. Raises NoMarts, duckdb.IOException."""
    with reader.asking(versions.current_version()) as ask:
        return dict(ask("meta").iter_rows())


def state_problem() -> str | None:
    """Why nothing can be written to the state store, in one sentence; None where it can. Nothing is written."""
    try:
        with store.writing() as connection:  # SQLite takes its write lock here
            if connection.dialect.name == "postgresql":
                is_read_only = connection.execute(sa.text("show transaction_read_only")).scalar_one() == "on"
                return "办理状态库现在只读。请检查数据库。" if is_read_only else None
    except store.Unavailable as error:
        return str(error)
    return None
