"""The `yanpan` command: arguments, progress, exit codes and today's date live here and nowhere else."""

import argparse
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path

from pipelines import config, dashboard, logs, runs
from pipelines.errors import CheckFailed, UsageError, YanpanError

# Each command imports what it needs: `yanpan versions` should not wait for scipy.


def main(arguments: list[str] | None = None) -> int:
    """Run one command. 0 done · 2 usage · 3 bad input, nothing changed · 4 a check failed, the old version serves."""
    setattr(argparse, "_", lambda text: _IN_CHINESE.get(text, text))  # noqa: B010
    options = _parser().parse_args(arguments)
    say: Callable[[str], None] = lambda text: print(text, file=sys.stderr, flush=True)  # noqa: E731
    started = datetime.now()
    try:
        say = logs.sayer(options.command)
        if arguments is None:
            logs.set_up()
        result, text = options.run(options, say)
    except YanpanError as error:
        runs.note(options, started, error)
        say(f"错误：{error}")
        if options.json:
            kind = type(error).__name__
            answer = {**error.result, "error": str(error), "exit_code": error.exit_code, "kind": kind}
            print(json.dumps(answer, ensure_ascii=False, default=str))
        return error.exit_code
    runs.note(options, started)
    if options.json:
        print(json.dumps(result, ensure_ascii=False, default=str))
    else:
        print(text)
    return CheckFailed.exit_code if result.get("n_faults") else 0  # of doctor alone


def _parser() -> argparse.ArgumentParser:
    shared = argparse.ArgumentParser(add_help=False)
    parser = argparse.ArgumentParser(prog="yanpan", description="研判：诉求数据的周研判看板")
    # Before the command or after it; what is not said after it leaves alone what was said before.
    for one, unsaid, no in ((parser, None, False), (shared, argparse.SUPPRESS, argparse.SUPPRESS)):
        one.add_argument("--home", default=unsaid, help="数据目录（默认 YANPAN_HOME，否则 ./var）")
        one.add_argument("--json", action="store_true", default=no, help="标准输出只给一个 JSON 对象")
    commands = parser.add_subparsers(required=True, metavar="命令")

    def command(name: str, run: Callable, help_text: str) -> argparse.ArgumentParser:
        one = commands.add_parser(name, parents=[shared], help=help_text, description=help_text)
        one.set_defaults(run=run, command=name)
        return one

    one = command("demo", _demo, "生成虚构城市安澜市的导出文件、参考数据和真值表，写入 HOME/demo")
    one.add_argument("--items", type=int, default=300_000, help="事项数（默认 300000）")
    one.add_argument("--seed", type=int, default=20260101, help="随机种子，同一种子得到同样的字节")
    one.add_argument(
        "--casework",
        action="store_true",
        help="不生成文件，改为在已发布的演示城市上演练历次预警的签收、处置、反馈、销号",
    )
    one = command("ingest", _ingest, "导入文件或文件夹，一个文件一个批次")
    one.add_argument("paths", nargs="+", type=Path, metavar="PATH")
    one.add_argument(
        "--source",
        choices=("petition", "hotline", "grid", "mediation", "litigation", "ledger"),
        help="数据来源（默认按表头识别）",
    )
    one.add_argument("--layout", help="文件版式（默认按表头识别）")
    one.add_argument("--crs", help="边界文件的坐标系（文件自己没有写明时）：cgcs2000、gcj02、bd09 或 EPSG:代号")
    one.add_argument("--known-on", type=_day, help="这些文件的导出日期（默认今天），补导旧文件时注明，YYYY-MM-DD")
    _add_ledger(command("ledger", _ledger, "导入台账：督办、交办、包案、积案、三项建议、排查、接访"))
    command("batches", _batches, "列出已导入的批次")
    one = command("undo", _undo, "撤回一个批次，如同从未导入")
    one.add_argument("batch", help="批次号（见 yanpan batches）")
    one = command("rejected", _rejected, "列出某些批次没有收的行和原因")
    one.add_argument("batches", nargs="+", metavar="批次号")
    one = command("watch", _watch, "看守 HOME/inbox 文件夹：放进去的文件自动导入，随后发布一次")
    one.add_argument("--once", action="store_true", help="只看一次就结束，供定时任务使用")
    one.add_argument("--every", type=_positive, default=30, metavar="秒", help="多久看一次（默认 30 秒）")
    one.add_argument(
        "--keep-days", type=_days, default=7, metavar="天", help="原文件移走后保留几天（默认 7；0 为立即删除）"
    )
    _add_layout(commands.add_parser("layout", help="没见过的文件：建议、试读、保存版式"), shared)
    one = command("build", _build, "重算统计表与预警，校验后发布新版本")
    one.add_argument("--as-of", type=_day, help="只看这一天（含）已知的情况，YYYY-MM-DD")
    one.add_argument(
        "--replay", action="store_true", help="结果只供回看这一天，不替换正在使用的版本（须同时给 --as-of）"
    )
    one.add_argument("--full", action="store_true", help="全部重算（默认只算有变动的件，结果相同）")
    one = command(
        "backtest", _backtest, "回测：过去两年会报什么、误报多少、漏掉多小的事，结果供看板「预警清单 · 回测」查看"
    )
    one.add_argument("--from", dest="first", type=_day, help="第一周中的任一天（默认最近 104 周），YYYY-MM-DD")
    one.add_argument("--to", dest="last", type=_day, help="最后一周中的任一天（默认最近的完整周），YYYY-MM-DD")
    one.add_argument(
        "--seed", type=_number, default=0, metavar="种子", help="随机种子，同一种子得到同样的结果（默认 0）"
    )
    one = command("serve", _serve, "启动看板")
    one.add_argument("--host", default="127.0.0.1")
    one.add_argument("--port", default=os.environ.get("PORT") or "8501", help="端口（默认 PORT，否则 8501）")
    one = command("push", _push, "按 HOME/push.toml 推送新预警、办理进展和期限提醒；一条只发一次")
    one.add_argument("--dry-run", action="store_true", help="只列出会发什么、发给谁，不写入也不发送")
    one.add_argument("--every", type=_positive, metavar="秒", help="一直运行，每隔多少秒看一次（默认只看一次）")
    one.add_argument("--resend", type=_number, metavar="编号", help="把一条未送达或不确定的推送再发一次")
    one.add_argument("--test", action="store_true", help="给每个收件方发一条测试消息")
    _add_report(command("report", _report, "会议材料：周报、月报、季报、年报的 Word、PPT、Excel、PDF"))
    command("versions", _versions, "列出已发布的版本")
    one = command("rollback", _rollback, "退回到某个版本")
    one.add_argument("version", type=int)
    command("check", _check, "对当前版本重新核对表结构与勾稽关系")
    one = command("doctor", _doctor, "检查安装：程序、磁盘、数据、状态库、推送、备份，一项一行，写明下一步")
    one.add_argument("--port", type=_number, default=8501, help="看板的端口（默认 8501）")
    one = command("backup", _backup, "备份办理记录、数据仓库、统计版本、参考数据、材料和设置，看板和构建不用停")
    one.add_argument("--to", type=Path, required=True, metavar="文件或文件夹", help="写到哪里；文件夹里自动取名")
    one.add_argument("--versions", type=_positive, default=1, metavar="N", help="带上最近几个统计版本（默认 1）")
    one.add_argument("--keep", type=_positive, metavar="N", help="文件夹里只留最近 N 份备份")
    one.add_argument("--wait", type=_number, default=600, metavar="秒", help="正在导入时最多等多久（默认 600）")
    one = command("restore", _restore, "从备份恢复整个数据目录；先逐个核对校验值，再一次换上")
    one.add_argument("file", type=Path, metavar="备份.tar")
    one.add_argument("--replace", action="store_true", help="数据目录不是空的也恢复；原来的改名留在旁边")
    _add_state(commands.add_parser("state", help="办理状态库：从 SQLite 搬到 PostgreSQL"), shared)
    one = command("purge", _purge, "按 HOME/retention.toml 清除保存期满的数据；默认只列出")
    one.add_argument("--yes", action="store_true", help="真的清除，并记入 HOME/purge.jsonl")
    one = command("detect", _detect, "用参照算法判断 CSV 里的周计数序列，与 R 等其他程序核对")
    one.add_argument("method", choices=("farrington", "ears", "cusum", "bayes", "scan"), metavar="算法")
    one.add_argument("--input", type=Path, help="CSV：series,week,count[,population][,date]（scan 以外）")
    one.add_argument("--cases", type=Path, help="scan：CSV，place,week|date[,count]")
    one.add_argument("--places", type=Path, help="scan：CSV，place,x,y（公里）或 place,lon,lat[,population]")
    one.add_argument("--settings", type=Path, help="设置，JSON，键名与 R surveillance 相同（默认用其默认值）")
    one.add_argument("--weeks", help="要判断的周，如 588,600 或 580-624（默认每一周）")
    one.add_argument("--compat", action="store_true", help="与 R 的数值一致，包括它的错误（默认用改正后的算法）")
    one.add_argument("--out", type=Path, required=True, help="结果 CSV")
    _add_dispatch(commands.add_parser("dispatch", help="智能分派：建议事项和承办单位，从本单位的历史件学习"), shared)
    _add_account(commands.add_parser("account", help="账号：开通、停用、列出；给出角色和范围"), shared)
    one = command("audit", _audit, "审计日志：列出、导出，或核对有没有被改过")
    one.add_argument("--from", dest="first_on", type=_day, metavar="YYYY-MM-DD", help="从哪一天起（本机时间）")
    one.add_argument("--to", dest="last_on", type=_day, metavar="YYYY-MM-DD", help="到哪一天止")
    one.add_argument(
        "--action", choices=("login", "logout", "refused", "export", "items", "job", "account", "casework", "purge")
    )
    one.add_argument("--account", metavar="编号", help="只看一个账号")
    one.add_argument("--limit", type=_number, default=1000, help="最多多少行，新的在前（默认 1000）")
    one.add_argument("--csv", type=Path, metavar="FILE", help="写入 CSV")
    one.add_argument("--verify", action="store_true", help="核对封印：有没有被改过、删过")
    _add_token(commands.add_parser("token", help="接口令牌：给业务系统创建、列出、撤销"), shared)
    one = command("redact", _redact, "对 CSV 的一列文字脱敏并复查")
    one.add_argument("csv", type=Path)
    one.add_argument("--column", required=True)
    one.add_argument("--out", type=Path, required=True)
    return parser


def _add_report(one: argparse.ArgumentParser) -> None:
    one.add_argument(
        "kind", choices=("weekly", "monthly", "quarterly", "annual"), metavar="{weekly|monthly|quarterly|annual}"
    )
    one.add_argument("--period", metavar="期次", help="2026-W46、2026-11、2026-Q4、2026（默认最近收满的一期）")
    one.add_argument("--area", metavar="CODE", help="县区或镇街的区域代码（默认全市）")
    one.add_argument(
        "--audience", choices=("leaders", "units", "both"), help="领导版、单位版或两版（默认见 HOME/reports.toml）"
    )
    one.add_argument("--format", default="docx,pptx,xlsx,pdf", help="要哪些格式，用逗号隔开（默认四种）")
    one.add_argument("--as-of", type=_day, help="只用这一天（含）已知的数据，YYYY-MM-DD；没有算过的先算好")
    one.add_argument(
        "--at", type=_moment, metavar="时刻", help="签发时刻，办理情况截至此时（默认现在；有 --as-of 时为当天日终）"
    )
    one.add_argument(
        "--number", type=_positive, metavar="N", help="第 N 期（默认已登记的，否则按 HOME/reports.toml 顺序编号）"
    )
    one.add_argument("--revision", type=_positive, default=1, metavar="N", help="第几版，2 起称更正版（默认 1）")
    one.add_argument(
        "--internal", action=argparse.BooleanOptionalAction, help="标注“内部资料　注意保存”（默认见 HOME/reports.toml）"
    )
    one.add_argument("--out", type=Path, required=True, metavar="DIR", help="材料写入的文件夹")


def _add_ledger(one: argparse.ArgumentParser) -> None:
    one.add_argument("verb", choices=("import",), metavar="import")
    one.add_argument("paths", nargs="+", type=Path, metavar="FILE")
    one.add_argument("--kind", metavar="台账", help="哪种台账，如 督办（默认按表头识别）")
    one.add_argument("--known-on", type=_day, help="这些文件的导出日期（默认今天），补导旧文件时注明，YYYY-MM-DD")


def _add_layout(layout: argparse.ArgumentParser, shared: argparse.ArgumentParser) -> None:
    """What one can do with layouts: list, propose, check, add, remove."""
    verbs = layout.add_subparsers(required=True, metavar="做什么", dest="verb")
    sources = ("petition", "hotline", "grid")

    def verb(name: str, help_text: str) -> argparse.ArgumentParser:
        one = verbs.add_parser(name, parents=[shared], help=help_text, description=help_text)
        one.set_defaults(run=_layout, command="layout")
        return one

    verb("list", "列出内置和本单位保存的版式")
    one = verb("propose", "没见过的文件：给出各列的建议对应；加 --save 才保存")
    one.add_argument("file", metavar="FILE")
    one.add_argument("--source", choices=sources, help="数据来源（默认按列名判断）")
    one.add_argument("--map", action="append", default=[], metavar="列名=名称", help="把一列对应到指定名称，可多次")
    one.add_argument("--drop", action="append", default=[], metavar="列名", help="丢弃一列，可多次")
    one.add_argument(
        "--constant", action="append", default=[], metavar="名称=值", help="文件没有的一项用固定值，可多次"
    )
    one.add_argument("--number-from", metavar="content|列名,列名", help="没有编号列时：按内容，或由几列合成")
    one.add_argument(
        "--status", action="append", default=[], metavar="词=状态", help="状态词对应到七种状态之一，可多次"
    )
    one.add_argument("--separator", action="append", metavar="符号", help="分类各级之间的分隔符，可多次")
    one.add_argument("--crs", metavar="坐标系", help="cgcs2000、wgs84、gcj02、bd09 或 EPSG:代号")
    one.add_argument("--bounds", metavar="西,南,东,北", help="坐标应在的范围（度），境外数据需要给出")
    one.add_argument("--title", help="版式的中文名称")
    one.add_argument("--save", metavar="版式名", help="保存为 HOME/layouts/版式名.json")
    one.add_argument("--replace", action="store_true", help="已有同名版式时覆盖")
    one.add_argument("--save-as-categories", choices=sources, help="分类表：把有把握的分类对应到本系统的事项")
    one = verb("check", "对照数据约定试读，不写入任何数据：哪些列对得上，哪些行不能入库、为什么")
    one.add_argument("file", metavar="FILE")
    registers = ("mediation", "litigation", "ledger")
    one.add_argument("--source", choices=(*sources, *registers), help="数据来源（默认按表头识别）")
    one.add_argument("--layout", help="文件版式（默认按表头识别）")
    one.add_argument("--all", action="store_true", help="读完整个文件，不止前 1000 行")
    one.add_argument("--strict", action="store_true", help="有一行不能入库就以退出码 4 结束，供定时任务使用")
    one = verb("contract", "各来源的数据约定：要哪些列、怎样写、什么不收；每种来源一页")
    one.add_argument("--out", type=Path, required=True, metavar="DIR", help="写入的文件夹")
    one = verb("add", "检查并保存一个手写的版式文件")
    one.add_argument("file", type=Path, metavar="LAYOUT.json")
    one.add_argument("--name", help="版式名（默认同文件名）")
    one.add_argument("--replace", action="store_true", help="已有同名版式时覆盖")
    one = verb("remove", "删去一个保存过的版式；已导入的数据不受影响")
    one.add_argument("name", metavar="版式名")


def _add_dispatch(dispatch: argparse.ArgumentParser, shared: argparse.ArgumentParser) -> None:
    """What one can do with suggestions: suggest, train, evaluate; versions, use, drift of the model."""
    verbs = dispatch.add_subparsers(required=True, metavar="做什么", dest="verb")

    def verb(name: str, help_text: str) -> argparse.ArgumentParser:
        one = verbs.add_parser(name, parents=[shared], help=help_text, description=help_text)
        one.set_defaults(run=_dispatch, command="dispatch")
        return one

    one = verb("suggest", "一段文字或一个 CSV：前三个事项和承办单位，连同理由；没有把握时留给人工")
    one.add_argument("--text", help="一段文字，标题在前")
    one.add_argument("--purpose", help="信访目的；用 --input 时为列名（默认“信访目的”列，可没有）")
    one.add_argument("--county", metavar="CODE", help="县区代码（默认从文字里找）")
    one.add_argument("--town", metavar="CODE", help="镇街代码（默认从文字里找）")
    one.add_argument("--input", type=Path, metavar="CSV", help="一行一件的 CSV")
    one.add_argument("--column", default="text", help="CSV 中的文字列（默认 text）")
    one.add_argument("--out", type=Path, metavar="CSV", help="结果 CSV")
    one = verb("train", "从已发布的历史件学习事项和承办单位，存为新版本并启用")
    one.add_argument(
        "--if-older-than", type=_positive, metavar="天", help="现在的模型学成还不到这么多天时不重学，供定时运行"
    )
    one = verb("evaluate", "用有标签的 CSV 检验分类：准确率、宏平均 F1、校准误差")
    one.add_argument("--train", type=Path, required=True, metavar="CSV", help="学习用的 CSV")
    one.add_argument("--test", type=Path, metavar="CSV", help="检验用的 CSV")
    one.add_argument("--folds", type=_folds, metavar="N", help="不给检验文件时，在一个文件上做 N 折检验")
    one.add_argument("--text", required=True, metavar="COL", help="文字列")
    one.add_argument("--label", required=True, metavar="COL", help="标签列")
    verb("versions", "列出模型的版本")
    one = verb("use", "改用某个模型版本")
    one.add_argument("version", type=_number)
    one = verb("drift", "最近几周的文字和判断，与学习时差多少")
    one.add_argument("--weeks", type=_positive, default=4, metavar="周", help="最近几周（默认 4）")
    one = verb("classify", "给没有分类的件建议分类；导入时自动做，学了新模型后用它补做")
    one.add_argument("--all", action="store_true", help="用现在的模型全部重新判断（默认只判断没有判断过的）")


def _add_account(account: argparse.ArgumentParser, shared: argparse.ArgumentParser) -> None:
    """Who may come in, as what, and to which part of the data."""
    verbs = account.add_subparsers(required=True, metavar="做什么", dest="verb")

    def verb(name: str, help_text: str) -> argparse.ArgumentParser:
        one = verbs.add_parser(name, parents=[shared], help=help_text, description=help_text)
        one.set_defaults(run=_account, command="account")
        return one

    verb("list", "列出账号，等待开通的在前")
    one = verb("grant", "开通账号，或改它的角色和范围")
    one.add_argument("who", metavar="编号或登录名", help="等待开通页面上显示的编号，或登录服务里的用户标识（sub）")
    one.add_argument("--role", required=True, choices=("leader", "analyst", "clerk", "unit", "admin"))
    one.add_argument("--name", metavar="显示名", help="写在页面和导出标记里的名字")
    one.add_argument(
        "--place", action="append", metavar="CODE", help="只看这个县区（可写多个）或这一个镇街；不写为全市"
    )
    one.add_argument("--unit", metavar="单位", help="承办单位全称（--role unit 时必填）")
    one = verb("disable", "停用账号，一分钟内生效")
    one.add_argument("who", metavar="编号或登录名")


def _add_state(state: argparse.ArgumentParser, shared: argparse.ArgumentParser) -> None:
    verbs = state.add_subparsers(required=True, metavar="做什么", dest="verb")
    one = verbs.add_parser("move", parents=[shared], help="全部搬到一个空的 PostgreSQL，逐行核对；原来的文件不动")
    one.add_argument(
        "--to", required=True, metavar="地址", help="file:/路径（文件里写地址），或 postgresql://用户:密码@主机/库名"
    )
    one.set_defaults(run=_state, command="state")


def _add_token(token: argparse.ArgumentParser, shared: argparse.ArgumentParser) -> None:
    """What one can do with tokens of the API: create, list, revoke."""
    verbs = token.add_subparsers(required=True, metavar="做什么", dest="verb")

    def verb(name: str, help_text: str) -> argparse.ArgumentParser:
        one = verbs.add_parser(name, parents=[shared], help=help_text, description=help_text)
        one.set_defaults(run=_token, command="token")
        return one

    one = verb("create", "创建令牌，只显示这一次；保存的只有它的 SHA-256")
    one.add_argument("--name", required=True, metavar="系统", help="哪个系统用，如 业务系统；写系统，不写个人")
    one.add_argument("--days", type=_days, default=365, metavar="天", help="有效天数（默认 365）")
    verb("list", "列出令牌：名称、创建日、到期日")
    one = verb("revoke", "撤销令牌，立即失效")
    one.add_argument("name", metavar="系统")


def _folds(text: str) -> int:
    if not (text.isdecimal() and 2 <= int(text) <= 20):
        raise argparse.ArgumentTypeError(f"应为 2 到 20 的整数，收到“{text}”")
    return int(text)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"日期应写成 2026-06-30 这样，收到“{text}”") from error


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo:
        raise argparse.ArgumentTypeError(f"时刻应写成 2026-06-30T09:00 这样（本地时间），收到“{text}”")
    return moment


def _positive(text: str) -> int:
    if not (text.isdecimal() and 1 <= int(text) <= 86_400):
        raise argparse.ArgumentTypeError(f"应为 1 到 86400 的整数，收到“{text}”")
    return int(text)


def _number(text: str) -> int:
    if not (text.isdecimal() and int(text) < 2**63):
        raise argparse.ArgumentTypeError(f"应为不小于 0 的整数，收到“{text}”")
    return int(text)


def _days(text: str) -> int:
    if not (text.isdecimal() and int(text) <= 3650):
        raise argparse.ArgumentTypeError(f"应为 0 到 3650 的整数，收到“{text}”")
    return int(text)


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
    if options.casework:
        return _rehearse(home)
    if options.items < 1:
        raise UsageError(f"--items 应为正整数，收到 {options.items}。")
    say(f"正在生成安澜市 {options.items:,} 件事项…")
    summary = demo_city.generate(home.demo, items=options.items, seed=options.seed)
    return summary, f"已写入 {home.demo}。下一步：yanpan ingest {home.demo}"


def _rehearse(home: config.Home) -> tuple[dict, str]:
    """The three roles play the demo city's past warnings: the dashboard's half of the program, so its own process."""
    done = subprocess.run(
        [sys.executable, "-m", "app.casework.rehearse"], cwd=config.ROOT, check=False, capture_output=True,
        encoding="utf-8", env={**os.environ, "YANPAN_HOME": str(home.path), "PYTHONUTF8": "1"},
    )  # fmt: skip
    if done.returncode:
        said = done.stderr.strip().removeprefix("错误：") if done.returncode == YanpanError.exit_code else done.stderr
        raise YanpanError(said)
    result = json.loads(done.stdout)
    left = f"；另有 {result['n_left']} 条已有别的办理记录，未改动" if result["n_left"] else ""
    return result, f"已演练 {result['n_cases']} 条预警的办理，共 {result['n_actions']} 步{left}。"


def _ingest(options: argparse.Namespace, say: Callable) -> tuple[dict, str]:
    from pipelines import ingest, reference

    home = config.home(options.home)
    folders, loose = reference.folders(options.paths), reference.loose_files(options.paths)
    installed: list[dict] = []

    def install() -> None:
        installed.extend(reference.install(folder, home, crs=options.crs) for folder in folders)
        if loose:
            installed.append(reference.install_files(loose, home, crs=options.crs))
        for note in [note for one in installed for note in one["notes"]]:
            say(f"提示：{note}")

    batches = ingest.ingest(
        options.paths,
        home,
        besides=loose,
        before_loading=install,
        source=options.source,
        layout=options.layout,
        today=date.today(),
        known_on=options.known_on,
        progress=say,
    )
    keys = ("n_read", "n_loaded", "n_updated", "n_rejected", "n_duplicate", "n_out_of_scope")
    total = {
        key.removeprefix("n_"): sum(batch[key] for batch in batches if batch["status"] == "loaded") for key in keys
    }
    for batch in batches:
        for note in batch["notes"]:
            say(f"提示：{batch['file_name']}：{note}")
    known = sum(batch["status"] == "already_loaded" for batch in batches)
    judged = _classify_taken_in(home, say) if batches else None
    text = (
        f"{len(batches)} 个文件：读入 {total['read']:,} = 入库 {total['loaded']:,}（更新 {total['updated']:,}）"
        f" + 拒收 {total['rejected']:,} + 重复 {total['duplicate']:,} + 范围外 {total['out_of_scope']:,}"
        + (f"；另有 {known} 个文件此前已导入，未改动任何数据" if known else "")
        + (
            f"；另有 {judged['n_asked']:,} 件没有分类，其中 {judged['n_suggested']:,} 件按本单位历史给出了建议分类"
            if judged and judged["n_asked"]
            else ""
        )
        + (
            f"；参考数据 {installed[-1]['places']:,} 个区域、{installed[-1]['boundaries']:,} 个边界"
            if installed
            else ""
        )
        + "。下一步：yanpan build"
    )
    if installed and not batches:
        text = text[text.index("参考数据") :]
    return {"total": total, "batches": batches, "reference": installed, "classified": judged}, text


def _ledger(options: argparse.Namespace, say: Callable) -> tuple[dict, str]:
    """Like any other file, but nothing else than a ledger is taken for one."""
    from pipelines.sources import ledger

    codes = {name: code for code, name in ledger.kinds().items()}
    if options.kind and options.kind.removesuffix("台账") not in codes:
        raise UsageError(f"没有“{options.kind}”这种台账。可用：{'、'.join(codes)}。")
    layout = codes[options.kind.removesuffix("台账")] if options.kind else None
    return _ingest(argparse.Namespace(**vars(options), source="ledger", layout=layout, crs=None), say)


def _batches(options: argparse.Namespace, say: Callable) -> tuple[dict, str]:
    from pipelines import ingest

    rows = ingest.ledger(config.home(options.home, create=False))
    lines = [
        f"{row['batch_id']}  {row['known_on']}  {row['file_name']}：入库 {row['n_loaded']:,}（更新 {row['n_updated']:,}），"
        f"拒收 {row['n_rejected']:,}，重复 {row['n_duplicate']:,}，范围外 {row['n_out_of_scope']:,}"
        for row in rows
    ]
    return {"batches": rows}, "\n".join(lines) or "还没有导入过文件。下一步：yanpan ingest 文件或文件夹"


def _undo(options: argparse.Namespace, say: Callable) -> tuple[dict, str]:
    from pipelines import ingest

    batch = ingest.undo(config.home(options.home, create=False), options.batch)
    return batch, (
        f"已撤回批次 {batch['batch_id']}（{batch['file_name']}）：{batch['n_removed']:,} 件随之移除，"
        f"{batch['n_restored']:,} 件恢复为此前的状态。看板在下次 yanpan build 后更新。"
    )


def _rejected(options: argparse.Namespace, say: Callable) -> tuple[dict, str]:
    from pipelines import warehouse

    with warehouse.connect(config.home(options.home, create=False), read_only=True) as connection:
        rows = connection.execute(
            "select b.source, b.layout, b.file_name, r.source_row, r.column_name, r.found, r.rule, r.hint"
            " from core.rejected_row as r inner join core.batch as b on b.batch_id = r.batch_id"
            " where list_contains($batches, r.batch_id) order by b.file_name, r.source_row, r.rule",
            {"batches": options.batches},
        )
        names = [column[0] for column in rows.description or ()]
        found = [dict(zip(names, row, strict=True)) for row in rows.fetchall()]
    lines = [
        f"{row['file_name']} 第 {row['source_row']} 行「{row['column_name'] or '—'}」：{row['hint']}" for row in found
    ]
    return {"rejected": found}, "\n".join(lines) or "这些批次没有拒收的行。"


def _watch(options: argparse.Namespace, say: Callable) -> tuple[dict, str]:
    from pipelines import inbox

    home = config.home(options.home)
    try:
        total = inbox.watch(home, once=options.once, every=options.every, keep_days=options.keep_days, say=say)
    except KeyboardInterrupt:
        return {"stopped": True}, "已停止看守。"
    published = f"；已发布版本 {total['version']}" if total["version"] else ""
    return total, f"导入 {total['taken']} 个，未导入 {total['refused']} 个，等待 {total['waiting']} 个{published}。"


def _layout(options: argparse.Namespace, say: Callable) -> tuple[dict, str]:
    from pipelines.layouts import command

    return command.RUN[options.verb](options, say)


def _dispatch(options: argparse.Namespace, say: Callable) -> tuple[dict, str]:
    if options.verb == "classify":
        return _classify(options, say)
    from pipelines.dispatch import command

    return command.RUN[options.verb](options, say)


def _classify(options: argparse.Namespace, say: Callable) -> tuple[dict, str]:
    from pipelines import unclassified

    if not unclassified.is_wanted():
        raise UsageError(f"环境变量 {unclassified.SETTING}=0 关闭了建议分类。需要时请删去它后重新运行。")
    home = config.home(options.home, create=False)
    found = unclassified.classify(home, now=datetime.now(), again=options.all, progress=say)
    if found is None:
        raise YanpanError(
            "还没有入库的数据，或还没有学过的模型。请先运行 yanpan ingest、yanpan build 和 yanpan dispatch train。"
        )
    if not found["n_asked"]:
        return found, "没有需要判断的件：没有分类、有正文的件都判断过了，或来源都给出了分类。"
    left = found["n_asked"] - found["n_suggested"]
    return found, (
        f"没有分类的 {found['n_asked']:,} 件：{found['n_suggested']:,} 件按本单位历史给出了建议分类，{left:,} 件没有把握，"
        f"仍为未分类（模型版本 {found['model_version']}）。下一步：yanpan build"
    )


def _classify_taken_in(home: config.Home, say: Callable) -> dict | None:
    """After an import: what came without a category. The files are in, whatever becomes of this."""
    from pipelines import unclassified

    try:
        return unclassified.classify(home, now=datetime.now(), progress=say)
    except YanpanError as error:
        say(f"提示：没有分类的件这次没有给出建议分类，导入的数据不受影响：{error}")
        return None


def _build(options: argparse.Namespace, say: Callable) -> tuple[dict, str]:
    from pipelines import build as builder

    home = config.home(options.home, create=False)
    if options.replay and options.as_of is None:
        raise UsageError("--replay 须同时用 --as-of 给出要回看的日期。")
    result = builder.build(
        home,
        today=date.today(),
        as_of=options.as_of,
        is_replay=options.replay,
        is_full=options.full,
        progress=lambda name: say(f"正在计算：{name}"),
    )
    if options.replay:
        return result, f"{result['as_of']} 当天的情况已算好，可在看板“截至”处选择这一天回看；正在使用的版本没有变。"
    return result, (
        f"已发布版本 {result['version']}：{int(result['n_events']):,} 件，{result['data_from']} 至 {result['data_through']}。"
    )


def _backtest(options: argparse.Namespace, say: Callable) -> tuple[dict, str]:
    from pipelines import backtests

    home = config.home(options.home, create=False)
    result = backtests.run(home, first=options.first, last=options.last, seed=options.seed, progress=say)
    return result, (
        f"{result['first_week']} 至 {result['last_week']} 共 {result['n_weeks']} 周：平均每周报 "
        f"{result['record']['events_per_week']:.2f} 条，规则声明其中偶然 {result['rule']['false_per_week']:.2f} 条，"
        f"没有异常的城市里实测 {result['false']['per_week']:.2f} 条；环比规则每周报 "
        f"{result['old_rule']['alarms_per_week']:.0f} 条。已写入 {home.marts / backtests.FILE}。"
    )


def _serve(options: argparse.Namespace, say: Callable) -> tuple[dict, str]:
    if not (options.port.isdecimal() and 1 <= int(options.port) <= 65535):
        raise UsageError(f"端口应是 1 到 65535 的整数，收到“{options.port}”。")
    home = config.home(options.home)
    environment = {**os.environ, "YANPAN_HOME": str(home.path)}
    server = [sys.executable, "-m", "app.server", "--host", options.host, "--port", options.port]
    with subprocess.Popen(server, cwd=config.ROOT, env=environment) as process:
        signal.signal(signal.SIGTERM, lambda *_: process.terminate())  # a stopped service leaves no server behind
        try:
            code = process.wait()
        except KeyboardInterrupt:
            code = 0
    if code == UsageError.exit_code:
        raise UsageError("看板没有启动，原因见上一行。")
    if code > 0:
        raise YanpanError(f"看板异常退出（代码 {code}），详情见上面的日志。")
    return {"exit_code": code}, "看板已停止。"


def _push(options: argparse.Namespace, say: Callable) -> tuple[dict, str]:
    """The dashboard's half of the program, so its own process; a stop is passed on to it and waited for."""
    home = config.home(options.home, create=False)
    if options.every and (options.dry_run or options.resend is not None or options.test):
        raise UsageError("--every 不能与 --dry-run、--resend、--test 同时使用。")
    if options.dry_run and (options.resend is not None or options.test):
        raise UsageError("--dry-run 不能与 --resend、--test 同时使用。")
    command = [sys.executable, "-m", "app.push"]
    command += [f"--{name}" for name in ("dry-run", "test") if getattr(options, name.replace("-", "_"))]
    given = {"every": options.every, "resend": options.resend}
    command += [f"--{name}={value}" for name, value in given.items() if value is not None]
    environment = {**os.environ, "YANPAN_HOME": str(home.path), "PYTHONUTF8": "1"}
    with subprocess.Popen(
        command, cwd=config.ROOT, env=environment, stdout=subprocess.PIPE, encoding="utf-8"
    ) as process:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal tells both; this one waits
        signal.signal(signal.SIGTERM, lambda *_: process.terminate())
        said, _ = process.communicate()
    try:
        answer = json.loads(said)
    except ValueError as error:
        raise YanpanError(f"推送异常退出（代码 {process.returncode}），详情见上面的日志。") from error
    if "error" in answer:
        raise (UsageError if answer["exit_code"] == UsageError.exit_code else YanpanError)(answer["error"])
    return answer["result"], answer["text"]


def _account(options: argparse.Namespace, say: Callable) -> tuple[dict, str]:
    command = [options.verb]
    if options.verb == "grant":
        command += [f"--role={options.role}", *(f"--place={code}" for code in options.place or [])]
        command += [f"--{name}={value}" for name in ("name", "unit") if (value := getattr(options, name))]
    if options.verb != "list":
        command += ["--", options.who]
    return _asked_of_access(options, command)


def _audit(options: argparse.Namespace, say: Callable) -> tuple[dict, str]:
    if options.verify:
        return _asked_of_access(options, ["verify"])
    given = {"from": options.first_on, "to": options.last_on, "action": options.action, "account": options.account,
             "limit": options.limit, "csv": options.csv and options.csv.resolve()}  # fmt: skip
    return _asked_of_access(
        options, ["audit", *(f"--{name}={value}" for name, value in given.items() if value is not None)]
    )


def _asked_of_access(options: argparse.Namespace, command: list[str]) -> tuple[dict, str]:
    """The dashboard's half keeps the accounts and the log."""
    home = config.home(options.home, create=False)
    answer = dashboard.ask(home, "app.access", *command, failed="账号命令异常退出")
    if "error" in answer:
        raise _ERRORS.get(answer["exit_code"], YanpanError)(answer["error"])
    return answer["result"], answer["text"]


def _state(options: argparse.Namespace, say: Callable) -> tuple[dict, str]:
    """The dashboard's half keeps the state."""
    home = config.home(options.home, create=False)
    answer = dashboard.ask(home, "app.casework.moving", "--", options.to, failed="搬办理状态库的命令异常退出")
    if "error" in answer:
        raise YanpanError(answer["error"])
    return answer["result"], answer["text"]


def _token(options: argparse.Namespace, say: Callable) -> tuple[dict, str]:
    """The dashboard's half keeps the tokens it accepts."""
    home = config.home(options.home, create=options.verb == "create")
    command = [options.verb]
    if options.verb == "create":
        command += [f"--name={options.name}", f"--days={options.days}"]
    elif options.verb == "revoke":
        command += ["--", options.name]
    answer = dashboard.ask(home, "app.api.tokens", *command, failed="令牌命令异常退出")
    if "error" in answer:
        raise UsageError(answer["error"])
    return answer["result"], answer["text"]


def _report(options: argparse.Namespace, say: Callable) -> tuple[dict, str]:
    """The dashboard's half writes; a past day nobody has looked at yet is worked out first."""
    home = config.home(options.home, create=False)
    answer = _asked_of_reports(home, options)
    if "replay" in answer:
        from pipelines import build as builder

        day = date.fromisoformat(answer["replay"])
        say(f"{day} 当天的数据还没有算过，先算这一天（正在使用的版本不变）…")
        builder.build(
            home, today=date.today(), as_of=day, is_replay=True, progress=lambda name: say(f"正在计算：{name}")
        )
        answer = _asked_of_reports(home, options)
    if "error" in answer:
        raise _ERRORS.get(answer["exit_code"], YanpanError)(answer["error"])
    return answer["result"], answer["text"]


_ERRORS: dict[int, type[YanpanError]] = {UsageError.exit_code: UsageError, CheckFailed.exit_code: CheckFailed}


def _asked_of_reports(home: config.Home, options: argparse.Namespace) -> dict:
    command = [options.kind, f"--out={options.out.resolve()}"]
    names = ("period", "area", "audience", "format", "as_of", "at", "number", "revision")
    given = {name: getattr(options, name) for name in names}
    command += [f"--{name.replace('_', '-')}={value}" for name, value in given.items() if value is not None]
    if options.internal is not None:
        command.append("--internal" if options.internal else "--no-internal")
    return dashboard.ask(home, "app.reports", *command, failed="生成材料时异常退出")


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
    from pipelines import privacy_scan

    home = config.home(options.home, create=False)
    names = builder.check_current(home)
    say("正在复查个人信息：统计文件、数据仓库、导出和日志…")
    scan = privacy_scan.scan_home(home)
    privacy_scan.refuse(scan)
    summary = privacy_scan.summary(scan)
    return {"checks": names, "privacy": summary}, f"{len(names)} 项校验全部通过。{summary['sentence']}"


def _doctor(options: argparse.Namespace, say: Callable) -> tuple[dict, str]:
    from pipelines.operations import doctor

    found = doctor.examine(config.home(options.home, create=False), port=options.port, now=datetime.now())
    count = {f"n_{level}s": sum(one.level == level for one in found) for level in ("note", "fault")}
    lines = [one.line() for one in found]
    summary = f"{len(found)} 项：故障 {count['n_faults']}，注意 {count['n_notes']}。"
    return {"findings": [one._asdict() for one in found], **count}, "\n".join([*lines, summary])


def _backup(options: argparse.Namespace, say: Callable) -> tuple[dict, str]:
    from pipelines.operations import backup

    result = backup.backup(
        config.home(options.home, create=False), options.to, now=datetime.now(), versions=options.versions,
        keep=options.keep, wait=options.wait, say=say,
    )  # fmt: skip
    left = f"没有备份：{'、'.join(result['not_included'])}。" if result["not_included"] else ""
    return result, (
        f"已备份 {result['n_files']} 个文件，{result['bytes'] / 1e6:,.1f} MB，写入 {result['file']}。"
        f"{left}里面有密钥和办理记录，请放在别人读不到的地方。"
    )


def _restore(options: argparse.Namespace, say: Callable) -> tuple[dict, str]:
    from pipelines.operations import backup

    path = Path(options.home or os.environ.get("YANPAN_HOME") or "var").expanduser().resolve()
    result = backup.restore(path, options.file, now=datetime.now(), replace=options.replace, say=say)
    moved = f"原来的目录改名为 {result['moved_to']}，确认无误后可以删去。" if result["moved_to"] else ""
    return result, (
        f"已把 {result['made_at']} 的备份恢复到 {result['home']}，{result['n_files']} 个文件。{moved}"
        "下一步：yanpan doctor，然后重新启动看板。"
    )


def _purge(options: argparse.Namespace, say: Callable) -> tuple[dict, str]:
    from pipelines.operations import retention

    home = config.home(options.home, create=False)
    found = retention.purge(home, now=datetime.now(), really=options.yes, say=say)
    result = {"is_done": options.yes, "found": [one._asdict() for one in found]}
    if not found:
        return (
            result,
            f"没有 {retention.FILE}，或里面没有写任何一条，什么也不清除。样例见 docs/retention.example.toml。",
        )
    lines = list(retention.lines(found, really=options.yes))
    if not options.yes:
        lines.append("以上只是列出，什么也没有动。确认后加 --yes。")
    elif any(one.rule == retention.TEXTS and one.n for one in found):
        lines.append("正在使用的版本里还有这些正文。下一步：yanpan build，再运行一次 yanpan purge --yes。")
    return result, "\n".join(lines)


def _detect(options: argparse.Namespace, say: Callable) -> tuple[dict, str]:
    if options.method == "scan":
        return _scan(options)
    if options.input is None:
        raise UsageError(f"{options.method} 须用 --input 给出计数文件。")
    from pipelines import detect_files

    result = detect_files.detect(
        options.method, options.input, options.out, settings=options.settings, weeks=options.weeks,
        compat=options.compat,
    )  # fmt: skip
    return result, (
        f"{result['series']:,} 个序列，判断 {result['rows']:,} 次，预警 {result['alarms']:,} 次"
        + (f"，{result['not_assessed']:,} 次历史不足未判断" if result["not_assessed"] else "")
        + f"；已写入 {options.out}。"
    )


def _scan(options: argparse.Namespace) -> tuple[dict, str]:
    from pipelines import scan_files

    if options.cases is None or options.places is None:
        raise UsageError("scan 须用 --cases 和 --places 给出事项与地点两个文件。")
    result = scan_files.scan_clusters(options.cases, options.places, options.out, settings=options.settings)
    return result, (
        f"{result['places']:,} 个地点、{result['periods']:,} 期、{result['cases']:,} 件，找到 {result['clusters']} 处聚集；"
        f"已写入 {options.out}。"
    )


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
