"""Which issue do the words of a text point to? The keyword library: words the office can read, edit and argue about.

sql/seeds/keyword.csv and keyword_exclusion.csv, over them the office's own in HOME/reference. Rules:

- A word is one to several parts joined by `…`; between parts stand at most GAP characters of the same clause.
- The longest word goes first and uses its characters up: in 医院乱收费 there is no 乱收费 any more.
- 对象 words name what a complaint is about, 态度 words only how somebody behaved. Attitude never outweighs an object, and
  alone it is no reason to suggest anything.
- An exclusion hands what an issue has scored to another issue (or to none) when one of its words stands in the text.
- The purpose 信访目的 comes first: 检举控告 is counted and not analysed, 涉法涉诉 is led to its procedure, 意见建议 goes to the
  suggestions. A word with a purpose of its own counts only there.
- A score is the sum of the weights, more for a word at the head of the text and a little more for one that returns. Without
  a strong word, or with two issues close together, the library abstains.
"""

import csv
import re
from collections import defaultdict
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from pipelines.config import SEEDS
from pipelines.dispatch import tables
from pipelines.dispatch.grams import HEAD

KEYWORD_COLUMNS = ("issue_code", "word", "kind", "weight", "purpose", "is_active", "note")
EXCLUSION_COLUMNS = ("issue_code", "words", "reroute_to", "is_active", "note")
OBJECT, ATTITUDE = "对象", "态度"
GAP = 6  # characters between the parts of a word
MAX_ATTITUDE = 0.3
AT_HEAD = 1.5  # times what the same word counts further down
AGAIN = 0.25  # of its weight for the second and third time a word stands there
STRONG, MARGIN = 0.5, 0.1  # least score, least lead over the second as a share of the first
N_SUGGESTED = 3
FEW = 20  # texts for which an automaton of all words is not worth building
CLAUSE_END = re.compile(r"[。！？；!?;\n]")
COUNTED_PURPOSE = re.compile("检举|揭发|控告")
COURT_PURPOSE = re.compile("涉法涉诉|诉讼")
ADVICE_PURPOSE = re.compile("意见|建议")
ACCUSATION, COURT, ADVICE = "1407", "1207", "1408"


@dataclass(frozen=True)
class Keyword:
    issue_code: str
    word: str
    kind: str
    weight: float
    purpose: str  # counts only where the purpose has one of these, joined by |; empty = always


@dataclass(frozen=True)
class Span:
    """A matched word where it stands: text[start:end]; of a word with gaps one span a part."""

    start: int
    end: int
    issue_code: str
    word: str
    kind: str


@dataclass(frozen=True)
class Match:
    ranked: list[tuple[str, float]]  # issue code, score; best first, at most N_SUGGESTED
    spans: list[Span]  # in the order of the text; those of attitude words as well
    reason: str  # one Chinese sentence: why this, or why nothing
    is_abstained: bool
    scores: dict[str, float] = field(default_factory=dict)  # of every issue that scored


@dataclass(frozen=True)
class Issue:
    issue_code: str
    issue_name: str
    group_code: str
    is_counted_only: bool


@dataclass(frozen=True)
class Library:
    issues: dict[str, Issue]
    keywords: dict[str, list[Keyword]]  # by word
    exclusions: dict[str, list[tuple[tuple[str, ...], str]]]  # issue → (words, reroute_to)
    parts: dict[str, tuple[str, ...]]  # word → its parts
    by_first: dict[str, list[str]]  # first part → words
    order: dict[str, int]  # word → its turn: the longest first
    all_parts: list[str]


def load(reference: Path) -> Library:
    """The library in force. `reference`: HOME/reference, may be missing. SourceError names file, row and column."""
    with (SEEDS / "issue.csv").open(encoding="utf-8", newline="") as file:
        issues = {
            row["issue_code"]: Issue(
                row["issue_code"], row["issue_name"], row["group_code"], row["is_counted_only"] == "true"
            )
            for row in csv.DictReader(file)
        }
    keywords: dict[str, list[Keyword]] = defaultdict(list)
    for name, number, row in tables.read(
        SEEDS / "keyword.csv",
        reference,
        KEYWORD_COLUMNS,
        ("issue_code", "word"),
        key=lambda row: (row["issue_code"], row["word"]),
    ):
        keywords[row["word"]].append(_keyword(name, number, row, issues))
    exclusions: dict[str, list[tuple[tuple[str, ...], str]]] = defaultdict(list)
    parts = {word: tuple(word.split("…")) for word in keywords}
    for name, number, row in tables.read(
        SEEDS / "keyword_exclusion.csv",
        reference,
        EXCLUSION_COLUMNS,
        ("issue_code", "words"),
        key=lambda row: (row["issue_code"], row["reroute_to"]),
    ):
        for column in ("issue_code", "reroute_to"):
            if row[column] not in issues and (row[column] or column == "issue_code"):
                raise tables.fault(name, number, column, f"“{row[column]}”", "事项表里有的代码")
        words = tuple(row["words"].split())
        for word in words:
            _check_word(name, number, "words", word)
        exclusions[row["issue_code"]].append((words, row["reroute_to"]))
        parts |= {word: tuple(word.split("…")) for word in words}
    by_first: dict[str, list[str]] = defaultdict(list)
    for word in parts:
        by_first[parts[word][0]].append(word)
    order = {word: turn for turn, word in enumerate(sorted(parts, key=lambda word: (-len(word), word)))}
    all_parts = list(dict.fromkeys(part for some in parts.values() for part in some))
    return Library(issues, dict(keywords), dict(exclusions), parts, dict(by_first), order, all_parts)


def _keyword(name: str, number: int, row: tables.Row, issues: dict[str, Issue]) -> Keyword:
    if row["issue_code"] not in issues:
        raise tables.fault(name, number, "issue_code", f"“{row['issue_code']}”", "事项表里有的代码")
    _check_word(name, number, "word", row["word"])
    kind = row["kind"] or OBJECT
    if kind not in (OBJECT, ATTITUDE):
        raise tables.fault(name, number, "kind", f"“{kind}”", f"{OBJECT}或{ATTITUDE}")
    most = MAX_ATTITUDE if kind == ATTITUDE else 1.0
    try:
        weight = float(row["weight"] or most)
    except ValueError:
        weight = -1.0
    if not 0 < weight <= most:
        raise tables.fault(name, number, "weight", f"“{row['weight']}”", f"大于 0、不超过 {most:g} 的数（{kind}词）")
    return Keyword(row["issue_code"], row["word"], kind, weight, row["purpose"])


def _check_word(name: str, number: int, column: str, word: str) -> None:
    parts = word.split("…")
    if len(parts[0]) < (2 if len(parts) == 1 else 1) or not all(parts) or len(word) > 30:
        raise tables.fault(name, number, column, f"“{word}”", "两到三十个字；中间可隔字的地方写“…”，不放在开头和结尾")
    if any(CLAUSE_END.search(part) or any(char.isspace() for char in part) for part in parts):
        raise tables.fault(name, number, column, f"“{word}”", "不含空格、句号、问号、感叹号和分号的词")


def match(library: Library, text: str, purpose: str | None = None) -> Match:
    """What the words of one redacted text point to."""
    return _judge(library, text, purpose or "", {part for part in library.all_parts if part in text})


def match_all(library: Library, texts: list[str], purposes: list[str | None]) -> list[Match]:
    """`match` of many texts, all looked through at once."""
    if len(texts) < FEW:
        return [match(library, text, purpose) for text, purpose in zip(texts, purposes, strict=True)]
    seen = pl.Series("text", texts, dtype=pl.String).to_frame()
    seen = seen.select(pl.col("text").str.extract_many(library.all_parts, overlapping=True))  # Aho–Corasick
    return [
        _judge(library, text, purpose or "", set(hits))
        for text, purpose, hits in zip(texts, purposes, seen["text"].to_list(), strict=True)
    ]


def scores(library: Library, texts: list[str], purposes: list[str | None], codes: list[str]) -> npt.NDArray[np.float32]:
    """What each issue of `codes` scores in each text: texts × codes."""
    at = {code: k for k, code in enumerate(codes)}
    out = np.zeros((len(texts), len(codes)), dtype=np.float32)
    for row, found in enumerate(match_all(library, texts, purposes)):
        for code, score in found.scores.items():
            if code in at:
                out[row, at[code]] = score
    return out


def is_attitude_only(found: Match) -> bool:
    """Words of attitude and nothing about the thing itself."""
    return bool(found.spans) and all(span.kind == ATTITUDE for span in found.spans)


def _judge(library: Library, text: str, purpose: str, hits: set[str]) -> Match:
    """`hits`: the parts of words that stand somewhere in the text."""
    if COUNTED_PURPOSE.search(purpose):
        return Match(
            [(ACCUSATION, 1.0)], [], "检举控告只计数、不作内容分析，请按规定程序转送。", False, {ACCUSATION: 1.0}
        )
    if COURT_PURPOSE.search(purpose):
        return Match([(COURT, 1.0)], [], "属涉法涉诉，请导入法定程序。", False, {COURT: 1.0})
    words = [
        word
        for first in hits & library.by_first.keys()
        for word in library.by_first[first]
        if hits.issuperset(library.parts[word])
    ]
    spans = _spans(library, text, words, purpose)
    scores: dict[str, float] = defaultdict(float)
    attitude: dict[str, float] = defaultdict(float)
    seen: dict[tuple[str, str], list[Span]] = defaultdict(list)
    for span in spans:
        seen[span.issue_code, span.word].append(span)
    for (code, word), places in seen.items():
        keyword = next(one for one in library.keywords[word] if one.issue_code == code)
        times = len(places) // len(library.parts[word])
        weight = keyword.weight * (AT_HEAD if places[0].start < HEAD else 1) * (1 + AGAIN * min(times - 1, 2))
        (attitude if keyword.kind == ATTITUDE else scores)[code] += weight
    _reroute(library, text, words, scores)
    if ADVICE_PURPOSE.search(purpose) and ADVICE in library.issues:
        scores[ADVICE] += 1.0
    ranked = sorted(scores.items(), key=lambda one: (-one[1], one[0]))[:N_SUGGESTED]
    if not ranked:
        reason = "只有说态度的词，没有说事情的词，请人工判断。" if attitude else "没有找到词库里的词，请人工判断。"
        weak = sorted(attitude.items(), key=lambda one: (-one[1], one[0]))[:N_SUGGESTED]
        return Match(weak, spans, reason, True, dict(attitude))
    named = "、".join(f"“{word}”" for word in dict.fromkeys(s.word for s in spans if s.issue_code == ranked[0][0]))
    reason = f"文中有{named}。" if named else f"按{'信访目的' if ranked[0][0] == ADVICE else '易混词表'}归类。"
    if ranked[0][1] < STRONG:
        return Match(ranked, spans, f"{reason[:-1]}，但都不是有把握的词，请人工判断。", True, dict(scores))
    if len(ranked) > 1 and ranked[0][1] - ranked[1][1] < MARGIN * ranked[0][1]:
        second = library.issues[ranked[1][0]].issue_name
        return Match(ranked, spans, f"{reason[:-1]}，与“{second}”分不出主次，请人工判断。", True, dict(scores))
    return Match(ranked, spans, reason, False, dict(scores))


def _reroute(library: Library, text: str, words: list[str], scores: dict[str, float]) -> None:
    """What an issue scored goes to the issue its exclusion names. Decided on the text alone, so the order is no matter."""
    moved: dict[str, float] = defaultdict(float)
    for code in [code for code in scores if code in library.exclusions]:
        for excluding, target in library.exclusions[code]:
            if any(word in words and _find(library.parts[word], text, 0) for word in excluding):
                moved[target] += scores.pop(code)
                break
    for code, score in moved.items():
        if code:
            scores[code] += score


def _spans(library: Library, text: str, words: list[str], purpose: str) -> list[Span]:
    """The words in the text, the longest first and each using up its characters."""
    used = bytearray(len(text))
    spans = []
    for word in sorted(words, key=library.order.__getitem__):
        keywords = [one for one in library.keywords.get(word, ()) if not one.purpose or _is_for(one, purpose)]
        start = 0
        while keywords and (places := _find(library.parts[word], text, start)):
            start = places[0][0] + 1
            if any(any(used[a:b]) for a, b in places):
                continue
            for a, b in places:
                used[a:b] = b"\1" * (b - a)
            spans += [Span(a, b, one.issue_code, word, one.kind) for one in keywords for a, b in places]
    return sorted(spans, key=lambda span: (span.start, span.issue_code))


def _is_for(keyword: Keyword, purpose: str) -> bool:
    return any(said in purpose for said in keyword.purpose.split("|"))


def _find(parts: tuple[str, ...], text: str, start: int) -> list[tuple[int, int]]:
    """Where the parts stand, in order and with at most GAP characters of one clause between them; [] = nowhere."""
    while (at := text.find(parts[0], start)) >= 0:
        places = [(at, at + len(parts[0]))]
        if len(parts) == 1:
            return places
        for part in islice(parts, 1, None):
            end = places[-1][1]
            stop = CLAUSE_END.search(text, end, end + GAP + len(part))
            at_part = text.find(part, end, min(end + GAP + len(part), stop.start() if stop else len(text)))
            if at_part < 0:
                break
            places.append((at_part, at_part + len(part)))
        else:
            return places
        start = at + 1
    return []
