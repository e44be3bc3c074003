"""Which items raise one matter: the same concrete object (an estate, a site, a firm, a road) and the same problem?

Items come week by week. Each joins the matter it most probably belongs to, or starts one (a leader clustering, Hartigan
1975, with the prior of a Chinese restaurant process: large matters attract more). What is weighed, in nats:

    text    sum over the character trigrams g of the item of  p(g | matter) · −ln share(g outside the matter),
            only where that share is below MAX_SHARE. The share is taken within the issue's group, over the last
            WINDOW_WEEKS: what many write anywhere (greetings, the phrases of clerks and of form letters, the words of
            an issue) says nothing; what is written here and hardly elsewhere is the name of something. The matter
            itself, and this week's items of its own town, do not count as elsewhere: a matter does not become common
            by being large. Long texts share more by chance, hence LENGTH_POWER.
    place   the names of places are taken out of the texts and weighed by themselves: ln of the matter's items over
            the other items of the same issue in the same town (or county, or city, whichever is known to agree).
            Known counties that differ are never one matter, nor are issues of different groups.

At the end of a week matters of one place and issue are merged whose items nearly all share a name that is found hardly
anywhere else: one object told in two standard phrases.

Only matters with an item in the last WINDOW_WEEKS are looked at, so the state after a week depends on the items of
that week, on those WINDOW_WEEKS before and on what they were assigned to: nothing of ten years is clustered again, and
the weeks done so far may come from a cache. No item is compared by who wrote it; matters under MIN_EVENTS are not shown.

How rare a matter is: see `rarity`. How it is called: see `titles`.
"""

import hashlib
import itertools
import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy import sparse

MIN_EVENTS = 5  # a matter is shown from here on
WINDOW_WEEKS = 26
HEAD = 400  # characters of title and text that are looked at: what it is about comes first
GRAM = 3
GRAM_BITS = 23  # trigrams are hashed to 8 million numbers
MAX_SHARE = 0.01  # what a hundredth of the others write too is no name
BLOCK_ITEMS = 50_000  # looked at at a time, to bound the memory
OVERLAP_ITEMS = 5_000  # of a week, likewise
PRIOR_EVENTS = 50.0  # a group's shares lean on the city's as if it had that many more items
MIN_TEXT = 7.0  # about one trigram that nobody else writes
JOIN = 8.5
MERGE, MERGE_EVENTS = 4.0, 3  # matters of 3 items or more
MIN_NAME, CORE = 4.6, 0.7  # a name is in 70 % of the items of both
OTHER_ISSUE = 4.0  # nats against another issue of the same group
LENGTH, LENGTH_POWER = 60, 0.25

RECENT_WEEKS = 4  # size and speed in one: a matter's items of four weeks
HISTORY_WEEKS, MIN_HISTORY_WEEKS = 104, 26  # of other matters' sizes; with less than the second nothing is said
MIN_SIZE, ORDINARY = 3, 0.95  # the tail is fitted to sizes from 3 up to this quantile: beyond it real events count too
ALARM_PER_YEAR, RAREST_PER_YEAR = 2.6, 0.001  # half of what an office puts up with by default; no fit knows more
PLACE_SHARE = 0.8  # a matter is where so many of its items are
TITLE_ITEMS = 40  # a matter is called after its first items
SHORTEST, SHORTEST_NAME, LONGEST, LONGEST_NAME = 4, 3, 24, 12  # characters of a title
OWN_WORD = 0.5  # of an item for what it says: a title is what others say too
OBJECT_SHARE, SAME_NAME = 0.35, 0.4  # of the items name it; a name begins where fewer agree
RARE = 3.0  # nats from where a word is no commonplace: what is rarer says no more
PROBLEM_WORTH = {
    "joined": 1.5,  # to the object
    "word": 2.0,  # of the issue
    "bare": 0.6,  # and nothing else
    "title": 2.0,  # of the item, not its text
    "alone": 0.5,  # in the text, without object or word
}

ITEM_COLUMNS = [
    "event_key", "registered_on", "week_start_on", "county_code", "town_code", "community_code", "issue_code",
    "group_code", "title", "text",
]  # fmt: skip
ASSIGNED = {"event_key": pl.String, "week_start_on": pl.Date, "matter_id": pl.String}
MERGED = {"week_start_on": pl.Date, "matter_id": pl.String, "into_id": pl.String}
ORDER = ("registered_on", "text", "title", "event_key")  # in which items are looked at; nulls last

Ints = npt.NDArray[np.integer[Any]]
Floats = npt.NDArray[np.floating[Any]]

_REDACTED = r"〔[^〕]*〕|【[^】]*】"
_QUANTITY = r"[0-9０-９][0-9０-９.．,，]*[万千百亿余多几\s]*(?:元|块|年|月|日|天|点|时|小时|分|米|平|人|户|名|次|件|个|周|[^\p{L}])"


def assign(
    items: Iterable[pl.DataFrame], known: pl.DataFrame, merged: pl.DataFrame, *, place_names: list[str]
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Put the items of the new weeks into matters.

    `items`: ITEM_COLUMNS of the new weeks and of WINDOW_WEEKS before the first of them, in parts, all in ORDER, texts redacted
    and not null; `known`, `merged`: what this function said of the earlier weeks. The new weeks are those without a known
    item from the first such week on. Returns both of the new weeks only: ASSIGNED, every item's matter in the week it
    came; MERGED, which matter went up in which at the end of a week.
    """
    known_weeks = known["week_start_on"].unique()
    told: list[pl.DataFrame] = []
    own_ids: list[str] = []  # of the items of new weeks
    lengths: list[Ints] = []
    grams: list[Ints] = []
    for part in items:
        for block in part.iter_slices(BLOCK_ITEMS):
            item, gram = _trigrams(clean(block, place_names))
            lengths.append(np.bincount(item, minlength=len(block)).astype(np.int32))
            grams.append(gram)
            own_ids += _ids(block.filter(~pl.col("week_start_on").is_in(known_weeks.implode())))
        told.append(part.select(column for column in ITEM_COLUMNS if column not in ("title", "text")))
    if not told:
        return pl.DataFrame(schema=ASSIGNED), pl.DataFrame(schema=MERGED)
    where = pl.concat(told)
    told.clear()
    of_event = where.select("event_key").join(
        resolve(known, merged), on="event_key", how="left", maintain_order="left"
    )["matter_id"]
    names = of_event.drop_nulls().unique(maintain_order=True)
    label = of_event.replace_strict(names, np.arange(len(names)), default=-1, return_dtype=pl.Int64).to_numpy().copy()
    number = dict(zip(names, range(len(names)), strict=True))
    weeks = where["week_start_on"]
    week_number = ((weeks - date(1970, 1, 5)).dt.total_days() // 7).to_numpy()
    first_new = week_number[label < 0].min(initial=np.iinfo(np.int64).max)
    new_from = int(np.searchsorted(week_number, first_new))
    assert len(own_ids) == len(where) - new_from
    space = _Space(where, lengths, grams, new_from)
    assigned: list[pl.DataFrame] = []
    merges: list[tuple[date, str, str]] = []
    for week in np.unique(week_number[week_number >= first_new]):
        start = int(np.searchsorted(week_number, week - WINDOW_WEEKS))
        now, end = (int(np.searchsorted(week_number, week, side)) for side in ("left", "right"))
        # Numbered in the order in which they show in the window, whatever was read before it: ties fall the same way.
        known_matters, first, which = np.unique(label[start:now], return_index=True, return_inverse=True)
        order = np.argsort(first)
        label[start:now] = np.argsort(order)[which]
        this_week = _Week(space, start, now, end, label)
        starters = this_week.join(len(order))
        started = [number.setdefault(name, len(number)) for name in (own_ids[start + k - new_from] for k in starters)]
        to_global = np.concatenate([known_matters[order], np.array(started, dtype=np.int64)])
        matter_ids = pl.Series(list(number), dtype=pl.String)
        assigned.append(
            pl.DataFrame(
                {
                    "event_key": where["event_key"][now:end].to_list(),  # a slice would hold on to all items
                    "week_start_on": weeks[now:end],
                    "matter_id": matter_ids.gather(to_global[label[now:end]]),
                },
                schema=ASSIGNED,
            )
        )
        for gone, into in this_week.merge(len(to_global)):
            merges.append((weeks[now], *matter_ids.gather(to_global[[gone, into]])))
        label[start:end] = to_global[label[start:end]]
    return (
        pl.concat([pl.DataFrame(schema=ASSIGNED), *assigned]),
        pl.DataFrame(merges, schema=MERGED, orient="row"),
    )


def resolve(assigned: pl.DataFrame, merged: pl.DataFrame) -> pl.DataFrame:
    """`assigned` with every matter replaced by the one it went up in."""
    return assigned.with_columns(pl.col("matter_id").replace(heirs(merged)))


def heirs(merged: pl.DataFrame) -> dict[str, str]:
    """Which matter does each one that was merged belong to in the end?"""
    into: dict[str, str] = {}
    for gone, heir in reversed(merged.sort("week_start_on", maintain_order=True).select("matter_id", "into_id").rows()):
        into[gone] = into.get(heir, heir)  # the heir may have gone up in another later
    return into


def _ids(items: pl.DataFrame) -> list[str]:
    """What a matter is called that starts with this item: made of what the item says, where and when."""
    said = items.select(
        pl.concat_str(
            pl.col("registered_on").cast(pl.String),
            *(pl.col(c).fill_null("") for c in ("county_code", "town_code", "community_code", "issue_code")),
            pl.col("title").fill_null(""),
            pl.col("text").fill_null(""),
            separator="\n",
        )
    ).to_series()
    return [f"m{hashlib.sha256(one.encode()).hexdigest()[:11]}" for one in said]


def _codes(column: pl.Series) -> Ints:
    """Numbers from 0 in the order of the values, −1 for null."""
    values = column.unique().drop_nulls().sort()
    return column.replace_strict(values, np.arange(len(values)), default=-1, return_dtype=pl.Int64).to_numpy()


def clean(items: pl.DataFrame, place_names: list[str]) -> pl.Series:
    """Title and text in one line without redaction marks, quantities, dates and the names of places."""
    text = items.select(
        pl.concat_str(pl.col("title").fill_null("").str.slice(0, 100), pl.col("text").fill_null(""), separator=" ")
        .str.slice(0, HEAD)
        .str.replace_all(r"[\r\n]", " ")
    ).to_series()
    text = text.alias("text").to_frame().select(_without(pl.col("text"), place_names, " ")).to_series()
    return text.str.replace_all(_REDACTED, " ").str.replace_all(_QUANTITY, " ")


def _without(text: pl.Expr, words: list[str], put: str) -> pl.Expr:
    return text.str.replace_many(words, [put] * len(words), leftmost=True) if words else text


def _trigrams(lines: pl.Series) -> tuple[Ints, Ints]:
    """Number of the line and of the trigram of letters and digits, sorted, every pair once. No line has a line break."""
    joined = "\n".join([*lines.to_list(), ""])
    point = np.frombuffer(joined.encode("utf-32-le"), dtype=np.uint32)
    is_end = point == ord("\n")
    letter = (point >= 0x4E00) & (point <= 0x9FFF)
    for first, last in ("09", "AZ", "az"):
        letter |= (point >= ord(first)) & (point <= ord(last))
    n = max(len(point) - GRAM + 1, 0)
    hashed, whole = np.zeros(n, np.uint64), np.ones(n, bool)
    for k in range(GRAM):
        hashed = hashed * np.uint64(2097593) + point[k : k + n]
        whole &= letter[k : k + n]
    item = (np.cumsum(is_end) - is_end)[:n][whole].astype(np.uint64)
    hashed = (hashed[whole] * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(64 - GRAM_BITS)
    pair = np.sort((item << np.uint64(GRAM_BITS)) | hashed)
    pair = pair[np.diff(pair, prepend=~pair[:1]) > 0]
    return (pair >> np.uint64(GRAM_BITS)).astype(np.int32), (pair & np.uint64((1 << GRAM_BITS) - 1)).astype(np.int32)


_NEVER = np.iinfo(np.int32).max


class _Space:
    """All items at hand and those of their trigrams that occur in new weeks: of item i at bounds[i]:bounds[i + 1].

    A cell is a group and a trigram: group * n_grams + trigram. Codes are −1 where not known, groups 0. There are a hundred
    trigrams an item: nothing else is kept of each than its cell.
    """

    def __init__(self, items: pl.DataFrame, lengths: list[Ints], grams: list[Ints], first_new: int) -> None:
        """`lengths`, `grams`: how many trigrams has each item, and which, part by part; the parts of `grams` are used up.
        `first_new`: where the items of new weeks begin."""
        length = np.concatenate(lengths)
        self.damped = np.maximum(1.0, length / LENGTH) ** LENGTH_POWER
        self.county, self.town, self.issue, group = (
            _codes(items[name]) for name in ("county_code", "town_code", "issue_code", "group_code")
        )
        self.group = group + 1
        is_asked = np.zeros(1 << GRAM_BITS, dtype=bool)
        before_new = int(length[:first_new].sum(dtype=np.int64))
        for part in grams:
            is_asked[part[max(before_new, 0) :]] = True
            before_new -= len(part)
        number = np.cumsum(is_asked, dtype=np.int32) - np.int32(1)
        self.n_groups, self.n_grams = int(self.group.max(initial=0)) + 1, int(is_asked.sum())
        first_cell = (self.group * self.n_grams).astype(np.int32)
        self.n_own = np.zeros(len(items), dtype=np.int32)
        first = 0
        for k, n in enumerate(lengths):
            at = np.flatnonzero(is_asked[grams[k]])
            item = np.repeat(np.arange(first, first + len(n), dtype=np.int32), n)[at]
            self.n_own[first : first + len(n)] = np.bincount(item - first, minlength=len(n))
            grams[k] = first_cell[item] + number[grams[k][at]]
            first += len(n)
        self.bounds = np.concatenate([[0], np.cumsum(self.n_own, dtype=np.int64)])
        self.cell = np.empty(int(self.bounds[-1]), dtype=np.int32)
        at_end = len(self.cell)
        while grams:  # one after the other, so that never two copies are there
            cells = grams.pop()
            self.cell[at_end - len(cells) : at_end] = cells
            at_end -= len(cells)
        self.number = np.zeros(self.n_groups * self.n_grams, np.int32)  # of a cell in the week that is looked at
        self.least = np.full_like(self.number, _NEVER)  # see `_Week._telling`
        self.seen = np.zeros_like(self.number)  # in how many items of the window each cell is
        self.window = slice(0, 0)  # of the trigrams

    def move(self, start: int, now: int) -> None:
        """Let the window be the items start:now; it only goes forward."""
        first, middle = self.bounds[[start, now]]
        np.add.at(self.seen, self.cell[self.window.stop : middle], np.int32(1))
        np.subtract.at(self.seen, self.cell[self.window.start : first], np.int32(1))
        self.window = slice(first, middle)


class _Week:
    """The items now:end of one week against the items and matters of the window start:now.

    Items are counted from `start`, matters are numbered from 0, cells are those of this week. Most trigrams are written
    by so many that they say nothing, and are most of the work: they are left out before anything is counted by matter.
    """

    def __init__(self, space: _Space, start: int, now: int, end: int, label: Ints) -> None:
        self.label, self.now = label[start:end], now - start
        self.space, self.start = space, start
        middle, last = space.bounds[[now, end]]
        cells, self.seen_now = np.unique(space.cell[middle:last], return_counts=True)
        space.move(start, now)
        space.number[cells] = np.arange(len(cells))
        self.cells = cells
        self.group_of, self.gram_of = np.divmod(cells, np.int32(max(space.n_grams, 1)))
        self.seen_before = space.seen[cells].astype(np.int64)
        grams, which = np.unique(self.gram_of, return_inverse=True)
        in_window = space.seen.reshape(space.n_groups, -1)[:, grams].sum(axis=0)
        self.seen = (in_window + np.bincount(which, self.seen_now, minlength=len(grams)).astype(np.int64))[which]
        self.county, self.town, self.issue, self.group = (
            codes[start:end] for codes in (space.county, space.town, space.issue, space.group)
        )
        self.damped = space.damped[start:end]
        self.n_groups, self.n_grams = space.n_groups, space.n_grams
        self.place = np.where(self.town >= 0, self.town, int(space.town.max()) + 2 + self.county)
        self.n_others = np.bincount(self.group, minlength=self.n_groups) + PRIOR_EVENTS
        item = np.repeat(np.arange(self.now, end - start), space.n_own[now:end])
        cell = space.number[space.cell[middle:last]]
        self.own = _counted(self.place[item] * self.n_grams + self.gram_of[cell])
        self.own_in_group = _counted(self.place[item] * len(cells) + cell)
        codes = [self.town, self.county, self.issue]
        around = [self._n_around(place) for place in (self.town, self.county, np.zeros_like(self.town))]
        self.one_by_one = [np.ascontiguousarray(numbers).data for numbers in (*codes, *around)]

    def _surprise(self, cell: Ints, item: Ints, n_inside: Ints) -> Floats:
        """−ln of the share of others that write a trigram, 0 where it is no name. `cell`: group and trigram.

        Others than the `n_inside` items of the matter that `item` stands for, and than this week's of its place.
        """
        out = np.zeros(len(cell))
        n_others = self.n_others[self.group[item]]
        rare = np.flatnonzero(self.seen_before[cell] - n_inside < MAX_SHARE * n_others)  # spares most the look-up
        cell, item, n_inside = cell[rare], item[rare], n_inside[rare]
        own = _look_up(self.own, self.place[item] * self.n_grams + self.gram_of[cell])
        own_in_group = _look_up(self.own_in_group, self.place[item] * len(self.seen_now) + cell)
        out[rare] = self._minus_log_share(
            self.seen[cell] - own - n_inside,
            self.seen_before[cell] + self.seen_now[cell] - own_in_group - n_inside,
            n_others[rare],
        )
        return out

    def _minus_log_share(self, n_city: Ints, n_group: Ints, n_others: Floats) -> Floats:
        city = (np.maximum(n_city, 0) + 1) / (len(self.label) + 1)
        share = (np.maximum(n_group, 0) + PRIOR_EVENTS * city) / n_others
        return np.where(share < MAX_SHARE, -np.log(share), 0.0)

    def _telling(self, n_inside: Ints, seen: Ints) -> tuple[Ints, Ints]:
        """Item and cell of the trigrams that can be names if at most n_inside items of the item's matter have them, by
        what is `seen` of a cell; n_inside is −1 for items that are not asked."""
        least = np.floor(seen - MAX_SHARE * self.n_others[self.group_of])  # and one more
        space = self.space
        space.least[self.cells] = np.maximum(least, -1).astype(np.int32)
        found = []
        for first in range(0, len(n_inside), BLOCK_ITEMS):
            asked = n_inside[first : first + BLOCK_ITEMS].astype(np.int32)
            at = self.start + first
            n_own = space.n_own[at : at + len(asked)]
            cell = space.cell[space.bounds[at] : space.bounds[at + len(asked)]]
            told = np.flatnonzero(np.repeat(asked, n_own) > space.least[cell])
            item = np.repeat(np.arange(first, first + len(asked), dtype=np.int32), n_own)[told]
            found.append((item, space.number[cell[told]]))
        space.least[self.cells] = _NEVER
        items, cells = zip(*found, strict=True)
        return np.concatenate(items), np.concatenate(cells)

    def join(self, n_matters: int) -> list[int]:
        """Give every item of the week its matter, in place; returns the items that start one, numbered from n_matters."""
        n_now, n_week = self.now, len(self.label) - self.now
        before = self.label[:n_now]
        n_before, first = np.bincount(before, minlength=n_matters), _first(before, n_matters)
        n_inside = np.concatenate([n_before[before], np.full(n_week, n_before.max(initial=0))])
        of, cell = self._telling(n_inside, self.seen_before)
        old = np.searchsorted(of, n_now)
        inside = _counts(before[of[:old]], cell[:old], (n_matters, len(self.seen_now)))
        week = _counts(of[old:] - n_now, cell[old:], (n_week, len(self.seen_now)))
        stander = np.repeat(first, np.diff(inside.indptr))
        with_matter = _overlap(week, inside, self._surprise(inside.indices, stander, inside.data), n_before)
        itself = n_now + np.repeat(np.arange(n_week), np.diff(week.indptr))
        alone = np.ones(n_week, dtype=np.int64)
        with_item = _overlap(week, week, self._surprise(week.indices, itself, 0 * week.data), alone)
        is_asked = _may_be_one(self.county[n_now + with_matter.row], self.county[first[with_matter.col]])
        texts = _rows(with_matter, is_asked)
        earlier = _rows(with_item, with_item.col < with_item.row)
        size, stands_for = n_before.tolist(), first.tolist()
        least = (MIN_TEXT * n_before * self.damped[first]).tolist()  # text of an item of theirs
        county, damped = self.one_by_one[1], self.damped[n_now:].tolist()
        for k, ((matters, alike), (others, shared)) in enumerate(zip(texts, earlier, strict=True)):
            item = n_now + k
            text = dict(zip(matters.tolist(), alike.tolist(), strict=True))
            for matter, more in zip(self.label[n_now + others].tolist(), shared.tolist(), strict=True):
                text[matter] = text.get(matter, 0.0) + more
            best, best_score = len(size), JOIN
            for matter in sorted([matter for matter in text if text[matter] >= least[matter] * damped[k]]):
                if _may_be_one(county[item], county[stands_for[matter]]):
                    per_item = text[matter] / (least[matter] * damped[k]) * MIN_TEXT
                    score = per_item + self._prior(item, stands_for[matter], size[matter])
                    if score > best_score or (score == best_score and best == len(size)):
                        best, best_score = matter, score
            if best == len(size):
                size.append(0)
                stands_for.append(item)
                least.append(0.0)
            self.label[item] = best
            size[best] += 1
            least[best] += MIN_TEXT * self.damped[stands_for[best]]
        return stands_for[n_matters:]

    def merge(self, n_matters: int) -> list[tuple[int, int]]:
        """Merge matters of this week whose items share a name: pairs (gone, into), `into` the earlier one; in place."""
        size = np.bincount(self.label, minlength=n_matters)
        stands_for = _first(self.label, n_matters)
        county, issue = self.county[stands_for], self.issue[stands_for]
        is_large = (size >= MERGE_EVENTS) & (county >= 0)
        is_touched = is_large & (np.bincount(self.label[self.now :], minlength=n_matters) > 0)
        where = county * (int(issue.max()) + 2) + issue + 1
        is_asked = is_large & np.isin(where, where[is_touched])
        asked = np.flatnonzero(is_asked)
        n_where = np.bincount(where[asked], size[asked], minlength=int(where.max(initial=0)) + 1).astype(np.int64)
        n_inside = np.where(is_asked, n_where[np.maximum(where, 0)], -1)[self.label]
        item, cell = self._telling(n_inside, self.seen_before + self.seen_now)
        rows = _counts(self.label[item], cell, (n_matters, len(self.seen_now)))
        told = {k: _row(rows, k) for k in asked.tolist()}  # trigrams and in how many items they are
        core = {k: _core(cell, n, size[k]) for k, (cell, n) in told.items()}
        alike: dict[int, list[int]] = {}  # matters of one county and issue, the earliest first
        for matter in asked[np.argsort(stands_for[asked])].tolist():
            alike.setdefault(int(where[matter]), []).append(matter)
        pairs: list[tuple[int, int]] = []
        heir = np.arange(n_matters)
        for matters in alike.values():
            with_cell: dict[int, set[int]] = {}  # where the earlier ones stand that have, or had, it in their core
            for place, late in enumerate(matters):
                candidates = set().union(*(with_cell.get(one, ()) for one in core[late])) if is_touched[late] else ()
                for earlier in sorted(candidates):
                    early = matters[earlier]
                    inside = {one: n + core[early][one] for one, n in core[late].items() if one in core[early]}
                    name = self._name(inside, stands_for[late]) if inside else 0.0
                    if name < MIN_NAME:
                        continue
                    if name + self._prior(stands_for[late], stands_for[early], size[early]) >= MERGE:
                        pairs.append((late, early))
                        told[early] = _added(told[early], told[late])
                        size[early] += size[late]
                        core[early] = _core(*told[early], size[early])
                        heir[late] = early
                        place, late = earlier, early
                        break
                for one in core[late]:
                    with_cell.setdefault(one, set()).add(place)
        self.label[:] = heir[self.label]
        return pairs

    def _name(self, inside: Mapping[int, int], item: int) -> float:
        """The surprise of the trigrams that are in most items of two matters, against all others. inside: cell → in how many
        items of both; `item` stands for one of them."""
        cell, n_inside = np.array([*inside]), np.array([*inside.values()])
        return float(
            self._minus_log_share(
                self.seen[cell] - n_inside,
                self.seen_before[cell] + self.seen_now[cell] - n_inside,
                self.n_others[self.group[item]],
            ).sum()
        )

    def _prior(self, item: int, other: int, size: int) -> float:
        """ln of the odds that an item of this place and issue is of a matter of this size, knowing no text."""
        town, county, issue, in_town, in_county, in_city = self.one_by_one
        is_of_town = town[item] >= 0 and town[other] == town[item]
        is_of_county = county[item] >= 0 and county[other] == county[item]
        n_around = (in_town if is_of_town else in_county if is_of_county else in_city)[item]
        is_other_issue = issue[other] != issue[item]
        return math.log(size) - math.log(max(n_around - size, 1) + 5) - OTHER_ISSUE * is_other_issue

    def _n_around(self, codes: Ints) -> Ints:
        """How many items of the window have the place code and the issue of each."""
        cell = (codes + 1) * (int(self.issue.max()) + 2) + self.issue + 1
        return np.bincount(cell)[cell]


def _may_be_one(county: Any, other: Any) -> Any:
    """Two codes of counties, or many."""
    return (county == other) | (county < 0) | (other < 0)


def _core(column: Ints, n: Ints, size: int) -> dict[int, int]:
    """The trigrams in most of a matter's items, and in how many."""
    is_core = n >= CORE * size
    return dict(zip(column[is_core].tolist(), n[is_core].tolist(), strict=True))


def _first(label: Ints, n: int) -> Ints:
    """Where each of the n labels stands first."""
    first = np.zeros(n, dtype=np.int64)
    first[label[::-1]] = np.arange(len(label))[::-1]
    return first


def _counts(row: Ints, column: Ints, shape: tuple[int, int]) -> sparse.csr_array:
    """How often each (row, column) is given."""
    return sparse.coo_array((np.ones(len(row), np.int32), (row, column)), shape=shape).tocsr()


def _overlap(items: sparse.csr_array, matters: sparse.csr_array, surprise: Floats, size: Ints) -> sparse.coo_array:
    """Item × matter: surprise of the trigrams of the item, summed over the items of the matter that have them too.

    What is far from MIN_TEXT an item counts as nothing: most pairs share something.
    """
    weighted = sparse.csr_array((matters.data * surprise, matters.indices, matters.indptr), shape=matters.shape)
    weighted.eliminate_zeros()
    by_cell = weighted.T.tocsr()
    row, column, value = [], [], []
    for first in range(0, max(items.shape[0], 1), OVERLAP_ITEMS):  # most of what two share is soon left out
        shared = (items[first : first + OVERLAP_ITEMS].astype(np.float64) @ by_cell).tocoo()
        is_near = (shared.data != 0) & (shared.data >= MIN_TEXT / 2 * size[shared.col])
        row.append(shared.row[is_near] + first)
        column.append(shared.col[is_near])
        value.append(shared.data[is_near])
    near = tuple(np.concatenate(part) for part in (value, row, column))
    return sparse.coo_array((near[0], near[1:]), shape=(items.shape[0], by_cell.shape[1]))


def _rows(matrix: sparse.coo_array, is_asked: npt.NDArray[np.bool_]) -> Iterator[tuple[Ints, Floats]]:
    """Columns and values of the asked entries, row by row."""
    row, column, value = (part[is_asked] for part in (matrix.row, matrix.col, matrix.data))
    bounds = np.searchsorted(row, np.arange(matrix.shape[0] + 1)).tolist()
    return ((column[first:last], value[first:last]) for first, last in itertools.pairwise(bounds))


def _row(matrix: sparse.csr_array, k: int) -> tuple[Ints, Ints]:
    row = slice(*matrix.indptr[k : k + 2])
    return matrix.indices[row], matrix.data[row]


def _added(one: tuple[Ints, Ints], other: tuple[Ints, Ints]) -> tuple[Ints, Ints]:
    """Two rows of a matrix, columns and values, as one."""
    column, which = np.unique(np.concatenate([one[0], other[0]]), return_inverse=True)
    return column, np.bincount(which, np.concatenate([one[1], other[1]])).astype(np.int64)


def _counted(keys: Ints) -> tuple[Ints, Ints]:
    keys = np.sort(keys)
    first = np.flatnonzero(np.diff(keys, prepend=-1))
    return keys[first], np.diff(first, append=len(keys))


def _look_up(counted: tuple[Ints, Ints], keys: Ints) -> Ints:
    """How often each of `keys` was counted."""
    known, n = counted
    if not len(known):
        return np.zeros(len(keys), dtype=np.int64)
    at = np.minimum(np.searchsorted(known, keys), len(known) - 1)
    return np.where(known[at] == keys, n[at], 0)


def describe(members: pl.DataFrame) -> pl.DataFrame:
    """What is each matter about, where and since when? One row a matter of MIN_EVENTS items or more.

    `members`: matter_id, source, registered_on, issue_code and the codes of PLACE_LEVELS, one row an item. Returns matter_id,
    place_level and place_code (the smallest place that holds PLACE_SHARE of the items; null place_code is the whole city),
    issue_code (the most frequent, of equals the lower), first_on, last_on, n_events, n_sources.
    """
    whole = (
        members.group_by("matter_id")
        .agg(
            pl.col("registered_on").min().alias("first_on"),
            pl.col("registered_on").max().alias("last_on"),
            pl.len().cast(pl.Int64).alias("n_events"),
            pl.col("source").n_unique().cast(pl.Int64).alias("n_sources"),
            pl.col("issue_code").drop_nulls().sort().mode(maintain_order=True).first(),
            *(
                pl.col(f"{level}_code").drop_nulls().sort().mode(maintain_order=True).first().alias(f"{level}_most")
                for level in PLACE_LEVELS
            ),
        )
        .filter(pl.col("n_events") >= MIN_EVENTS)
    )
    held = (
        members.join(whole, on="matter_id")
        .group_by("matter_id")
        .agg(
            (pl.col(f"{level}_code") == pl.col(f"{level}_most")).sum().truediv(pl.len()).alias(level)
            for level in PLACE_LEVELS
        )
    )
    is_there = {level: pl.col(level) >= PLACE_SHARE for level in PLACE_LEVELS}
    return (
        whole.join(held, on="matter_id")
        .with_columns(
            pl.coalesce(pl.when(is_there[level]).then(pl.lit(level)) for level in PLACE_LEVELS)
            .fill_null("city")
            .alias("place_level"),
            pl.coalesce(pl.when(is_there[level]).then(f"{level}_most") for level in PLACE_LEVELS).alias("place_code"),
        )
        .select("matter_id", "place_level", "place_code", "issue_code", "first_on", "last_on", "n_events", "n_sources")
        .sort("first_on", "matter_id")
    )


PLACE_LEVELS = ("community", "town", "county")


def rarity(counted: pl.DataFrame, complete: list[date]) -> pl.DataFrame:
    """How many matters a year reach this size in ordinary times? week_start_on, n_recent, chance_per_year, upper_bound.

    For each week, of the matters of the HISTORY_WEEKS before it (the last RECENT_WEEKS left out: they may be this very
    event) the largest n_recent of each, from MIN_SIZE up. Up to their ORDINARY quantile c they are counted. Beyond it
    history holds the real events too, which are not to make the next one look ordinary: there the tail goes on
    geometrically as it fell between MIN_SIZE and c (maximum likelihood with what is above c censored). Left out are
    weeks with less than MIN_HISTORY_WEEKS before them, and sizes below MIN_SIZE. `counted`: matter_id, week_start_on,
    n_recent.
    """
    rows: list[tuple[date, int, float, int]] = []
    mondays = sorted(complete)
    counted = counted.filter(pl.col("n_recent") >= MIN_SIZE).sort("week_start_on")
    weeks, size = counted["week_start_on"].to_numpy(), counted["n_recent"].to_numpy()
    matter = counted["matter_id"].rank("dense").to_numpy()
    every_peak = np.zeros(int(matter.max(initial=0)) + 1, dtype=size.dtype)
    span = slice(0, 0)
    for monday in counted["week_start_on"].unique().sort():
        until = monday - timedelta(weeks=RECENT_WEEKS)
        since = until - timedelta(weeks=HISTORY_WEEKS)
        first, end = (int(np.searchsorted(weeks, np.datetime64(day), "right")) for day in (since, until))
        if first != span.start:  # weeks have left the history
            every_peak[:] = 0
            span = slice(first, first)
        np.maximum.at(every_peak, matter[span.stop : end], size[span.stop : end])
        span = slice(first, end)
        peak = every_peak[every_peak > 0]
        n_weeks = sum(since < week <= until for week in mondays)
        if n_weeks < MIN_HISTORY_WEEKS or len(peak) == 0:
            continue
        now = slice(*np.searchsorted(weeks, [np.datetime64(monday), np.datetime64(monday + timedelta(days=1))]))
        last = int(np.quantile(peak, ORDINARY, method="higher"))
        above = float((np.minimum(peak, last) - MIN_SIZE).sum())
        falls_by = (above + 1) / (above + 1 + (peak < last).sum() + 1)  # the ones keep it between 0 and 1

        def chance(
            size: int,
            peak: Ints = peak,
            last: int = last,
            falls_by: float = falls_by,
            n_weeks: int = n_weeks,
        ) -> float:
            n_reached = (peak >= min(size, last)).sum() * falls_by ** max(size - last, 0)
            return max(float(n_reached * 52 / n_weeks), RAREST_PER_YEAR)

        bound = next(size for size in itertools.count(MIN_SIZE) if chance(size + 1) <= ALARM_PER_YEAR)
        rows += [(monday, n, chance(n), bound) for n in np.unique(size[now]).tolist()]
    schema = {
        "week_start_on": pl.Date, "n_recent": pl.Int64, "chance_per_year": pl.Float64, "upper_bound": pl.Float64,
    }  # fmt: skip
    return pl.DataFrame(rows, schema=schema, orient="row")


class Corpus(NamedTuple):
    """In how many of some matters is each string of 2 and 3 characters?"""

    n: int
    grams: Mapping[str, int]


TITLES = {"matter_id": pl.String, "title": pl.String, "is_name": pl.Boolean}


def titles(
    first: pl.DataFrame,
    place_names: list[str],
    problem_words: Mapping[str, Sequence[str]] | None = None,
    *,
    corpus: Corpus | None = None,
) -> pl.DataFrame:
    """What would a person call each matter? TITLES: object and problem in at most 24 characters; is_name.

    The title is null where nothing will do; where `is_name`, it is an object's name and says no problem.

    The object (estate, site, firm, road …) is the string that most of the first TITLE_ITEMS items share and that few
    matters of the corpus have; the problem is what the clauses of these items say without naming an object. Of the problems
    the one is taken whose bigrams are in most of the items and in the fewest matters of the corpus: the sum over them of
    p(bigram | matter) · ln(matters / matters that have it), by the square root of the length, and times PROBLEM_WORTH.
    One that no clause joins to the object has to hold one of the `problem_words` of the issue (by issue_code).
    Names of places, greetings, requests, words of the form, and how many or how long are cut off; a clause with a
    redaction mark, which stands where a name or number was, with a form of address or with a figure is no problem.
    `first`: matter_id, issue_code, title, text of the `first_items`, in their order; `corpus`: default, these matters
    themselves. A title rests on the corpus and on what the matter's first items say.
    """
    corpus = corpus or corpus_of([first], place_names)
    rows = []
    for matter_id, items in _told(first, place_names).items():
        said = [part for parts in items.values() for part in parts]
        inside = Counter(itertools.chain.from_iterable(map(_grams, items.values())))
        words = (problem_words or {}).get(Counter(code or "" for _, _, code in said).most_common(1)[0][0], ())
        known_of = _Known(inside, len(items), corpus.grams, corpus.n)
        rows.append((matter_id, *_titled([(part, is_title) for part, is_title, _ in said], known_of, words)))
    named = pl.DataFrame(rows, schema=TITLES, orient="row").filter(pl.col("title") != "")
    return first.select(pl.col("matter_id").unique(maintain_order=True)).join(
        named, on="matter_id", how="left", maintain_order="left"
    )


def first_items(members: pl.DataFrame) -> pl.DataFrame:
    """Of each matter the TITLE_ITEMS items it is called after, in order. `members`: matter_id, registered_on, event_key, …"""
    ordered = members.sort("registered_on", "event_key")
    return ordered.group_by("matter_id", maintain_order=True).head(TITLE_ITEMS)


def corpus_of(parts: Iterable[pl.DataFrame], place_names: list[str]) -> Corpus:
    """`parts`: the first items of its matters, as `titles` takes them, all of a matter in one part."""
    n, n_matters = 0, Counter[str]()
    for first in parts:
        told = _told(first, place_names)
        n += len(told)
        for items in told.values():
            n_matters.update(_grams(list(itertools.chain.from_iterable(items.values()))))
    return Corpus(n, n_matters)


def _told(first: pl.DataFrame, place_names: list[str]) -> dict[str, dict[int, list[tuple[str, bool, str | None]]]]:
    """The clauses of each matter, item by item: part, is_title, issue_code."""
    told: dict[str, dict[int, list[tuple[str, bool, str | None]]]] = {}
    for matter_id, item, code, part, is_title in _clauses(first, place_names).iter_rows():
        told.setdefault(matter_id, {}).setdefault(item, []).append((part, is_title, code))
    return told


def _grams(parts: list[tuple[str, bool, str | None]]) -> set[str]:
    """The strings of 2 and 3 characters."""
    return {part[at : at + n] for part, *_ in parts for n in (2, GRAM) for at in range(len(part) - n + 1)}


def _clauses(first: pl.DataFrame, place_names: list[str]) -> pl.DataFrame:
    """matter_id, item, issue_code, part, is_title: the clauses of each matter's first items, without what is no content."""
    return (
        first.with_row_index("item")
        .select(
            "matter_id",
            "item",
            "issue_code",
            pl.concat_list(pl.col("title").fill_null(""), pl.col("text").fill_null("").str.slice(0, HEAD)).alias(
                "part"
            ),
        )
        .with_columns(pl.lit([True, False]).alias("is_title"))
        .explode("part", "is_title")
        .with_columns(pl.col("part").str.replace_all(_CLAUSE_END, "\n").str.split("\n"))
        .explode("part")
        .with_columns(
            _without(pl.col("part").str.replace_all(_NOISE, ""), place_names, "")
            .str.replace(_BEGINNING, "")
            .str.replace("^建(工地|项目|楼)", "在建$1")
            .str.replace(_ENDING, "")
            .str.replace(_BESIDE, "$1")
        )
        .filter(pl.col("part").str.len_chars() >= 2, ~pl.col("part").str.contains(_NO_PROBLEM))
    )


class _Known(NamedTuple):
    """In how many of the matter's items (of n), and in how many matters of the corpus (of n_all), strings are."""

    inside: Counter[str]
    n: int
    matters: Mapping[str, int]
    n_all: int

    def share(self, gram: str) -> float:
        return (self.inside[gram] - OWN_WORD) / self.n

    def is_rare(self, gram: str) -> bool:
        return self.matters.get(gram, 0) <= max(3.0, math.sqrt(self.n_all))

    def weight(self, text: str) -> float:
        grams = {text[at : at + 2] for at in range(len(text) - 1)} & self.inside.keys()  # a cut may make others
        said = math.fsum(
            self.share(gram) * min(math.log(self.n_all / self.matters.get(gram, 1) + 1), RARE) for gram in grams
        )
        return said / math.sqrt(max(len(text), 1))


def _titled(parts: list[tuple[str, bool]], known: _Known, words: Sequence[str]) -> tuple[str, bool]:
    """The title of one matter and whether it is a name only; empty where there is none."""
    named: Counter[str] = Counter()
    for part, _ in parts:
        named.update({_object(part[: end.end()], known) for end in re.finditer(_THING, part)} - {""})
    names = [name for name, n in named.items() if n - OWN_WORD >= OBJECT_SHARE * known.n]
    name = max(names, key=lambda one: (known.weight(one) * named[one], one), default="")
    best, title, is_name = 0.0, name, True
    for part, is_title in sorted(set(parts)):
        at = part.find(name) if name else -1
        problem = _problem(part[at + len(name) :] if at >= 0 else part, known)
        has_word = any(word in problem or (len(word) == 4 and word[2:] in problem) for word in words)
        is_bare = problem in words
        if name:
            problem = re.sub(_SAME_AGAIN, "", problem)
        if not problem or len(name + problem) > LONGEST or len(name + problem) < SHORTEST:
            continue
        if at < 0 and not has_word and (name or re.search(f"(?:{_THING})$", problem)):
            continue
        worth = known.weight(problem) * math.prod(
            PROBLEM_WORTH[why]
            for why, is_so in (
                ("joined", at >= 0),
                ("word", has_word),
                ("title", is_title),
                ("bare", is_bare),
                ("alone", at < 0 and not has_word and not is_title),
            )
            if is_so
        )
        if worth > best:
            best, title, is_name = worth, name + problem, False
    return title, is_name


def _object(part: str, known: _Known) -> str:
    """The name that ends this string, from where the items agree on; empty where it is none of a certain object."""
    start = len(part) - GRAM
    if start < 0:
        return ""
    agreed = SAME_NAME * known.share(part[start:])
    while start and len(part) - start < LONGEST_NAME and known.share(part[start - 1 : start - 1 + GRAM]) >= agreed:
        start -= 1
    name = re.sub(_BEFORE_OBJECT, "", part[start:])
    is_certain = any(known.is_rare(name[at : at + GRAM]) for at in range(len(name) - GRAM + 1))
    return (
        name
        if len(name) >= SHORTEST_NAME
        and is_certain
        and re.fullmatch(r"[一-鿿]+", name)
        and not re.search(_NO_OBJECT, name)
        else ""
    )


def _problem(part: str, known: _Known) -> str:
    """What the clause says without the names of other objects, up to where another begins; empty where it will not do."""
    part = re.sub(_HOW_LONG, "", part)
    for end in reversed(list(re.finditer(_THING, part))):
        if re.search("建|设立|设置|新立|改成", part[: end.end()]):
            continue  # what is built is the problem
        head = part[max(0, end.end() - 6) : end.end()]
        grams = [head[at : at + GRAM] for at in range(len(head) - GRAM + 1)]
        if end.end() < len(part) and any(known.is_rare(gram) and known.share(gram) < OBJECT_SHARE for gram in grams):
            part = part[end.end() :]  # beside which other one, or one of many
            break
    part = re.sub(_BEFORE_PROBLEM, "", re.sub(_AFTERWARDS, "", part))
    part = re.sub(_CUT, "", re.sub(_ENDING, "", part))
    return part if len(part) >= 2 and not re.search("^[的后里内为是]|[0-9０-９A-Za-z]", part) else ""


_CLAUSE_END = r"[，。！？；：,!?;:\n\r]|\s{2,}"
_NOISE = (
    r"\s|〔楼栋房号〕|[上中下]旬(?:以来|起|开始)?|[A-Z][0-9]*[市区县]|^[（(]?[0-9一二三四五六七八九十]+[、）).]|[“”\"]"
    r"|(?:已经?|连续|长达|长期|近|约|超过|[有到了])*[0-9０-９]+(?:多?[个余多])?(?:年|月|天|日|小时|周|点)(?:多|半|以?来|左右|了)*"
    r"|(?:已有|共有?|达|约|仅)?[0-9０-９]+[多余]?[条处棵只辆件起个名人户家次米层块间套箱张](?:以上|左右)?$"
)
_BEGINNING = (
    r"^(?:(?:关于|有关|针对|再次|强烈|坚决|实名|请问|咨询|投诉|举报|反映|反应|反对|请求|恳请|希望|建议|要求|请|对|就|[A-Z]\d?[0-9]*[市区县]"
    r"|市民|群众|在?辖区内|来电人?|诉求人|来访人|信访人|网格员|居民|本人|我们?|称|述|位于|在|现[在有]|巡查|日常|发现|上报|的"
    r"|附近为?|为(?:什么|何)?|是|并且?|但是?|而且?|询问|问问|解决|已经?|从|由于?|把|将|该|至今|目前|家住|住在|孩子)+)"
)
_ENDING = r"(?:的?(?:咨询|投诉|举报|诉求|情况|问题|反映|建议|请求|求解决|求助|维权|一事|疑问|相关|有关)+|[吗呢吧的）)]+|[已到达约共在]+)+$"
_UNFIT = (
    r"〔|【|发现$|来信|责任单位|现场|核实|尽快|派单|复查|照片|视频|截图|收据|小票|聊天记录|先生|女士|小姐|师傅|阿姨|某某?|[您你]好"
    r"|谢谢|感谢|尊敬|此致|敬礼|回电|回复|答复|处理|沟通|转办|(?:业主|居民|村民|群众|市民)们?$|了解$|如下|^作为|此事|第一次|百忙|曾向|此前|之前|受影响|意见很大"
)
_OBJECT = (
    r"小区|花园|家园|嘉园|公寓|公馆|半岛|名邸|[苑城庭府湾]|大道|[^绕走修让拦没堵]路|[街巷桥河湖村]|广场|市场|超市|商场|公园|医院|学校|小学|中学|幼儿园|大学|学院"
    r"|工地|厂房|项目部?|工程|公司|工厂|[店馆站]|酒店|宾馆|基地"
)
_BESIDE = rf"^\p{{Han}}+(?:旁边?|附近|隔壁|对面|周边)的(.*(?:{_OBJECT}).*)$"
_THING = rf"{_OBJECT}|厂|豪庭|福邸|培训班|健身房|大厦|大楼|中心(?:小学|校|医院|幼儿园)?|机构|银行|[^沟家城村水河校店车院路园群夜楼屋菜饭手]里|[邸]"
_NO_OBJECT = (
    r"^(?:小区|工地|公司|物业|项目|医院|学校|食堂|门口|路口|道路|广场|绿地|超市|公园|管理|安置房|产业|标准|开发商|菜市场|变电站|基站|加油站|公交站|搅拌站|燃气|供[电水热]|房地产|开发|电子|投资|工程|装饰|置业|机械厂?|食品|科技|有限|建设|健身房|培训班|责任|有关|养[鸡猪殖]场?)*$"
    r"|^.?(?:小区|工地|公司)$|[到至跑流占倒堵挡撞偷乱]|换(?!热)|停车|违停|影响|沿街"
)
_BEFORE_OBJECT = r"^(?:打|购买了?|在(?!建)|位于|附近的|的|找|询?问|联系|号)+"
_BEFORE_PROBLEM = (
    r"^(?:(?:供水|供热|供暖|供电|供气)?(?:范围|区域)?[内里]?的|(?:供水|供热|供暖|供电|供气)(?:范围|区域)[内里]?"
    r"|一连|连着|连续|一直|已经?|现在|目前|又|也|仍(?!在)|还|说|问|称|有|[路号组栋])+"
)
_SAME_AGAIN = r"^(?:培训机构|企业|学校(?!食堂)|小区|工地|健身房|楼盘|商家|工厂|[幼儿园中小学]{2,3})"  # a name that names it before
_AFTERWARDS = r"(?<=..)(?:后(?![半面门院山台续期勤来街巷])|之后|以后|的时候|导致|但是?|却|而且|距).*$"
_CUT = r"(?:[，、]|只有|只|仅|的|了|就|还|也|都|才|又|已经?|一连|连着|连续|到|在|和|与|把|被|从|向|给|对|没有|说|共|约|达|每|长达)+$"
_HOW_LONG = r"[近约]?[一二两三四五六七八九十半几]+多?个?(?:月|年|天|周|日)(?:多|以上)?|[0-9.]+[万余多]*元余?$"
_NO_PROBLEM = rf"{_UNFIT}|是不是|是否|怀疑|希望|要求|建议|《|拍照|上报|处置|网格|专业部门|整改|通知责任|多户|不便$"
