"""Texts as rows of a sparse matrix: the characters and pairs of characters in them, once anywhere and once at the head.

Complaints put what they are about first, mostly as a title, so what stands in the first HEAD characters is counted a second
time as features of its own. Features are hashed (Weinberger et al. 2009, Feature Hashing) into BUCKETS: no dictionary to
keep, and a batch costs a few array operations instead of a Python loop over characters.
"""

import unicodedata
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

HEAD = 25  # characters; 12345 titles are mostly shorter
MOST = 500  # characters read; what comes later adds nothing (measured on real messages of up to 9,000)
BITS = 21
BUCKETS = 1 << (BITS + 1)  # the upper half are the features of the head
CHUNK = 200_000  # characters worked on at a time: the arrays stay in the processor's cache
KNUTH, PAIR = np.uint32(2_654_435_761), np.uint32(0x85EBCA6B)


def _letters() -> npt.NDArray[np.uint32]:
    """Code point → what it counts as: small letters, every digit 0, no punctuation or space (0 ends a pair)."""
    table = np.zeros(0x10000, dtype=np.uint32)
    for code in range(0x10000):
        char = unicodedata.normalize("NFKC", chr(code)).lower()[:1]
        kind = unicodedata.category(char)[0] if char else "Z"
        table[code] = {"L": ord(char or " "), "N": ord("0")}.get(kind, 0)
    return table


LETTERS = _letters()


def chunks(texts: list[str]) -> Iterator[list[str]]:
    """The texts in runs of about CHUNK characters."""
    start = size = 0
    for end, text in enumerate(texts, start=1):
        size += min(len(text), MOST)
        if size >= CHUNK or end == len(texts):
            yield texts[start:end]
            start, size = end, 0


def occurrences(texts: list[str]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint32]]:
    """Every feature as it occurs: (row of the text, bucket), in no particular order."""
    texts = [text[:MOST] for text in texts]
    joined = "\0".join([*texts, ""])
    codes = np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    letters = LETTERS[np.where(codes < 0x10000, codes, 0)]
    lengths = np.fromiter(map(len, texts), dtype=np.int64, count=len(texts)) + 1
    row = np.repeat(np.arange(len(texts)), lengths)
    place = np.arange(len(codes)) - np.repeat(np.cumsum(lengths) - lengths, lengths)  # in its own text
    shift = np.uint32(32 - BITS)
    one = np.flatnonzero(letters)
    two = one[letters[one + 1] != 0]  # every text ends in 0, so there always is a next one
    single = (letters[one] * KNUTH) >> shift
    pair = ((letters[two] * PAIR + letters[two + 1]) * KNUTH) >> shift
    where, what = np.concatenate([one, two]), np.concatenate([single, pair])
    head = np.concatenate([place[one] < HEAD, place[two] < HEAD - 1])
    return np.concatenate([row[where], row[where[head]]]), np.concatenate([what, what[head] + np.uint32(1 << BITS)])


def counted(
    row: npt.NDArray[np.int64], column: npt.NDArray[np.integer], n_rows: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Occurrences as a compressed sparse matrix of counts: (counts, columns, row starts); those of column -1 left out."""
    width = int(column.max(initial=0)) + 1
    kind: type = (
        np.uint32 if n_rows * width < 1 << 32 else np.int64
    )  # the narrower sorts in little more than half the time
    key = (row.astype(kind) * kind(width) + column.astype(kind))[column >= 0]
    key.sort()
    first = np.flatnonzero(np.concatenate([[True], key[1:] != key[:-1]])) if len(key) else np.zeros(0, dtype=np.int64)
    counts = np.diff(np.append(first, len(key)))
    key = key[first]
    starts = np.searchsorted(key, np.arange(n_rows + 1) * width)
    return counts, (key % width).astype(np.int64), starts
