"""`yanpan layout …`: the words of the command line into choices, and what was found as Chinese text."""

import argparse
import unicodedata
from collections.abc import Callable
from datetime import date
from typing import Any

from pipelines import config
from pipelines.errors import CheckFailed, UsageError
from pipelines.layouts import categories, contract, files, headers, proposal, trial
from pipelines.sources import reading

Answer = tuple[dict[str, Any], str]


def run_list(options: argparse.Namespace, say: Callable) -> Answer:
    rows = files.listed(config.home(options.home))
    lines = [
        f"{'本单位' if row['kept'] else '内置'}  {row['source'] or '？'}/{row['name']}  "
        + (row["fault"] or f"{row['title']}，{row['n_columns']} 列")
        for row in rows
    ]
    return {"layouts": rows}, "\n".join(lines)


def run_propose(options: argparse.Namespace, say: Callable) -> Answer:
    home = config.home(options.home)
    facts = reading.inspect(_one_file(options.file, say))
    if options.save_as_categories:
        tree = categories.install(facts, options.save_as_categories, home)
        return tree, _categories_text(tree)
    found = proposal.propose(facts, source=options.source, choices=_choices(options))
    result: dict[str, Any] = dict(found)
    text = _proposal_text(found)
    if not options.save:
        return result, text
    if found["kind"] != "events" or found["layout"] is None:
        raise UsageError(f"{facts.name}：{found['kind_reason']}，没有保存版式。{found['next_step']}")
    if found["missing"]:
        missing = " ".join(one["sentence"] for one in found["missing"])
        raise UsageError(f"{facts.name}：版式没有保存。{missing}")
    source = str(found["source"])
    path = files.save(home, options.save, source, files.from_json(found["layout"]), replace=options.replace)
    result["saved"] = {"name": options.save, "source": source, "file": str(path)}
    result["next_step"] = f"试读：yanpan layout check {facts.name}；导入：yanpan ingest {facts.name}。"
    return result, f"{text}\n已保存版式 {path}。{result['next_step']}"


def run_check(options: argparse.Namespace, say: Callable) -> Answer:
    home = config.home(options.home)
    facts = reading.inspect(_one_file(options.file, say))
    known = files.chosen(home, options.source, options.layout)
    found = trial.check(facts, known, today=date.today(), n=None if options.all else trial.TRIAL_ROWS)
    if options.strict and (found["n_rejected"] or not found["n_events"]):
        say(_check_text(found))
        raise CheckFailed(
            f"{found['file']}：{found['n_rows']:,} 行里有 {found['n_rejected']:,} 行不能入库，各行的原因和改法见上。",
            result=found,
        )
    return found, _check_text(found)


def run_contract(options: argparse.Namespace, say: Callable) -> Answer:
    known = files.load_all(config.home(options.home))
    written = contract.write(options.out, known)
    return {"files": [str(path) for path in written]}, f"已写入 {len(written)} 页数据约定：{options.out}。"


def run_add(options: argparse.Namespace, say: Callable) -> Answer:
    source, layout = files.read(options.file)
    name = options.name or options.file.stem
    path = files.save(config.home(options.home), name, source, layout, replace=options.replace)
    return {"saved": {"name": name, "source": source, "file": str(path)}}, f"已保存版式 {path}。"


def run_remove(options: argparse.Namespace, say: Callable) -> Answer:
    path = files.remove(config.home(options.home, create=False), options.name)
    return {"removed": str(path)}, f"已删去版式 {path.stem}；已导入的数据不受影响。"


def _one_file(path: str, say: Callable) -> reading.Origin:
    """The file itself, or the first export in an archive."""
    found = reading.origins(path)
    if not found:
        raise UsageError(f"{path} 里没有可看的导出文件。")
    if len(found) > 1:
        say(f"压缩包里有 {len(found)} 个文件，先看 {found[0].name}。")
    return found[0]


def _pairs(said: list[str], option: str) -> dict[str, str]:
    """“甲=乙” into {甲: 乙}; a header may hold an equals sign itself, the name after the last one cannot."""
    found = {}
    for word in said:
        left, mark, right = word.rpartition("=")
        if not mark or not left.strip() or not right.strip():
            raise UsageError(f"{option} 应写成“名称=值”，收到“{word}”。")
        found[left.strip()] = right.strip()
    return found


def _choices(options: argparse.Namespace) -> proposal.Choices:
    columns: dict[str, str | None] = {**_pairs(options.map, "--map")}
    columns |= dict.fromkeys(options.drop)
    more: dict[str, Any] = {}
    if options.separator:
        more["category_separators"] = options.separator
    if options.crs:
        more["crs"] = options.crs
    if options.title:
        more["title"] = options.title
    if options.bounds:
        try:
            more["bounds"] = [float(number) for number in options.bounds.split(",")]
        except ValueError as error:
            raise UsageError(f"--bounds 应为四个数“西,南,东,北”，收到“{options.bounds}”。") from error
    number = options.number_from
    if number is not None and number != "content":
        number = tuple(part.strip() for part in number.replace("，", ",").split(",") if part.strip())
    return proposal.Choices(
        columns=columns,
        constants=_pairs(options.constant, "--constant"),
        item_number_from=number,
        status_words=_pairs(options.status, "--status"),
        options=more,
    )


def _wide(text: str, width: int) -> str:
    """Padded to a width in which a Chinese character counts two."""
    taken = sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)
    return text + " " * max(1, width - taken)


def _proposal_text(found: proposal.Proposal) -> str:
    lines = [f"{found['file']}：{found['kind_reason']}。"]
    if found["kind"] != "events":
        return "\n".join([*lines, f"下一步：{found['next_step']}"])
    sheet = f"工作表“{found['sheet']}”" if found["sheet"] else ""
    source = proposal.SOURCE_NAMES[str(found["source"])]
    lines.append(
        f"{sheet}表头在第 {found['header_row']} 行，看了 {found['n_sampled']:,} 行；"
        f"来源按{source}（{found['source_reason']}）。"
    )
    for column in found["columns"]:
        if column["action"] == "keep":
            sure = f"{column['confidence']:.0%}"
            lines.append(
                f"  {_wide(column['header'], 22)}→ {_wide(column['label'] or '', 18)}{_wide(sure, 5)}{column['reason']}"
            )
    for column in found["columns"]:
        if column["action"] == "drop" and column["header"].strip():
            lines.append(f"  {_wide(column['header'], 22)}  {_wide('丢弃', 18)}{_wide('', 5)}{column['reason']}")
    layout = found["layout"] or {}
    labels = headers.labels()
    lines += [f"  固定值：{labels[name]} = {value}" for name, value in layout.get("constants", {}).items()]
    if number := layout.get("item_number_from"):
        said = "按内容（完全相同的行算一件）" if number == "content" else "+".join(number)
        lines.append(f"  编号：{said}")
    if marks := layout.get("category_separators"):
        lines.append(f"  分类分隔符：{' '.join(marks)}")
    unsure = [one for one in found["status_words"] if one["how"] != "known"]
    lines += [f"  状态“{one['word']}”{one['n']} 行：{one['label'] or '看不出，按时间判断'}" for one in unsure]
    lines += [f"缺少：{one['label']}。{one['sentence']}" for one in found["missing"]]
    lines += [f"提示：{note}" for note in found["notes"]]
    return "\n".join([*lines, f"下一步：{found['next_step']}"])


def _check_text(found: dict) -> str:
    header = found["header"]
    lines = [
        f"{found['file']}：版式“{found['title']}”（{found['source']}/{found['layout']}），"
        f"对上 {len(header['matched'])} 列，不读取 {len(header['dropped'])} 列。",
        f"{'读了全部' if found['is_whole'] else '试读前'} {found['n_rows']:,} 行：可入库 {found['n_events']:,} 行，{found['n_items']:,} 件"
        + (f"，登记于 {found['date_from']} 至 {found['date_to']}。" if found["date_from"] else "。"),
    ]
    for rule in found["rules"]:
        rows = "、".join(map(str, rule["rows"]))
        column = f"「{rule['column']}」" if rule["column"] else ""
        lines.append(
            f"  {rule['rule']}{column} {rule['n']:,} 行（第 {rows} 行{'等' if rule['n'] > len(rule['rows']) else ''}）：{rule['hint']}"
        )
    filled = [f"{one['label']} {one['filled_share']:.0%}" for one in found["fields"] if one["filled_share"] is not None]
    lines += [f"  填写率：{'，'.join(filled)}"] if filled else []
    lines += [f"  不认识的状态“{one['word']}”{one['n']:,} 行" for one in found["unknown_status"]]
    lines += [
        f"  文件第 {one['source_row']} 行自报{'小计' if one['kind'] == 'subtotal' else '合计'}："
        + "，".join(
            f"{one[key]:,} {unit}" for key, unit in (("n_items", "件"), ("n_persons", "人次")) if one[key] is not None
        )
        for one in found["control_totals"]
    ]
    lines += [f"提示：{note}" for note in found["notes"]]
    if header["missing"]:
        lines.append(f"  版式里有、文件没有的列：{'、'.join(header['missing'])}")
    return "\n".join([*lines, f"下一步：{found['next_step']}"])


def _categories_text(found: dict) -> str:
    lines = [
        f"{found['file']}：{found['n_paths']} 个分类，此前已对应 {found['n_known']} 个，"
        f"有把握的 {found['n_written']} 个已写入 {found['crosswalk']}，其余 {len(found['open'])} 个请人工确定："
    ]
    for one in found["open"]:
        lines.append(
            f"  {one['category_raw']}" + (f"  可能是：{one['others']}" if one["others"] else "  没有相近的事项")
        )
    lines.append("下一步：把确定的行补进上面的文件（source,category_raw,issue_code,valid_from），再运行 yanpan build。")
    return "\n".join(lines)


RUN: dict[str, Callable[[argparse.Namespace, Callable], Answer]] = {
    "list": run_list,
    "propose": run_propose,
    "check": run_check,
    "contract": run_contract,
    "add": run_add,
    "remove": run_remove,
}
