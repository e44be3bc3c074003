"""How good is a classifier learned from a labelled table? Any table: texts in one column, labels in another.

Nothing is tuned on what is judged: term weights, coefficients, calibration and the abstain threshold of a fold all come from
the other folds (the last two from folds within these).
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy import sparse
from scipy.sparse import csgraph

from pipelines.dispatch import linear, second, tables
from pipelines.errors import SourceError, UsageError

ALIKE = 20  # characters: texts that begin or end with the same ones are copies of one another
PRECISION = 0.95


def read(path: Path, text: str, label: str) -> tuple[list[str], npt.NDArray[np.str_]]:
    """Texts and labels of a CSV in UTF-8 or GB18030; rows without one of them are left out."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UsageError(f"文件 {path} 读不了。请检查文件名。") from error
    try:
        frame = pl.read_csv(tables.decoded(content).encode(), infer_schema=False)
    except pl.exceptions.PolarsError as error:
        raise SourceError(
            path.name, found="不是完整的 CSV", expected="首行为表头、每行列数相同的 CSV", next_step="请重新导出该文件"
        ) from error
    for name in (text, label):
        if name not in frame.columns:
            raise UsageError(f"{path.name}：没有列“{name}”，现有列：{'、'.join(frame.columns)}。")
    frame = frame.filter(pl.col(text).str.strip_chars() != "", pl.col(label).str.strip_chars() != "")
    return frame[text].to_list(), frame[label].str.strip_chars().to_numpy().astype(str)


def check(path: Path, labels: npt.NDArray[np.str_], least: int) -> None:
    names, n = np.unique(labels, return_counts=True)
    if len(names) < 2 or n.min() < least:
        found = f"“{names[n.argmin()]}”只有 {n.min()} 行" if len(names) > 1 else f"只有 {len(names)} 个标签"
        raise SourceError(
            path.name, found=found, expected=f"至少两个标签，每个至少 {least} 行", next_step="请合并或删去太小的标签"
        )


def held_out(train: Path, test: Path, text: str, label: str) -> dict[str, Any]:
    """Learned from one table, judged on another."""
    texts, labels = read(train, text, label)
    check(train, labels, linear.INNER_FOLDS)
    unseen, truth = read(test, text, label)
    if not unseen:
        raise SourceError(test.name, found="没有可用的行", expected="有正文和标签的行", next_step="请换一个文件")
    started = time.process_time()
    model, weight, threshold = learn(texts, labels)
    seconds = time.process_time() - started
    started = time.process_time()
    chance, _ = second.chances(model, weight, unseen)
    per_second = len(unseen) / max(time.process_time() - started, 1e-9)
    first = np.array(model.classes)[chance.argmax(axis=1)]
    said = chance.max(axis=1) >= threshold
    return {
        "train": len(texts),
        "test": len(unseen),
        **_figures(truth, first, chance.max(axis=1), said),
        "by_class": linear.by_class(truth, first),
        "seconds_to_train": round(seconds, 2),
        "texts_per_second": round(per_second),
    }


def cross_validated(path: Path, text: str, label: str, n: int, say: Callable[[str], None], seed: int = 0) -> dict:
    """Each fold judged by what the others teach; once dealt freely, once with copies of a text kept in one fold."""
    texts, labels = read(path, text, label)
    check(path, labels, n * 2)
    _, target = np.unique(labels, return_inverse=True)
    copies = alike(texts)
    apart = linear.folds(target, n, seed)
    together = linear.folds(target, n, seed, copies)
    return {
        "rows": len(texts),
        "folds": n,
        "copies": int((np.bincount(copies)[copies] > 1).sum()),
        **_folded(texts, labels, apart, n, lambda k: say(f"第 {k}/{n} 折…")),
        "copies_together": _folded(texts, labels, together, n, lambda k: say(f"相同文字归在一折：第 {k}/{n} 折…")),
    }


def _folded(
    texts: list[str], labels: npt.NDArray[np.str_], fold: npt.NDArray, n: int, say: Callable[[int], None]
) -> dict[str, Any]:
    first, best, said = np.empty_like(labels), np.zeros(len(texts)), np.zeros(len(texts), dtype=bool)
    f1 = []
    for k in range(n):
        say(k + 1)
        inside, outside = np.flatnonzero(fold != k), np.flatnonzero(fold == k)
        model, weight, threshold = learn([texts[i] for i in inside], labels[inside])
        chance, _ = second.chances(model, weight, [texts[i] for i in outside])
        first[outside] = np.array(model.classes)[chance.argmax(axis=1)]
        best[outside] = chance.max(axis=1)
        said[outside] = best[outside] >= threshold
        f1.append(linear.macro_f1(labels[outside], first[outside]))
    figures = _figures(labels, first, best, said)
    return {
        **figures, "macro_f1": float(np.mean(f1)), "macro_f1_pooled": figures["macro_f1"],
        "macro_f1_by_fold": [round(one, 4) for one in f1], "by_class": linear.by_class(labels, first),
    }  # fmt: skip


def learn(texts: list[str], labels: npt.NDArray[np.str_]) -> tuple[linear.Classifier, linear.Floats, float]:
    """Classifier, weights of the second reading, abstain threshold."""
    taught = linear.fit(texts, labels)
    target = np.searchsorted(taught.classifier.classes, labels)
    weight = second.learn(taught, target)
    chance = second.outside(taught, weight)
    threshold = linear.least_probability(chance.max(axis=1), chance.argmax(axis=1) == target, PRECISION)
    return taught.classifier, weight, threshold


def _figures(truth: npt.NDArray, first: npt.NDArray, best: npt.NDArray, said: npt.NDArray) -> dict[str, Any]:
    hit = truth == first
    return {
        "accuracy": float(hit.mean()),
        "macro_f1": linear.macro_f1(truth, first),
        "calibration_error": linear.calibration_error(best, hit),
        "abstained_share": float(1 - said.mean()),
        "precision": float(hit[said].mean()) if said.any() else None,
    }


def alike(texts: list[str]) -> npt.NDArray[np.int64]:
    """A group number for each text: the same for texts that begin, or that end, with the same ALIKE characters."""
    n = len(texts)
    rows, columns = [], []
    for part in ([text[:ALIKE] for text in texts], [text[-ALIKE:] for text in texts]):
        _, first, inverse = np.unique(np.array(part, dtype=object), return_index=True, return_inverse=True)
        rows.append(np.arange(n))
        columns.append(first[inverse])
    at = np.concatenate(rows), np.concatenate(columns)
    links = sparse.coo_matrix((np.ones(2 * n, dtype=np.int8), at), shape=(n, n))
    return csgraph.connected_components(links, directed=False)[1].astype(np.int64)
