"""`python -m app.condition`, which `yanpan doctor` runs: how is the dashboard's half, one JSON list on standard output.

Each finding is {"part", "level", "said", "next"}: level ok, note or fault; said and next are Chinese sentences.
"""

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb

from app import disclosure, health, reader, versions
from app.access import settings as access_settings
from app.api import limit
from app.casework import store, workflow
from app.push import sender
from app.push import settings as push_settings
from app.reports import settings as report_settings
from pipelines import logs

FONTS = (
    "app/assets/fonts/yanpan-sans-sc-regular.ttf",
    "app/assets/fonts/yanpan-sans-sc-bold.ttf",
    "app/assets/fonts/yanpan-serif-sc-regular.ttf",
    "app/static/fonts/yanpan-sans-sc-regular.woff2",
    "app/static/fonts/yanpan-sans-sc-bold.woff2",
)
ROOT = Path(__file__).resolve().parents[1]


def findings() -> Iterator[dict[str, str]]:
    yield _state()
    yield _settings()
    yield _push()
    missing = [name for name in FONTS if not (ROOT / name).is_file()]
    if missing:
        yield _found("字体", "fault", f"缺少 {'、'.join(missing)}。", "请重新安装本程序。")
    else:
        yield _found("字体", "ok", "页面和材料用的字体都在。")


def _state() -> dict[str, str]:
    if said := store.problem() or health.state_problem():
        return _found("办理状态库", "fault", said, "查看服务日志；数据库恢复后不需要重启看板。")
    address = store.engine().url
    kind = "SQLite" if address.get_backend_name() == "sqlite" else "PostgreSQL"
    return _found("办理状态库", "ok", f"{kind}，可读写，结构 {store.REVISION}。")


def _settings() -> dict[str, str]:
    """The files and environment variables that the server would refuse to start with, and those of reports."""
    home = versions.home()
    checks: list[Callable[[], object]] = [
        disclosure.min_cell,
        lambda: workflow.limits(None, home),
        limit.buckets,
        access_settings.auth,
        access_settings.read,
        lambda: report_settings.read(home),
    ]
    for check in checks:
        try:
            check()
        except (
            disclosure.BadSetting, workflow.BadSetting, limit.BadSetting, report_settings.BadSetting, access_settings.BadSetting,
        ) as error:  # fmt: skip
            return _found("设置", "fault", str(error), "改正后重新运行 yanpan doctor。")
    return _found("设置", "ok", "环境变量、办理期限、材料设置都能用。")


def _push() -> dict[str, str]:
    home = versions.home()
    if not (home / push_settings.FILE).exists():
        return _found("推送", "ok", "没有设置推送。")
    try:
        settings = push_settings.read(home)
        said = sender.check(settings)
    except push_settings.BadSetting as error:
        return _found("推送", "fault", str(error), "改正 HOME/push.toml，再用 yanpan push --dry-run 预览。")
    if said:
        return _found("推送", "note", " ".join(said), "请核对 HOME/push.toml。")
    return _found("推送", "ok", f"推送设置能用，{len(settings.recipients)} 个收件方。")


def _found(part: str, level: str, said: str, step: str = "") -> dict[str, str]:
    return {"part": part, "level": level, "said": said, "next": step}


def main() -> int:
    logs.set_up()
    try:
        found = list(findings())
    except (versions.NoMarts, duckdb.IOException) as error:
        found = [_found("看板", "note", reader.sentence(error), "")]
    print(json.dumps(found, ensure_ascii=False))
    return 0


if __name__ == "__main__":
    sys.exit(main())
