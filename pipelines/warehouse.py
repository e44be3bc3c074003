"""The one writable database, HOME/warehouse.duckdb: opening it, and saying clearly why it cannot be opened."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

import duckdb

from pipelines.config import SQL, Home
from pipelines.errors import YanpanError


class WarehouseBusy(YanpanError):
    """Another process holds the warehouse, or there is none to read."""


FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
SPILL_WORDS = "failed to offload"  # what DuckDB could not write beside the marts
FULL_WORDS = ("no space left", "disk quota", "file too large", "not enough space")


@contextmanager
def storage_errors(what: str) -> Iterator[None]:
    """A full disk or memory as one sentence; `what` says what did not happen. DuckDB tells it in four ways:

    on reading or writing a page (IO), on spilling (out of memory), at the commit (transaction), and, after any of
    these, by refusing the connection (fatal). Nothing of the transaction is kept, and the file opens again.
    """
    try:
        yield
    except (
        duckdb.IOException,
        duckdb.OutOfMemoryException,
        duckdb.FatalException,
        duckdb.TransactionException,
    ) as error:
        if isinstance(error, duckdb.OutOfMemoryException) and SPILL_WORDS not in str(error):
            raise YanpanError(
                f"内存不足，{what}。请关掉这台机器上占内存的其他程序，或换内存大一些的机器，再重新运行同一条命令。"
            ) from error
        raise _out_of_space(what) from error
    except OSError as error:
        if error.errno not in FULL:
            raise
        raise _out_of_space(what) from error


def _out_of_space(what: str) -> YanpanError:
    return YanpanError(f"写入失败，{what}（磁盘空间或内存不足）。请清理数据目录所在磁盘后重新运行同一条命令。")


def connect(home: Home, *, read_only: bool = False) -> duckdb.DuckDBPyConnection:
    """A connection with `core.*` in place, an older one brought up to date. While it is open for writing no other
    process can open the file."""
    if read_only and not home.warehouse.exists():
        raise WarehouseBusy(f"{home.path} 下还没有数据仓库。请先运行 yanpan ingest 导入文件。")
    try:
        connection = duckdb.connect(str(home.warehouse), read_only=read_only)
    except (duckdb.IOException, duckdb.FatalException) as error:
        if any(word in str(error).lower() for word in FULL_WORDS):
            raise _out_of_space("数据仓库打不开") from error
        if "lock" not in str(error).lower():
            raise WarehouseBusy(
                f"数据仓库 {home.warehouse.name} 打不开，文件可能损坏或不是本系统生成的。"
                "请检查磁盘，或从备份恢复该文件后重试。"
            ) from error
        raise WarehouseBusy(
            f"数据仓库 {home.warehouse.name} 正被另一个进程使用（导入或计算正在进行）。请等它结束后再试。"
        ) from error
    if not read_only:
        try:
            with storage_errors("数据仓库未能建立"):
                connection.execute((SQL / "schema" / "core.sql").read_text(encoding="utf-8")).fetchall()
        except YanpanError:
            connection.close()
            raise
    elif not connection.execute("select 1 from duckdb_tables() where table_name = 'undone_batch'").fetchall():
        connection.close()  # written by an older program
        connect(home).close()
        return connect(home, read_only=True)
    return connection
