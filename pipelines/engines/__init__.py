"""Which engine makes the marts: DuckDB inside the build, or an Apache Spark cluster?

YANPAN_ENGINE is `duckdb` (the default) or `spark://host:port`, the master of a standalone cluster; with Spark
YANPAN_ENGINE_FOLDER names a folder that this machine and every worker see under the same path. Both run the same
sql/marts; detection, checks and publishing follow as before, on what came back. See docs/scaling.md.
"""

import os
import re
import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from pipelines.errors import UsageError, YanpanError

SETTING, FOLDER = "YANPAN_ENGINE", "YANPAN_ENGINE_FOLDER"


class Cluster(NamedTuple):
    """Where Spark is and the folder shared with it."""

    master: str
    folder: Path


class EngineFailed(YanpanError):
    """The cluster did not make the marts; nothing was published."""


def cluster() -> Cluster | None:
    """The cluster the settings name; None: DuckDB. UsageError for what cannot be one."""
    master = os.environ.get(SETTING) or "duckdb"
    if master == "duckdb":
        return None
    if not re.fullmatch(r"spark://[\w.-]+:\d+(,[\w.-]+:\d+)*", master):
        raise UsageError(f"环境变量 {SETTING} 是“{master}”，应为 duckdb 或 spark://主机:端口。请改正或删去后重新运行。")
    folder = Path(os.environ.get(FOLDER) or "")
    if not (folder.is_absolute() and folder.is_dir()):
        raise UsageError(
            f"{SETTING} 为 {master} 时，环境变量 {FOLDER} 应为一个已有文件夹的完整路径，本机和集群的每台机器都用这个路径看到它"
            f"（如 NFS 挂载点）；现在是“{os.environ.get(FOLDER, '')}”。请改正后重新运行，或设 {SETTING}=duckdb。"
        )
    lacking = [name for name in ("pyspark", "sqlglot") if find_spec(name) is None]
    if not (shutil.which("java") or os.environ.get("JAVA_HOME")):
        lacking.append("Java 17")
    if lacking:
        raise UsageError(
            f"{SETTING} 为 {master}，但本机没有安装 {'、'.join(lacking)}。请在程序文件夹运行 make spark 并安装 Java 17，"
            f"或设 {SETTING}=duckdb。"
        )
    return Cluster(master, folder)
