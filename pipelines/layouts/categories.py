"""Which of our issues does each branch of an office's own category tree mean? Sure ones are kept, the rest are listed.

A tree is a sheet with one column a level (一级分类、二级分类、三级分类). A branch is compared with the issue list
(sql/seeds/issue.csv): same name, same place in the national list, trigger words in its own words, shared pairs of
characters. Sure means a clear best one; a general branch (其他) is never sure. What the office has already decided in
HOME/reference/crosswalk.csv stays as it is.
"""

import csv
import os
import re
from collections import Counter
from functools import cache
from typing import NamedTuple

import polars as pl

from pipelines import reference
from pipelines.config import SEEDS, Home
from pipelines.errors import SourceError, UsageError
from pipelines.sources import SOURCES, parsing, reading

LEVEL = r"^(?:([一二三四五1-5])级?(?:分类|类别|事项|目录|标签|类目|名称|类型|指标)?|(大)类(?:名称)?|(中)类(?:名称)?|(小)类(?:名称)?|(细|子)类(?:名称)?|level[_ ]?([1-5])|category[_ ]?([1-5]))$"
SURE, MARGIN = 0.77, 0.12
VALID_FROM = "2000-01-01"  # the tree's words have always meant this; the cross-walk is looked up by words alone
GENERAL = r"^(?:其他|其它|综合|未分类|.{0,6}(?:其他|其它))$"


class Issue(NamedTuple):
    code: str
    name: str
    words: tuple[str, ...]  # its name cut at brackets and 与、和
    group: str
    triggers: tuple[str, ...]
    exclusions: tuple[str, ...]
    national: tuple[tuple[str, ...], ...]  # each a path of the national content list


@cache
def issues() -> tuple[Issue, ...]:
    """The issue list, ready to compare."""
    found: list[Issue] = []
    before = ""
    with (SEEDS / "issue.csv").open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            name = re.sub(r"[(（].*?[)）]", "", row["issue_name"])
            national = []
            said = before if row["national_category"] == "同上" else row["national_category"]
            before = said
            for one in re.split(r"[；;/]", said):
                levels = [[word for word in level.split("、") if word] for level in one.split("|")]
                if levels and all(levels):
                    national += [(*(level[0] for level in levels[:-1]), last) for last in levels[-1]]
            exclusions = [part.split("→")[0] for part in re.split(r"[；;]", row["exclusion"])]
            found.append(
                Issue(
                    row["issue_code"],
                    name,
                    tuple(
                        word for word in re.split(r"[与和、/]", name) if len(word) >= 2 and not re.match(GENERAL, word)
                    ),
                    row["group_name"],
                    tuple(row["trigger_words"].split()),
                    tuple(word for part in exclusions for word in part.split() if "→" not in part),
                    tuple(national),
                )
            )
    return tuple(found)


@cache
def _holders() -> Counter[str]:
    """Last level of the national list → how many of our issues stand there."""
    return Counter(last for issue in issues() for last in {path[-1] for path in issue.national})


def level_columns(headers: list[str]) -> list[str]:
    """The headers that are levels of a tree, top first.

    >>> level_columns(["序号", "二级分类", "一级分类"])
    ['一级分类', '二级分类']
    """
    order = {**{digit: int(digit) for digit in "12345"}, **{word: n for n, word in enumerate("一二三四五", 1)}}
    order |= {"大": 1, "中": 2, "小": 3, "细": 4, "子": 4}
    found = []
    for header in headers:
        hit = re.match(LEVEL, "".join(header.split()).casefold())
        if hit:
            found.append((order[next(group for group in hit.groups() if group)], header))
    return [header for _, header in sorted(found)]


def read_tree(facts: reading.FileFacts) -> list[str]:
    """The branches of a tree file as paths joined by '>', each once; cells left empty under a merged one are filled."""
    for preview in reading.previews(facts):
        for index, row in enumerate(preview.rows[:20]):
            names = [cell.strip() or " " * (n + 1) for n, cell in enumerate(row)]
            levels = level_columns(names)
            if len(levels) < 2 or len(set(names)) < len(names):
                continue
            table = reading.Table(facts, preview, index, names)
            blocks = [rows for rows, _ in reading.read(table, levels)]
            frame = pl.concat(blocks).select(parsing.clean(pl.col(levels)))
            # A merged cell says its word once; below it the cells are empty.
            frame = frame.with_columns(pl.col(levels[:-1]).forward_fill())
            paths = frame.select(pl.concat_str(levels, separator=">", ignore_nulls=True)).to_series()
            return [path for path in paths.unique(maintain_order=True).to_list() if path]
    raise SourceError(
        facts.name,
        found="没有分级的分类列",
        expected="一级分类、二级分类这样的两列以上",
        next_step="请把每一级放在单独一列，并以一级分类、二级分类、三级分类命名。",
    )


def suggest(paths: list[str]) -> pl.DataFrame:
    """The issue each path means, best first choice: category_raw, issue_code, issue_name, score (0–1), reason, is_sure,
    others (code name, …). No candidate: nulls."""
    rows = []
    for path in paths:
        parts = [part.strip() for part in path.split(">")]
        scored = sorted(((*_score(parts, issue), issue) for issue in issues()), key=lambda one: (-one[0], one[2].code))
        (best, why, issue), (second, *_), *_ = scored
        is_sure = best >= SURE and best - second >= MARGIN and not re.match(GENERAL, parts[-1])
        others = "；".join(f"{one.code} {one.name}" for score, _, one in scored[:3] if score >= 0.3)
        known = best >= 0.3
        rows.append(
            (path, issue.code if known else None, issue.name if known else None, round(best, 2), why, is_sure, others)
        )
    names = {"category_raw": pl.String, "issue_code": pl.String, "issue_name": pl.String, "score": pl.Float64}
    return pl.DataFrame(
        rows, schema={**names, "reason": pl.String, "is_sure": pl.Boolean, "others": pl.String}, orient="row"
    )


def _score(parts: list[str], issue: Issue) -> tuple[float, str]:
    leaf = parts[-1]
    if any(word in part for word in issue.exclusions for part in parts):
        return 0.0, "属于排除的情形"
    best, why = 0.0, ""

    def offer(score: float, reason: str) -> None:
        nonlocal best, why
        if score > best:
            best, why = score, reason

    if leaf == issue.name or leaf in issue.words:
        offer(0.97 if leaf == issue.name else 0.9, "名称相同")
    for national in issue.national:
        if leaf == national[-1] and (len(national) == 1 or _dice(parts[0], national[0]) >= 0.5):
            # One place in the national list may be shared by several of our issues: then it decides nothing.
            offer(0.95 if _holders()[leaf] == 1 else 0.6, "与全国信访内容分类对应")
        elif len(parts) >= 2 and len(national) >= 2 and parts[1] == national[1] and _dice(parts[0], national[0]) >= 0.5:
            offer(0.68, "上一级与全国信访内容分类对应")  # a class holds more than one issue: never sure
    for word in issue.triggers:
        if word == leaf:
            offer(0.92, f"含关键词“{word}”")
        elif word in leaf:
            offer(0.55 + 0.35 * len(word) / len(leaf), f"含关键词“{word}”")
        elif len(leaf) >= 3 and leaf in word:
            offer(0.6, f"是关键词“{word}”的一部分")
        elif any(word in part for part in parts[:-1]):
            offer(0.4, f"上级含关键词“{word}”")
    if len(leaf) >= 2 and leaf in issue.name:
        offer(0.6, f"“{issue.name}”的一部分")
    if any(word in leaf for word in issue.words if len(word) >= 3):
        offer(0.78, f"含“{issue.name}”")
    offer(0.75 * _dice(leaf, issue.name), "名称相近")
    if best and any(_dice(part, issue.group) >= 0.5 for part in parts[:-1]):
        best = min(0.99, best + 0.08)
    return best, why


def _dice(a: str, b: str) -> float:
    """Shared pairs of neighbouring characters, 0 to 1."""
    first, second = ({word[n : n + 2] for n in range(len(word) - 1)} or {word} for word in (a, b))
    return 2 * len(first & second) / (len(first) + len(second))


def install(facts: reading.FileFacts, source: str, home: Home) -> dict:
    """Write the sure ones to HOME/reference/crosswalk.csv and say which are open.

    Out: source, n_paths, n_known (decided before), n_written, written [...], open [...], file. Rows the office has
    already decided are left alone.
    """
    if source not in SOURCES:
        raise UsageError(f"没有来源“{source}”。可用：{'、'.join(SOURCES)}。")
    paths = read_tree(facts)
    own = home.reference / "crosswalk.csv"
    before = reference.read_crosswalk(home.reference)
    decided = set(before.filter(pl.col("source") == source)["category_raw"].to_list())
    found = suggest([path for path in paths if path not in decided])
    sure, unsure = found.filter(pl.col("is_sure")), found.filter(~pl.col("is_sure"))
    if len(sure):
        kept = own.read_bytes() if own.exists() else b""
        try:
            text = kept.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = kept.decode("gb18030")
        text = text.rstrip("\r\n") + "\n" if text.strip() else ",".join(reference.CROSSWALK_COLUMNS) + "\n"
        fresh = sure.select(
            pl.lit(source).alias("source"), "category_raw", "issue_code", pl.lit(VALID_FROM).alias("valid_from")
        )
        home.reference.mkdir(parents=True, exist_ok=True)
        aside = own.with_name(f".crosswalk.{os.getpid()}.new")
        aside.write_text(text + fresh.write_csv(include_header=False), encoding="utf-8")
        aside.replace(own)
    return {
        "file": facts.name,
        "source": source,
        "n_paths": len(paths),
        "n_known": len(paths) - len(found),
        "n_written": len(sure),
        "written": sure.drop("is_sure", "others").to_dicts(),
        "open": unsure.drop("is_sure").to_dicts(),
        "crosswalk": str(own),
    }
