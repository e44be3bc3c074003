"""The one writable database, HOME/warehouse.duckdb: opening it, and saying clearly why it cannot be opened."""

import duckdb

from pipelines.config import SQL, Home
from pipelines.errors import YanpanError


class WarehouseBusy(YanpanError):
    """Another process holds the warehouse, or there is none to read."""


def connect(home: Home, *, read_only: bool = False) -> duckdb.DuckDBPyConnection:
    """A connection with `core.*` in place. While it is open for writing no other process can open the file."""
    if read_only and not home.warehouse.exists():
        raise WarehouseBusy(f"{home.path} 下还没有数据仓库。请先运行 yanpan ingest 导入文件。")
    try:
        connection = duckdb.connect(str(home.warehouse), read_only=read_only)
    except duckdb.IOException as error:
        if "lock" not in str(error).lower():
            raise WarehouseBusy(
                f"数据仓库 {home.warehouse.name} 打不开，文件可能损坏或不是本系统生成的。"
                "请检查磁盘，或从备份恢复该文件后重试。"
            ) from error
        raise WarehouseBusy(
            f"数据仓库 {home.warehouse.name} 正被另一个进程使用（导入或计算正在进行）。请等它结束后再试。"
        ) from error
    if not read_only:
        connection.execute((SQL / "schema" / "core.sql").read_text(encoding="utf-8")).fetchall()
    return connection
