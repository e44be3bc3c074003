"""Real database servers for tests, on loopback, in folders of their own."""

import getpass
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest


def program(name: str) -> str:
    """The path of a server's program; without it the test is skipped, except where all tests must run."""
    folders = [
        *sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True),
        Path("/usr/sbin"),
        Path("/usr/local/sbin"),
    ]
    found = shutil.which(name) or next((str(one / name) for one in folders if (one / name).exists()), None)
    if found is None:
        if os.environ.get("CI") == "true":
            pytest.fail(f"本机没有 {name}：请先安装 postgresql 和 mariadb-server")
        pytest.skip(f"本机没有 {name}，跳过数据库读取测试")
    return str(Path(found).resolve())


def unprivileged() -> str:
    """Whom a server runs as: not as root."""
    if os.geteuid() != 0:
        return getpass.getuser()
    names = {user.pw_name for user in pwd.getpwall()}
    return next(name for name in ("postgres", "mysql", "nobody") if name in names)


@contextmanager
def server_folder() -> Iterator[tuple[Path, str]]:
    """A folder outside pytest's own (which other users cannot enter) that the server's user owns."""
    user = unprivileged()
    folder = Path(tempfile.mkdtemp(prefix="yanpan-db-", dir="/tmp"))
    try:
        if os.geteuid() == 0:
            shutil.chown(folder, user)
        yield folder, user
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def free_port() -> int:
    with closing(socket.socket()) as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def run_as(user: str, command: list[str]) -> None:
    said = {"user": user} if os.geteuid() == 0 else {}
    done = subprocess.run(command, cwd="/", capture_output=True, check=False, **said)
    assert done.returncode == 0, done.stderr.decode(errors="replace")


@contextmanager
def postgresql() -> Iterator[tuple[str, int]]:
    """A PostgreSQL of this machine: its owner (words of a libpq connection string, without dbname) and port."""
    initdb, pg_ctl = program("initdb"), program("pg_ctl")
    with server_folder() as (folder, user):
        (folder / "pw").write_text("owner-secret")
        (folder / "pw").chmod(0o644)
        said = ["-U", "owner", "-A", "scram-sha-256", "--pwfile", f"{folder}/pw", "-E", "UTF8", "--locale", "C"]
        run_as(user, [initdb, "-D", f"{folder}/data", *said, "--no-sync"])
        port = free_port()
        options = f"-c listen_addresses=127.0.0.1 -p {port} -k {folder} -c fsync=off -c timezone=UTC"
        run_as(user, [pg_ctl, "-D", f"{folder}/data", "-l", f"{folder}/log", "-o", options, "-w", "start"])
        try:
            yield f"host=127.0.0.1 port={port} user=owner password=owner-secret", port
        finally:
            run_as(user, [pg_ctl, "-D", f"{folder}/data", "-m", "immediate", "-w", "stop"])
