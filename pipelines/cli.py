"""The `yanpan` command: arguments, progress, exit codes and today's date live here and nowhere else."""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path

from pipelines import config
from pipelines.errors import UsageError, YanpanError

# Each command imports what it needs: `yanpan versions` should not wait for scipy.


def main(arguments: list[str] | None = None) -> int:
    """Run one command. 0 done · 2 usage · 3 bad input, nothing changed · 4 a check failed, the old version serves."""
    setattr(argparse, "_", lambda text: _IN_CHINESE.get(text, text))  # noqa: B010
    options = _parser().parse_args(arguments)
    say: Callable[[str], None] = lambda text: print(text, file=sys.stderr, flush=True)  # noqa: E731
    try:
        result, text = options.run(options, say)
    except YanpanError as error:
        say(f"错误：{error}")
        if options.json:
            print(json.dumps({"error": str(error), "exit_code": error.exit_code}, ensure_ascii=False))
        return error.exit_code
    if options.json:
        print(json.dumps(result, ensure_ascii=False, default=str))
    else:
        print(text)
    return 0


def _parser() -> argparse.ArgumentParser:
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--home", help="数据目录（默认 YANPAN_HOME，否则 ./var）")
    shared.add_argument("--json", action="store_true", help="标准输出只给一个 JSON 对象")
    parser = argparse.ArgumentParser(prog="yanpan", description="研判：诉求数据的周研判看板")
    commands = parser.add_subparsers(required=True, metavar="命令")

    def command(name: str, run: Callable, help_text: str) -> argparse.ArgumentParser:
        one = commands.add_parser(name, parents=[shared], help=help_text, description=help_text)
        one.set_defaults(run=run)
        return one

    one = command("demo", _demo, "生成虚构城市安澜市的导出文件、参考数据和真值表，写入 HOME/demo")
    one.add_argument("--items", type=int, default=300_000, help="事项数（默认 300000）")
    one.add_argument("--seed", type=int, default=20260101, help="随机种子，同一种子得到同样的字节")
    one = command("ingest", _ingest, "导入文件或文件夹，一个文件一个批次")
    one.add_argument("paths", nargs="+", type=Path, metavar="PATH")
    one.add_argument("--source", choices=("petition", "hotline", "grid"), help="数据来源（默认按表头识别）")
    one.add_argument("--layout", help="文件版式（默认按表头识别）")
    one = command("build", _build, "重算统计表与预警，校验后发布新版本")
    one.add_argument("--as-of", type=_day, help="只看这一天（含）以前登记的事项，YYYY-MM-DD")
    one = command("serve", _serve, "启动看板")
    one.add_argument("--host", default="127.0.0.1")
    one.add_argument("--port", default=os.environ.get("PORT") or "8501", help="端口（默认 PORT，否则 8501）")
    command("versions", _versions, "列出已发布的版本")
    one = command("rollback", _rollback, "退回到某个版本")
    one.add_argument("version", type=int)
    command("check", _check, "对当前版本重新核对表结构与勾稽关系")
    one = command("redact", _redact, "对 CSV 的一列文字脱敏并复查")
    one.add_argument("csv", type=Path)
    one.add_argument("--column", required=True)
    one.add_argument("--out", type=Path, required=True)
    return parser


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"日期应写成 2026-06-30 这样，收到“{text}”") from error


# What argparse says, in Chinese: it looks its sentences up through gettext.
_IN_CHINESE = {
    "usage: ": "用法：",
    "options": "选项",
    "positional arguments": "参数",
    "show this help message and exit": "显示这段说明",
    "%(prog)s: error: %(message)s\n": "%(prog)s：%(message)s\n",
    "the following arguments are required: %s": "缺少参数：%s",
    "unrecognized arguments: %s": "不认识的参数：%s",
    "argument %(argument_name)s: %(message)s": "参数 %(argument_name)s：%(message)s",
    "expected one argument": "需要一个值",
    "expected at least one argument": "至少需要一个值",
    "invalid choice: %(value)r (choose from %(choices)s)": "没有 %(value)r，可选：%(choices)s",
    "invalid %(type)s value: %(value)r": "%(value)r 不是合适的值（%(type)s）",
}


def _demo(options: argparse.Namespace, say: Callable) -> tuple[dict, str]:
    from pipelines import demo as demo_city

    home = config.home(options.home)
    if options.items < 1:
        raise UsageError(f"--items 应为正整数，收到 {options.items}。")
    say(f"正在生成安澜市 {options.items:,} 件事项…")
    summary = demo_city.generate(home.demo, items=options.items, seed=options.seed)
    return summary, f"已写入 {home.demo}。下一步：yanpan ingest {home.demo}"


def _ingest(options: argparse.Namespace, say: Callable) -> tuple[dict, str]:
    from pipelines import ingest, reference

    home = config.home(options.home)
    folders = reference.folders(options.paths)
    batches = ingest.ingest(
        options.paths, home, source=options.source, layout=options.layout, today=date.today(), progress=say
    )
    installed = [reference.install(folder, home) for folder in folders]
    keys = ("n_read", "n_loaded", "n_updated", "n_rejected", "n_duplicate", "n_out_of_scope")
    total = {
        key.removeprefix("n_"): sum(batch[key] for batch in batches if batch["status"] == "loaded") for key in keys
    }
    for batch in batches:
        for note in batch["notes"]:
            say(f"提示：{batch['file_name']}：{note}")
    known = sum(batch["status"] == "already_loaded" for batch in batches)
    text = (
        f"{len(batches)} 个文件：读入 {total['read']:,} = 入库 {total['loaded']:,}（更新 {total['updated']:,}）"
        f" + 拒收 {total['rejected']:,} + 重复 {total['duplicate']:,} + 范围外 {total['out_of_scope']:,}"
        + (f"；另有 {known} 个文件此前已导入，未改动任何数据" if known else "")
        + (f"；参考数据 {installed[-1]['places']:,} 个区域" if installed else "")
        + "。下一步：yanpan build"
    )
    return {"total": total, "batches": batches, "reference": installed}, text


def _build(options: argparse.Namespace, say: Callable) -> tuple[dict, str]:
    from pipelines import build as builder

    home = config.home(options.home, create=False)
    result = builder.build(
        home, today=date.today(), as_of=options.as_of, progress=lambda name: say(f"正在计算：{name}")
    )
    return result, (
        f"已发布版本 {result['version']}：{int(result['n_events']):,} 件，{result['data_from']} 至 {result['data_through']}。"
    )


def _serve(options: argparse.Namespace, say: Callable) -> tuple[dict, str]:
    if not (options.port.isdecimal() and 1 <= int(options.port) <= 65535):
        raise UsageError(f"端口应是 1 到 65535 的整数，收到“{options.port}”。")
    home = config.home(options.home)
    environment = {**os.environ, "YANPAN_HOME": str(home.path)}
    server = [sys.executable, "-m", "app.server", "--host", options.host, "--port", options.port]
    try:
        code = subprocess.run(server, cwd=config.ROOT, env=environment, check=False).returncode
    except KeyboardInterrupt:
        code = 0
    if code == UsageError.exit_code:
        raise UsageError("看板没有启动，原因见上一行。")
    if code > 0:
        raise YanpanError(f"看板异常退出（代码 {code}），详情见上面的日志。")
    return {"exit_code": code}, "看板已停止。"


def _versions(options: argparse.Namespace, say: Callable) -> tuple[dict, str]:
    from pipelines import publish

    rows = publish.versions(config.home(options.home, create=False))
    lines = [
        f"{'→' if row['is_current'] else ' '} {row['version']:>4}  构建于 {row['built_at']}  截至 {row['data_through']}"
        f"  {int(row['n_events']):,} 件"
        for row in rows
    ]
    return {"versions": rows}, "\n".join(lines) or "还没有发布过版本。下一步：yanpan build"


def _rollback(options: argparse.Namespace, say: Callable) -> tuple[dict, str]:
    from pipelines import publish

    publish.rollback(config.home(options.home, create=False), options.version)
    return {"version": options.version}, f"现在使用版本 {options.version}；看板在下次操作时自动跟随。"


def _check(options: argparse.Namespace, say: Callable) -> tuple[dict, str]:
    from pipelines import build as builder

    home = config.home(options.home, create=False)
    names = builder.check_current(home)
    return {"checks": names}, f"{len(names)} 项校验全部通过。"


def _redact(options: argparse.Namespace, say: Callable) -> tuple[dict, str]:
    import polars as pl

    from pipelines import redact

    if options.out.resolve() == options.csv.resolve():
        raise UsageError("--out 与输入是同一个文件，会覆盖原文件。请换一个文件名。")
    if not options.out.resolve().parent.is_dir():
        raise UsageError(f"文件夹 {options.out.parent} 不存在。请先建好，或改用别的 --out。")
    try:
        frame = pl.read_csv(options.csv, infer_schema=False)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise UsageError(f"{options.csv.name}：无法按 UTF-8 CSV 读取（{type(error).__name__}）。") from error
    if options.column not in frame.columns:
        raise UsageError(f"{options.csv.name}：没有列“{options.column}”，现有列：{'、'.join(frame.columns)}。")
    text, counts = redact.redact(frame[options.column])
    remaining = redact.residual(text)
    frame.with_columns(text.alias(options.column)).write_csv(options.out)
    result = {"rows": len(frame), "redacted": counts, "residual": remaining.to_dicts()}
    return (
        result,
        f"{len(frame):,} 行，脱敏 {sum(counts.values()):,} 处，复查发现 {len(remaining)} 处；已写入 {options.out}。",
    )


if __name__ == "__main__":
    sys.exit(main())
