"""`yanpan dispatch …`: the words of the command line into choices, and what was found as Chinese text."""

import argparse
import csv
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from pipelines import config
from pipelines.dispatch import batch, evaluate, model, suggest
from pipelines.errors import UsageError

Answer = tuple[dict[str, Any], str]
VERDICTS = {
    "stable": "与学习时相近",
    "moved": "有些变化，请留意",
    "shifted": "变化明显，建议重新运行 yanpan dispatch train",
}


def run_suggest(options: argparse.Namespace, say: Callable) -> Answer:
    from pipelines import redact  # the one step that is not dispatch's own: what people paste is redacted first

    if bool(options.text) == bool(options.input):
        raise UsageError("请用 --text 给出一段文字，或用 --input 给出 CSV，二者选一。")
    given = suggest.tools(config.home(options.home, create=False))
    if options.text:
        import polars as pl

        text = redact.redact(pl.Series([options.text]))[0][0]
        place = (options.county or (options.town or "")[:6], options.town or "")
        [found] = suggest.suggest(given, [text], [options.purpose], [place])
        return _as_json(text, found), _as_text(text, found)
    return _table(options, given, say)


def _table(options: argparse.Namespace, given: suggest.Tools, say: Callable) -> Answer:
    from pipelines import redact

    if options.out is None:
        raise UsageError("请用 --out 给出结果文件。")
    if options.out.resolve() == options.input.resolve():
        raise UsageError("--out 与输入是同一个文件，会覆盖原文件。请换一个文件名。")
    if not options.input.is_file():
        raise UsageError(f"文件 {options.input} 不存在。请检查 --input。")
    if not options.out.resolve().parent.is_dir():
        raise UsageError(f"文件夹 {options.out.parent} 不存在。请先建好，或改用别的 --out。")
    frame = batch.read(options.input.name, options.input.read_bytes())
    if options.column not in frame.columns:
        raise UsageError(f"{options.input.name}：没有列“{options.column}”，现有列：{'、'.join(frame.columns)}。")
    texts = redact.redact(frame[options.column].fill_null(""))[0].to_list()
    if options.purpose and options.purpose not in frame.columns:
        raise UsageError(f"{options.input.name}：没有列“{options.purpose}”，现有列：{'、'.join(frame.columns)}。")
    column = options.purpose or batch.PURPOSE_COLUMN
    purposes = frame[column].to_list() if column in frame.columns else None
    say(f"正在判断 {len(texts):,} 件…")
    found = list(batch.suggested(given, texts, purposes))
    with options.out.open("w", encoding="utf-8-sig", newline="") as file:
        out = csv.writer(file)
        out.writerow(batch.COLUMNS)
        out.writerows(
            batch.row(number, text, one) for number, (text, one) in enumerate(zip(texts, found, strict=True), 2)
        )
    n_abstained = sum(one.is_abstained for one in found)
    result = {"rows": len(found), "abstained": n_abstained, "out": str(options.out)}
    return result, f"{len(found):,} 件，其中 {n_abstained:,} 件没有把握、留给人工；已写入 {options.out}。"


def _as_json(text: str, found: suggest.Suggestion) -> dict[str, Any]:
    return {
        "text": text,
        "is_abstained": found.is_abstained,
        "issue_code": found.issue_code,
        "unit": found.unit,
        "probability": found.probability,
        "reason": found.reason,
        "issues": [vars(one) for one in found.issues],
        "units": [{"name": one.name, "probability": one.probability} for one in found.units],
        "words": [{**vars(span), "said": text[span.start : span.end]} for span in found.spans],
    }


def _as_text(text: str, found: suggest.Suggestion) -> str:
    head = "没有把握，请人工判断；可参考：" if found.is_abstained else "建议："
    lines = [head]
    lines += [f"  {n}. {one.name}（{one.code}）{_percent(one.probability)}" for n, one in enumerate(found.issues, 1)]
    lines += [f"  承办单位 {n}. {one.name}{_percent(one.probability)}" for n, one in enumerate(found.units, 1)]
    return "\n".join([*lines, f"理由：{found.reason}"])


def _percent(share: float | None) -> str:
    return "" if share is None else f" {suggest.percent(share)}"


def run_train(options: argparse.Namespace, say: Callable) -> Answer:
    home, now = config.home(options.home, create=False), datetime.now()
    trained_at = model.trained_at(home)
    if options.if_older_than and trained_at and now - trained_at < timedelta(days=options.if_older_than):
        return {"version": model.current(home), "is_trained": False}, (
            f"模型版本 {model.current(home)} 学习于 {trained_at:%Y-%m-%d}，还不到 {options.if_older_than} 天，没有重学。"
        )
    about = model.train(home, now=now, progress=say)
    said = f"，给出建议的准确率 {about['precision']:.1%}" if about["precision"] is not None else ""
    units = about["units"]
    if units["top1"] is not None:
        said += f"；承办单位首选对 {units['top1']:.1%}，前三有 {units['top3']:.1%}"
    return about, (
        f"模型版本 {about['version']} 已启用：学习 {about['n_texts']:,} 件、{about['n_classes']} 类，未参与学习的件上准确率 "
        f"{about['accuracy']:.1%}，宏平均 F1 {about['macro_f1']:.3f}，校准误差 {about['calibration_error']:.3f}；"
        f"{about['abstained_share']:.1%} 的件没有把握{said}。"
    )


def run_evaluate(options: argparse.Namespace, say: Callable) -> Answer:
    if (options.test is None) == (options.folds is None):
        raise UsageError("请用 --test 给出检验文件，或用 --folds 给出折数，二者选一。")
    if options.test is not None:
        found = evaluate.held_out(options.train, options.test, options.text, options.label)
        head = f"学习 {found['train']:,} 行，检验 {found['test']:,} 行"
    else:
        found = evaluate.cross_validated(options.train, options.text, options.label, options.folds, say)
        other = found["copies_together"]
        head = f"{found['rows']:,} 行，{found['folds']} 折（相同文字归在一折时宏平均 F1 {other['macro_f1']:.4f}）"
    lines = [
        f"{head}：准确率 accuracy {found['accuracy']:.4f}，宏平均 macro_f1 {found['macro_f1']:.4f}，"
        f"校准误差 {found['calibration_error']:.4f}，没有把握 {found['abstained_share']:.1%}"
        + (f"，其余准确率 {found['precision']:.1%}。" if found["precision"] is not None else "。")
    ]
    lines += [
        f"  {one['label']}：{one['n']:,} 行，查准 {'—' if one['precision'] is None else format(one['precision'], '.3f')}，"
        f"查全 {one['recall']:.3f}，F1 {one['f1']:.3f}"
        for one in found["by_class"]
    ]
    return found, "\n".join(lines)


def run_versions(options: argparse.Namespace, say: Callable) -> Answer:
    rows = model.versions(config.home(options.home, create=False))
    lines = [
        f"{'→' if row['is_current'] else ' '} {row['version']:>4}  学习于 {row['trained_at']}  {row['n_texts']:,} 件 "
        f"{row['n_classes']} 类（{row['first_on']} 至 {row['last_on']}）  准确率 {row['accuracy']:.1%}  "
        f"校准误差 {row['calibration_error']:.3f}"
        for row in rows
    ]
    keep = ("version", "trained_at", "n_texts", "n_classes", "accuracy", "macro_f1", "calibration_error", "is_current")
    return (
        {"versions": [{name: row[name] for name in keep} for row in rows]},
        "\n".join(lines) or "还没有学过模型，目前按词库和职责清单建议。下一步：yanpan dispatch train",
    )


def run_use(options: argparse.Namespace, say: Callable) -> Answer:
    model.use(config.home(options.home, create=False), options.version)
    return {"version": options.version}, f"现在使用模型版本 {options.version}。"


def run_drift(options: argparse.Namespace, say: Callable) -> Answer:
    found = model.drift(config.home(options.home, create=False), weeks=options.weeks)
    index = found["psi"]
    return found, (
        f"模型版本 {found['version']}，{found['since']} 以后的 {found['n_texts']:,} 件：{VERDICTS[found['verdict']]}"
        f"（稳定性指数 PSI：把握 {index['probability']:.3f}，事项构成 {index['issue']:.3f}，用词 {index['known']:.3f}；"
        f"超过 {model.MOVED:g} 留意，超过 {model.SHIFTED:g} 重学）。"
    )


RUN: dict[str, Callable[[argparse.Namespace, Callable], Answer]] = {
    "suggest": run_suggest,
    "train": run_train,
    "evaluate": run_evaluate,
    "versions": run_versions,
    "use": run_use,
    "drift": run_drift,
}
