"""Which words are new, or suddenly frequent, in the texts of the last one or four weeks?

No dictionary: a new estate, shop or policy is in none. Candidates are strings of 2–4 characters; one that is
significantly more frequent than before grows to the longest string (at most MAX_LENGTH) that carries the same items, so
that 换热, 热站 and 路换热站 become 安宁路换热站. Words that share most of their items are one topic.

How frequent: items, not occurrences, in a window of one or four weeks, against the 52 weeks before the window of four.
Given both counts, that of the window follows a binomial (the conditional test of two Poisson rates: Przyborowski and
Wilenski 1940, Biometrika 31:313), here with Jeffreys' ½ for the history and with both counts divided by the
word's own overdispersion from week to week, as in a quasi-Poisson model. What is expected is counted source by source:
a source that has just been connected, or that grows, makes no words. A word that was as frequent in the same weeks of
last year (heating, term begins) is measured against those. Over all strings seen in the window, the false discovery
rate is held at FDR (Benjamini and Hochberg 1995, valid here under positive dependence).

Names of persons never become words: see `is_name_like`.
"""

import hashlib
import re
from collections.abc import Iterable, Sequence
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy.special import betainc

from pipelines import names, redact
from pipelines.config import SEEDS

JUDGED_WEEKS = 13
WINDOWS = (1, 4)  # weeks
HISTORY_WEEKS = 52
SEASON_MARGIN = 2  # weeks either side of the same week last year
MIN_HISTORY_WEEKS = 13  # of a source, below which its items are not looked at
RECENT_WEEKS = JUDGED_WEEKS + WINDOWS[-1]  # those judged and what their windows reach back to
READ_WEEKS = RECENT_WEEKS + HISTORY_WEEKS
MIN_ITEMS, MIN_TEXTS = 5, 3  # items, and how many differ: one letter sent again and again is no word of the city
MIN_SEASON_ITEMS = 5
MIN_RATIO = 3.0  # observed to expected
MAX_SHARE = 0.2  # of the window's items of a source, beyond which it is the form that changed and not the city
FDR = 0.05
MAX_CHANCE_PER_YEAR = {2: 0.1, 3: 1.0}  # by characters, 3 or more: two are part of too many other words
SEED_LENGTHS = (2, 3, 4)
MAX_LENGTH = 16  # a sentence that all write alike is a phrase of its own; beyond it is cut
SAME = 0.8  # of the items, to be the same string grown longer
TOPIC_SHARE = 0.6  # of the smaller one's items, to be one topic
N_OTHERS, N_EXAMPLES = 5, 3
CHUNK_WEEKS = 8  # of the history at a time
MAX_TEXT = 600  # characters of an item that are read
PLACE_SHARE = 0.6  # of the items, to be said to be at a place

SCHEMA = {
    "word_id": pl.String, "week_start_on": pl.Date, "word": pl.String, "words": pl.String, "window_weeks": pl.Int64,
    "n_events": pl.Int64, "n_before": pl.Float64, "expected": pl.Float64, "p_value": pl.Float64,
    "chance_per_year": pl.Float64, "issue_code": pl.String, "place_level": pl.String, "place_code": pl.String,
    "first_seen_on": pl.Date, "examples": pl.String,
}  # fmt: skip

_END = 0  # of a run of Chinese characters
_BASE = 0x3400  # the first of them; 15 bits hold every one
_NUMBER = "[0-9０-９][0-9０-９.]*[天日月年时分秒个户名次件元万米度平层楼号多余节]*"
_MONTH = r"[一二三四五六七八九十]{1,3}(?:个?月|日|号|年)|[上中下]旬|(?:周|星期|礼拜)[一二三四五六日天末]"
_EDGE = "的了我们你您他她它这那也都就很但而且或在把被与及将给让已是一没不又还才再刚仍着过得之其该此于以并则却呢吗吧啊"
_FUNCTION = "已经|因为|所以|但是|如果|没有|可以|现在|目前|一直|一连|连续|已有|仍在|正在|还是|不是|就是|有的|购买|公司说|打电话后?"
_ADVERB = f"^(?:{_FUNCTION})+|(?:{_FUNCTION}|是.)+$"
_WISH = "^(?:要求|希望|请求|建议|逾期|多次)"  # begins no name of a topic
# What is done, said or felt, and the words of the form: alone they do not tell what it is about.
_NO_NOUN = (
    r"^(?:要求|希望|请求|反映|投诉|答复|回复|处理|解决|协调|通知|告知|突然|退不|不退|没发|发现|出现|范围|情况|问题|时候|已经"
    r"|没有|说法|准信|[放关停拆退交说问找发来去看做打收给买卖涨降修换开住][水门工了]?|[上下里外内前后]|[塔吊]已拆|吵得)*$"
)


Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


def find(
    items: pl.DataFrame, places: pl.DataFrame, *, weeks: Sequence[date], others: Iterable[pl.DataFrame] = ()
) -> pl.DataFrame:
    """The topics of each judged week: SCHEMA, by week and p_value; `word` stands for its topic, `words` are the others.

    items: an item a row, event_key, source, registered_on, issue_code, county_code, town_code, community_code, text
    (redacted; null is passed over): what is looked at for candidates. others: further items, in parts, which are only counted.
    The weeks before the judged ones may be a sample: what is expected goes by share of items. places: the `place` mart.
    weeks: Mondays of the complete weeks; the last JUDGED_WEEKS are judged, each by what was registered up to its Sunday.
    n_events, expected: items in the window; n_before: items a week as they were before; chance_per_year: how many
    words as improbable as this one chance alone brings in a year; examples: event_keys, comma-separated.
    """
    weeks = sorted(weeks)[-READ_WEEKS:]
    if len(weeks) < MIN_HISTORY_WEEKS + WINDOWS[-1]:
        return pl.DataFrame(schema=SCHEMA)
    searched = _corpus(items, places, weeks)
    judged = range(max(MIN_HISTORY_WEEKS + WINDOWS[-1] - 1, len(weeks) - JUDGED_WEEKS), len(weeks))
    found = {} if searched.is_empty() else _candidates(searched, len(weeks), judged)
    strings = pl.Series(sorted({word for strings, _ in found.values() for word in strings}), dtype=pl.String)
    says_more = _without(strings, _gazetteer(places, with_short=True), "").str.len_chars() > 1
    words = [word for word in strings.filter(says_more) if not is_name_like(word)]
    if not words:
        return pl.DataFrame(schema=SCHEMA)
    parts = [_carriers(searched, words)]
    parts += [_carriers(_corpus(part, places, weeks), words) for part in others]
    corpus = pl.concat([part for part, _ in parts]).sort("week", "event_key")
    n_read = pl.concat([n for _, n in parts])
    carried = _carried(corpus, words)
    sizes = _Sizes(corpus, len(weeks), n_read)
    table = sizes.table(carried, len(words))
    rows: list[dict] = []
    for week in judged:
        grown, n_seen = found[week]
        tested = sizes.test(table, week).with_row_index("number").with_columns(pl.Series("word", words))
        tested = tested.filter(pl.col("word").is_in(grown))
        kept = tested.filter(pl.Series(_rejected(tested["p_value"].to_numpy(), n_seen))).with_columns(
            (pl.col("p_value") * n_seen * 52).alias("chance_per_year")
        )
        length = pl.col("word").str.len_chars().clip(upper_bound=max(MAX_CHANCE_PER_YEAR))
        kept = kept.filter(pl.col("chance_per_year") <= length.replace_strict(MAX_CHANCE_PER_YEAR))
        rows += [row | {"week_start_on": weeks[week]} for row in _topics(kept, carried, corpus, week, places)]
    if not rows:
        return pl.DataFrame(schema=SCHEMA)
    described = pl.DataFrame(_as_stories(rows), schema_overrides=SCHEMA, infer_schema_length=None)
    return described.select(list(SCHEMA)).sort("week_start_on", "p_value", "word")


# ---------------------------------------------------------------- texts


def _corpus(items: pl.DataFrame, places: pl.DataFrame, weeks: Sequence[date]) -> pl.DataFrame:
    """The items of these weeks with `week` (its number) and their text cut at all that is no word."""
    first = weeks[0]
    number = {monday: n for n, monday in enumerate(weeks)}
    kept = items.filter(
        pl.col("registered_on").is_between(first, weeks[-1] + timedelta(days=6)) & pl.col("text").is_not_null()
    ).with_columns(
        pl.col("registered_on").dt.truncate("1w").replace_strict(number, default=None, return_dtype=pl.Int64).alias("week"),
        pl.col("text").str.slice(0, MAX_TEXT),
    )  # fmt: skip
    kept = kept.filter(pl.col("week").is_not_null()).sort("week", "event_key")
    text = _without(kept["text"], _gazetteer(places), "\n")
    text = (
        text.str.replace_all("〔[^〔〕]*〕", "\n")
        .str.replace_all(f"{_NUMBER}|{_MONTH}", "\n")
        .str.replace_all("[^㐀-鿿]+", "\n")
    )
    return kept.with_columns(text.alias("text"))


def _without(text: pl.Series, place_names: set[str], mark: str) -> pl.Series:
    """The text with `mark` in place of names of places."""
    known = sorted(place_names, key=lambda name: (-len(name), name))  # of two that begin together the longer
    return text.str.replace_many(known, [mark] * len(known), leftmost=True) if known else text


def _gazetteer(places: pl.DataFrame, *, with_short: bool = False) -> set[str]:
    """The names of places; with_short: also without 区, 街道 or 社区, as people say them."""
    named = places["place_name"].drop_nulls().unique()
    named = named.filter(named.str.len_chars() > 1)
    if not with_short:
        return set(named)
    short = named.str.replace("(?:自治州|自治县|街道|社区|居委会|村委会|省|市|区|县|乡|镇|村)$", "")
    return {*named, *short.filter(short.str.len_chars() > 1)}


def _codes(text: pl.Series, first: int = 0) -> tuple[npt.NDArray[np.uint64], Ints]:
    """The characters of all texts, 0 where a run ends, and the number of the text each belongs to, from `first`."""
    joined = np.frombuffer(("\n".join(text) + "\n").encode("utf-32-le"), np.uint32).astype(np.uint64)
    codes = np.where(joined >= _BASE, joined - np.uint64(_BASE - 1), np.uint64(_END))
    return codes, np.repeat(np.arange(first, first + len(text)), text.str.len_chars().to_numpy() + 1)


def _keys(codes: npt.NDArray[np.uint64], length: int) -> tuple[npt.NDArray[np.uint64], Ints]:
    """Every string of this length as one number, and where it begins."""
    n = max(0, len(codes) - length + 1)
    keys, is_whole = np.zeros(n, np.uint64), np.ones(n, bool)
    for offset in range(length):
        part = codes[offset : offset + n]
        keys = (keys << np.uint64(15)) | part
        is_whole &= part != _END
    at = np.flatnonzero(is_whole)
    return keys[at], at


def _strings(codes: npt.NDArray[np.uint64], doc: Ints, length: int) -> pl.DataFrame:
    """key, doc: each occurrence of a string of this length in an item."""
    keys, at = _keys(codes, length)
    return pl.DataFrame({"key": keys, "doc": doc[at]})


def _spelled(key: int, length: int) -> str:
    return "".join(chr((key >> 15 * (length - 1 - n) & 0x7FFF) + _BASE - 1) for n in range(length))


def _inside(week_of: Ints, week: int, window: int = WINDOWS[-1]) -> npt.NDArray[np.bool_]:
    """Is a week one of the window that ends with `week`?"""
    return (week_of > week - window) & (week_of <= week)


# ---------------------------------------------------------------- counts and their test


class _Sizes:
    """How many items were read, source by source and week by week (n), and what is to be expected of strings in them."""

    def __init__(self, corpus: pl.DataFrame, n_weeks: int, n_read: pl.DataFrame | None = None) -> None:
        """`n_read`: source, week, len, where `corpus` is not all that was read."""
        read = corpus.group_by("source", "week").len() if n_read is None else n_read
        sources = read["source"].unique().sort()
        number = pl.col("source").replace_strict(sources, range(len(sources)), return_dtype=pl.Int64)
        cell = number * n_weeks + pl.col("week")
        self.cell = corpus.select(cell).to_series().to_numpy()  # of each item
        n = np.bincount(read.select(cell).to_series(), read["len"], minlength=len(sources) * n_weeks)
        self.n = n.astype(np.int64).reshape(-1, n_weeks)

    def table(self, carried: pl.DataFrame, n_strings: int) -> Ints:
        """Items by string × source × week; carried: which item (doc) has which string (number), each pair once."""
        cells = carried["number"].to_numpy().astype(np.int64) * self.n.size + self.cell[carried["doc"].to_numpy()]
        return np.bincount(cells, minlength=n_strings * self.n.size).reshape(n_strings, *self.n.shape)

    def test(self, table: Ints, week: int) -> pl.DataFrame:
        """A string of `table` a row: window_weeks (the more telling), n_events, expected, n_before, p_value of this week."""
        end = week - WINDOWS[-1] + 1
        before = slice(max(0, end - HISTORY_WEEKS), end)
        last_year = slice(max(0, week - 52 - SEASON_MARGIN), max(0, week - 52 + SEASON_MARGIN + 1))
        is_old = (self.n[:, before] > 0).sum(axis=1) >= MIN_HISTORY_WEEKS
        sizes, table = self.n[is_old], table if is_old.all() else table[:, is_old]

        def shares(span: slice) -> tuple[Floats, Floats]:
            """Of the items of each source (string × source), and of all how many (string), that carry it."""
            counts = table[:, :, span].sum(axis=2)
            return counts / np.maximum(sizes[:, span].sum(axis=1), 1), counts.sum(axis=1).astype(float)

        (usual, known), (seasonal, season) = shares(before), shares(last_year)
        spread = self._spread(table[:, :, before].sum(axis=1), usual @ sizes[:, before])
        answers = []
        for window in WINDOWS:
            inside = slice(week - window + 1, week + 1)
            counts, now = table[:, :, inside].sum(axis=2), sizes[:, inside].sum(axis=1)
            observed = counts.sum(axis=1)
            is_season = (season >= MIN_SEASON_ITEMS) & (seasonal @ now > usual @ now)
            expected = np.where(is_season, seasonal @ now, usual @ now)
            before_it = np.where(is_season, season, known)
            # how much the window weighs beside the history: by the sources of the string, by all where it is new
            overall = now.sum() / max(1, sizes[:, before].sum())
            ratio = np.where(before_it > 0, expected / np.maximum(before_it, 1), overall)
            p = betainc(np.maximum(observed, 1) / spread, before_it / spread + 0.5, ratio / (1 + ratio))
            is_form = (counts > MAX_SHARE * now).any(axis=1)
            is_tested = (observed >= np.maximum(MIN_ITEMS, MIN_RATIO * expected)) & ~is_form
            p = np.where(is_tested, np.minimum(1.0, p * len(WINDOWS)), 1.0)
            answers.append(
                {"window_weeks": np.full(len(p), window), "n_events": observed, "expected": expected, "p_value": p}
            )
        better = answers[1]["p_value"] < answers[0]["p_value"]
        chosen = {name: np.where(better, answers[1][name], answers[0][name]) for name in answers[0]}
        weekly = (
            sizes[:, end : week + 1].sum(axis=1) / WINDOWS[-1]
        )  # as large as the present weeks: the history may be a sample
        return pl.DataFrame({**chosen, "n_before": usual @ weekly})

    @staticmethod
    def _spread(weekly: Ints, usual: Floats) -> Floats:
        """How much more a string varies from week to week than chance does (string × week, of the history): 1 or more."""
        n = max(2, weekly.shape[1])
        return np.maximum(1.0, ((weekly - usual) ** 2).sum(axis=1) / np.maximum(usual.sum(axis=1), 1e-9) * n / (n - 1))


def _rejected(p: Floats, n_tested: int) -> npt.NDArray[np.bool_]:
    """Benjamini and Hochberg's step-up among n_tested, of which those not in `p` have p = 1."""
    order = np.sort(p)
    below = np.flatnonzero(order <= FDR * np.arange(1, len(p) + 1) / max(1, n_tested))
    return p <= order[below[-1]] if len(below) else np.zeros(len(p), bool)


# ---------------------------------------------------------------- candidates


def _candidates(corpus: pl.DataFrame, n_weeks: int, judged: range) -> dict[int, tuple[list[str], int]]:
    """For each judged week: the strings that grew from significant ones, and how many strings were seen in its window."""
    sizes = _Sizes(corpus, n_weeks)
    start = np.searchsorted(corpus["week"].to_numpy(), np.arange(n_weeks + 1))
    first_recent = judged.start - WINDOWS[-1] + 1
    found: dict[int, set[str]] = {week: set() for week in judged}
    n_seen = dict.fromkeys(judged, 0)
    recent = _codes(corpus["text"][int(start[first_recent]) :], int(start[first_recent]))
    week_of = corpus["week"].to_numpy()
    for length in SEED_LENGTHS:
        carried = _strings(*recent, length).unique(maintain_order=False)
        seeds = carried.group_by("key").len().filter(pl.col("len") >= MIN_ITEMS).sort("key").select("key")
        seeds = seeds.with_row_index("number")
        if seeds.is_empty():
            continue
        for week in judged:
            n_seen[week] += carried["key"].filter(_inside(week_of[carried["doc"].to_numpy()], week)).n_unique()
        table = sizes.table(carried.join(seeds, on="key"), len(seeds))
        for first in range(0, first_recent, CHUNK_WEEKS):  # memory stays that of the recent weeks
            at = int(start[first]), int(start[min(first + CHUNK_WEEKS, first_recent)])
            old = _strings(*_codes(corpus["text"][at[0] : at[1]], at[0]), length)
            table += sizes.table(old.join(seeds, on="key").unique(["number", "doc"]), len(seeds))
        for week in judged:
            enough = np.flatnonzero(table[:, :, week - WINDOWS[-1] + 1 : week + 1].sum(axis=(1, 2)) >= MIN_ITEMS)
            p = sizes.test(table[enough], week)["p_value"].to_numpy()
            significant = enough[_rejected(p, n_seen[week]) & (p < 1)]
            found[week] |= {_spelled(key, length) for key in seeds["key"].gather(significant)}
    text, answers = corpus["text"], {}
    for week in judged:
        window = text[int(start[week - WINDOWS[-1] + 1]) : int(start[week + 1])]
        answers[week] = (sorted(_grown(found[week], window)), n_seen[week])
    return answers


def _grown(seeds: set[str], texts: pl.Series) -> set[str]:
    """Each seed as the longest string that at least SAME of its items carry."""
    if not seeds:
        return set()
    codes, doc = _codes(texts)
    codes = np.concatenate([np.zeros(MAX_LENGTH, np.uint64), codes, np.zeros(MAX_LENGTH, np.uint64)])
    strings: dict[str, int] = {}
    for length in reversed(SEED_LENGTHS):
        keys, at = _keys(codes, length)
        order = np.argsort(keys, kind="stable")
        keys, at = keys[order], at[order]
        for seed in sorted(seed for seed in seeds if len(seed) == length):
            key = 0
            for character in seed:
                key = key << 15 | ord(character) - _BASE + 1
            first, last = np.searchsorted(keys, np.uint64(key)), np.searchsorted(keys, np.uint64(key), side="right")
            if any(seed in string and n >= SAME * (last - first) for string, n in strings.items()):
                continue  # it would grow to the same
            string, n = _grow(np.sort(at[first:last]), length, codes, doc)
            strings[string] = n
    trimmed = {_trimmed(string) for string in strings}
    return {string for string in trimmed if _says_what(string)}


def _says_what(string: str) -> bool:
    return len(string) > 1 and not re.match(_NO_NOUN, string)


def _trimmed(string: str) -> str:
    """Without what begins or ends no word of content.

    >>> [_trimmed(string) for string in ["暖气不热已", "暖气片是凉", "一连", "购买盛世佳苑", "没发"]]
    ['暖气不热', '暖气片', '', '盛世佳苑', '发']
    """
    while (shorter := re.sub(_ADVERB, "", string).strip(_EDGE)) != string:
        string = shorter
    return string


def _grow(at: Ints, length: int, codes: npt.NDArray[np.uint64], doc: Ints) -> tuple[str, int]:
    """The string of `length` that begins at each of `at`, longer by a character on the side that more items agree on,
    and its number of occurrences."""
    needed = SAME * len(np.unique(doc[at - MAX_LENGTH]))
    while length < MAX_LENGTH:
        best: tuple[int, Ints, int] = (0, at, 0)
        for offset in (length, -1):
            beside = codes[at + offset]
            characters, n = np.unique(beside[beside != _END], return_counts=True)
            if len(n):
                agreed = at[beside == characters[n.argmax()]]
                n_items = len(np.unique(doc[agreed - MAX_LENGTH]))
                if n_items >= needed and n_items > best[0]:
                    best = (n_items, agreed, offset)
        if not best[0]:
            break
        at, length = best[1] + min(best[2], 0), length + 1
    return "".join(chr(int(code) + _BASE - 1) for code in codes[at[0] : at[0] + length]), len(at)


def _carriers(corpus: pl.DataFrame, words: list[str]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The items that carry one of the words; how many were read of each source and week."""
    return corpus.filter(pl.col("text").str.contains_any(words)), corpus.group_by("source", "week").len()


def _carried(corpus: pl.DataFrame, words: list[str]) -> pl.DataFrame:
    """Which item (doc: its row) carries which word (its number)? Each pair once."""
    matched = corpus.select(
        pl.int_range(pl.len()).alias("doc"), pl.col("text").str.extract_many(words, overlapping=True).alias("word")
    )
    pairs = matched.filter(pl.col("word").list.len() > 0).explode("word").unique().sort("doc", "word")
    numbers = pl.col("word").replace_strict(words, list(range(len(words))), return_dtype=pl.Int64)
    return pairs.select("doc", numbers.alias("number"))


# ---------------------------------------------------------------- topics


def _topics(
    kept: pl.DataFrame, carried: pl.DataFrame, corpus: pl.DataFrame, week: int, places: pl.DataFrame
) -> list[dict]:
    """The words of a week, those that share most of their items as one: the most telling word and the others."""
    weeks = corpus["week"].to_numpy()
    topics: list[dict] = []
    by_word = kept.sort(["p_value", pl.col("word").str.len_chars(), "word"], descending=[False, True, False])
    for row in by_word.iter_rows(named=True):
        docs = carried.filter(pl.col("number") == row["number"])["doc"].to_numpy()
        docs = docs[_inside(weeks[docs], week, row["window_weeks"])]
        if corpus["text"].gather(docs).n_unique() < MIN_TEXTS:
            continue
        items = set(docs.tolist())
        about = _described(corpus[docs], places)
        for topic in topics:
            shared = len(items & topic["items"]) / min(len(items), len(topic["items"]))
            is_akin = all(about[name] == topic[name] for name in ("issue_code", "place_code"))
            if shared >= TOPIC_SHARE or (is_akin and any(_overlap(row["word"], word) for word in topic["all"])):
                topic["all"].append(row["word"])
                if is_akin:
                    topic["items"] |= items  # one event told in phrases that no item has together
                if _is_weak(topic["word"]) and not _is_weak(row["word"]) and row["n_events"] >= topic["n_events"]:
                    topic |= row | about | {"first_seen_on": _first_seen(row, carried, corpus)}
                break
        else:
            first = _first_seen(row, carried, corpus)
            topics.append(row | about | {"first_seen_on": first, "items": items, "all": [row["word"]]})
    for topic in topics:
        del topic["items"], topic["number"]
    return topics


def _first_seen(row: dict, carried: pl.DataFrame, corpus: pl.DataFrame) -> date:
    carriers = carried.filter(pl.col("number") == row["number"])["doc"]
    return corpus["registered_on"].gather(carriers).min()  # type: ignore[return-value]


def _is_weak(word: str) -> bool:
    """A wish, or a sentence that was cut: it says less of the topic than another word of the same items."""
    return bool(re.match(_WISH, word)) or len(word) >= MAX_LENGTH - 1


def _overlap(one: str, other: str, length: int = 3) -> bool:
    """Have the two words so many characters in a row in common?"""
    return any(one[at : at + length] in other for at in range(len(one) - length + 1))


def _described(items: pl.DataFrame, places: pl.DataFrame) -> dict:
    """Issue, place and examples of the items that carry a word in the window."""
    level, code = "city", places.filter(pl.col("place_level") == "city")["place_code"].min()
    for name in ("county", "town"):  # the levels at which warnings are given
        common = (
            items[f"{name}_code"].drop_nulls().value_counts().sort(["count", f"{name}_code"], descending=[True, False])
        )
        if common.is_empty() or common["count"][0] < PLACE_SHARE * len(items):
            break
        level, code = name, common[f"{name}_code"][0]
    issue = items["issue_code"].value_counts().sort(["count", "issue_code"], descending=[True, False])["issue_code"][0]
    newest = items.unique("text", keep="first", maintain_order=True).sort(
        ["registered_on", "event_key"], descending=[True, False]
    )
    return {
        "issue_code": issue, "place_level": level, "place_code": code,
        "examples": ",".join(newest["event_key"].head(N_EXAMPLES)),
    }  # fmt: skip


def _as_stories(rows: list[dict]) -> list[dict]:
    """word_id: of the word by which a topic was first known, as long as one of its words is carried on. Rows of a week
    that turn out to be one story are one row."""
    known: dict[str, tuple[str, date]] = {}
    stories: dict[tuple[str, date], dict] = {}
    for row in rows:
        week, words = row["week_start_on"], row.pop("all")
        carried_on = [known[word][0] for word in words if word in known and week - known[word][1] <= timedelta(weeks=4)]
        id_ = carried_on[0] if carried_on else hashlib.blake2b(row["word"].encode(), digest_size=6).hexdigest()
        known |= dict.fromkeys(words, (id_, week))
        story = stories.setdefault((id_, week), row | {"word_id": id_, "all": []})
        story["all"] += words
    for story in stories.values():
        others: list[str] = []
        for word in story.pop("all"):
            if not any(word in seen or seen in word or _overlap(word, seen) for seen in (story["word"], *others)):
                others.append(word)
        story["words"] = "、".join(others[:N_OTHERS])
    return list(stories.values())


# ---------------------------------------------------------------- names


_SEED = pl.read_csv(SEEDS / "surname_word.csv", infer_schema=False)
_COMMON = {surname + second for surname, seconds in _SEED.iter_rows() for second in seconds}
_COMPOUND = tuple(names.COMPOUND.split("|"))
_BEFORE_NAME = tuple(
    {
        *"|".join((names.STRONG_CUES, names.WEAK_CUES, names.PERSON_CUES, names.NAMING, names.WEAK_TITLES)).split("|"),
        *["举报", "投诉", "控告", "起诉", "状告", "感谢", "表扬", "反映", "名叫"],
    }
)
_THING = "园苑府路街站厂店场馆院校局巷镇乡村区县市所处社"  # ends the name of a place or unit, hardly ever a given name
_LONG_THING = _THING + "城里庭居楼桥司目地部"


def is_name_like(word: str) -> bool:
    """Could this be, or hold, a person's name? In doubt yes: a word lost is better than a person shown.

    A string that begins with a surname and no common word (`names`), unless it ends as places and units do; any that
    the redaction would change; any with a surname after a cue or a preposition. What remains: a name whose surname
    begins a common word (高兴, 万方), and that no cue betrayed to the redaction, if five texts or more carry it.

    >>> [is_name_like(word) for word in ["张伟强", "举报刘洋", "队长李小明", "伊景园", "丽发新城", "搅拌站"]]
    [True, True, True, False, False, False]
    """
    if word.startswith(_COMPOUND):
        return not word.endswith(tuple(_LONG_THING))
    if word[0] in names.SURNAMES + names.RARE and word[:2] not in _COMMON:
        is_short = len(word) <= 4 or word[0] in names.SURNAMES
        if is_short and not (len(word) > 2 and word.endswith(tuple(_THING if len(word) == 3 else _LONG_THING))):
            return True
    for at in range(1, len(word) - 1):
        is_surname = word[at] in names.SURNAMES and word[at : at + 2] not in _COMMON
        if (is_surname or word[at:].startswith(_COMPOUND)) and (
            word[:at].endswith(_BEFORE_NAME) or word[at - 1] in "向由找叫是跟被让老小姓"
        ):
            return True
    return redact.redact(pl.Series([word]))[0][0] != word
