"""A linear classifier of texts that says how sure it is.

Terms count by sublinear frequency × inverse document frequency × how unevenly the classes use them: 1 − the entropy of the
class given the term (Debole & Sebastiani 2003, supervised term weighting; the entropy form is of Lan et al. 2009's family).
On them a one-vs-rest support vector machine with squared hinge loss (as LIBLINEAR, Fan et al. 2008), found by Newton steps.
Its decision values of texts it was not fitted to give a temperature and one offset a class (Guo et al. 2017, On Calibration
of Modern Neural Networks): softmax(temperature × value + offset) is the probability.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import sparse

from pipelines.dispatch import grams, nearest

COST = 1.6  # of a margin violation
HEAD_SHARE = 0.5  # length of the head's part of a row against 1 of the whole text
BASE = 0.3  # what a term counts for that all classes use alike
SMOOTHING = 2.0  # texts added to a term, spread evenly over the classes
MIN_TEXTS = 3
MAX_WEIGHTS = 12_000_000  # terms × classes; beyond it the terms that say least go
NEWTON_STEPS, CG_STEPS = 12, 10  # at most
LITTLE = 0.01  # a step that lowers no class's loss by more than this share of it is the last
BLOCK = 1_500_000  # weights looked for at a time
INNER_FOLDS = 3
MAX_COUNT = 64  # a term's count is cut here for the table of logarithms

Floats = npt.NDArray[np.float32]
Rows = tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]  # counts, buckets, row starts
LOGS = np.concatenate([[0], 1 + np.log(np.arange(1, MAX_COUNT + 1))]).astype(np.float32)


@dataclass(frozen=True)
class Terms:
    """Which buckets are read, and what each counts for."""

    buckets: npt.NDArray[np.int64]  # ascending: those of the whole text first, then those of the head
    weight: Floats
    column: npt.NDArray[np.int32]  # bucket → position in `buckets`, -1 = not read

    @property
    def n_body(self) -> int:
        return int(np.searchsorted(self.buckets, 1 << grams.BITS))


@dataclass(frozen=True)
class Classifier:
    classes: list[str]
    terms: Terms
    coefficient: Floats  # terms × classes
    intercept: Floats
    temperature: float
    offset: Floats
    past: nearest.Past


class Taught(NamedTuple):
    """A calibrated classifier, and what the fit that a text had no part in said of it: texts × classes."""

    classifier: Classifier
    logits: Floats
    votes: Floats  # of the nearest past texts


def rows_of(texts: list[str]) -> Rows:
    """Counts of all buckets in the texts, for fitting."""
    row, bucket = grams.occurrences(texts)
    return grams.counted(row, bucket, len(texts))


def fit(texts: list[str], labels: npt.NDArray[np.str_], *, seed: int = 0) -> Taught:
    """`labels`: one a text, at least two different ones, each at least INNER_FOLDS times."""
    classes, target = np.unique(labels, return_inverse=True)
    counts = rows_of(texts)
    fold = folds(target, INNER_FOLDS, seed)
    value = np.zeros((len(texts), len(classes)), dtype=np.float32)
    apart = []
    for k in range(INNER_FOLDS):
        inside, outside = np.flatnonzero(fold != k), np.flatnonzero(fold == k)
        terms = choose_terms(_some(counts, inside), target[inside], len(classes))
        rows, unseen = _weighted(counts, terms, inside), _weighted(counts, terms, outside)
        coefficient, intercept = _fit_svm(rows, target[inside], len(classes))
        value[outside] = unseen @ coefficient + intercept
        apart.append((outside, unseen, nearest.keep(rows, target[inside])))
    temperature, offset = calibrate(value, target)
    logits = temperature * value + offset
    votes = np.zeros_like(logits)
    for outside, unseen, past in apart:
        votes[outside] = nearest.votes(past, unseen, softmax(logits[outside]))
    terms = choose_terms(counts, target, len(classes))
    rows = _weighted(counts, terms, np.arange(len(texts)))
    coefficient, intercept = _fit_svm(rows, target, len(classes))
    past = nearest.keep(rows, target)
    model = Classifier([str(name) for name in classes], terms, coefficient, intercept, temperature, offset, past)
    return Taught(model, logits, votes)


def decide(model: Classifier, texts: list[str]) -> Floats:
    """Calibrated logits, texts × classes: their softmax is the probability."""
    return read(model, texts)[0]


def read(
    model: Classifier, texts: list[str], keep: Callable[[Floats], npt.NDArray[np.int64]] = lambda _: np.arange(0)
) -> tuple[Floats, Floats, sparse.csr_matrix]:
    """`decide`; how much of each text the classifier has met before: the share of its characters and pairs it reads; and
    the weighted rows of those texts that `keep` picks by their logits."""
    logits, known = np.zeros((len(texts), len(model.classes)), dtype=np.float32), np.zeros(len(texts), dtype=np.float32)
    kept = [sparse.csr_matrix((0, len(model.terms.buckets)), dtype=np.float32)]
    start = 0
    for some in grams.chunks(texts):
        end = start + len(some)
        rows, known[start:end] = _rows(model.terms, some)
        logits[start:end] = model.temperature * (rows @ model.coefficient + model.intercept) + model.offset
        kept.append(rows[keep(logits[start:end])])
        start = end
    return logits, known, sparse.csr_matrix(sparse.vstack(kept))


def _rows(terms: Terms, texts: list[str]) -> tuple[sparse.csr_matrix, Floats]:
    """Weighted rows of a chunk of texts, and the share of what stands in each that is a term."""
    row, bucket = grams.occurrences(texts)
    counts = grams.counted(row, terms.column[bucket], len(texts))
    n_known = np.diff(np.concatenate([[0], np.cumsum(counts[0])])[counts[2]])
    return _matrix(counts, terms), (n_known / np.maximum(np.bincount(row, minlength=len(texts)), 1)).astype(np.float32)


def softmax(logits: npt.NDArray) -> npt.NDArray:
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    return raised / raised.sum(axis=1, keepdims=True)


def folds(target: npt.NDArray[np.int64], n: int, seed: int, group: npt.NDArray[np.int64] | None = None) -> npt.NDArray:
    """A fold for each text: every class dealt out evenly, in an order of `seed`; texts of one `group` into one fold."""
    group = np.arange(len(target)) if group is None else group
    _, first, of_group = np.unique(group, return_index=True, return_inverse=True)
    order = np.random.default_rng(seed).permutation(len(first))
    order = order[np.argsort(target[first][order], kind="stable")]
    fold = np.empty(len(first), dtype=np.int64)
    fold[order] = np.arange(len(first)) % n
    return fold[of_group]


def choose_terms(counts: Rows, target: npt.NDArray[np.int64], n_classes: int) -> Terms:
    """The terms of MIN_TEXTS texts and more, weighted by idf × (BASE + 1 − entropy of the class given the term)."""
    _, bucket, starts = counts
    n_texts = np.bincount(bucket, minlength=grams.BUCKETS)
    buckets = np.flatnonzero(n_texts >= MIN_TEXTS)
    column = np.full(grams.BUCKETS, -1, dtype=np.int32)
    column[buckets] = np.arange(len(buckets))
    at = column[bucket]
    of = np.repeat(target, np.diff(starts))[at >= 0]
    by_class = np.bincount(at[at >= 0] * n_classes + of, minlength=len(buckets) * n_classes)
    by_class = by_class.reshape(len(buckets), n_classes)
    size = np.bincount(target, minlength=n_classes)
    share = by_class * (len(target) / n_classes / size) + SMOOTHING / n_classes
    share /= share.sum(axis=1, keepdims=True)
    entropy = -(share * np.log(share)).sum(axis=1) / np.log(n_classes)
    idf = 1 + np.log((1 + len(target)) / (1 + n_texts[buckets]))
    weight = idf * (BASE + 1 - entropy)
    if len(buckets) * n_classes > MAX_WEIGHTS:
        telling = np.sqrt(n_texts[buckets]) * (1 - entropy)
        keep = np.sort(np.argsort(-telling, kind="stable")[: MAX_WEIGHTS // n_classes])
        buckets, weight = buckets[keep], weight[keep]
    return terms_of(buckets, weight.astype(np.float32))


def terms_of(buckets: npt.NDArray[np.int64], weight: Floats) -> Terms:
    column = np.full(grams.BUCKETS, -1, dtype=np.int32)
    column[buckets] = np.arange(len(buckets))
    return Terms(buckets, weight, column)


def _some(counts: Rows, rows: npt.NDArray[np.int64]) -> Rows:
    n, bucket, starts = counts
    size = np.diff(starts)[rows]
    at = np.repeat(starts[rows] - (np.cumsum(size) - size), size) + np.arange(size.sum())
    return n[at], bucket[at], np.concatenate([[0], np.cumsum(size)])


def _weighted(counts: Rows, terms: Terms, rows: npt.NDArray[np.int64]) -> sparse.csr_matrix:
    n, bucket, starts = _some(counts, rows)
    column = terms.column[bucket]
    known = column >= 0
    return _matrix((n[known], column[known].astype(np.int64), np.concatenate([[0], np.cumsum(known)])[starts]), terms)


def _matrix(counts: Rows, terms: Terms) -> sparse.csr_matrix:
    """Weighted rows: the whole text's part of length 1, the head's of HEAD_SHARE."""
    n, column, starts = counts
    value = LOGS[np.minimum(n, MAX_COUNT)] * terms.weight[column]
    row = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
    part = 2 * row + (column >= terms.n_body)
    length = np.sqrt(np.bincount(part, weights=value * value, minlength=2 * (len(starts) - 1)))
    scale = np.tile([1.0, HEAD_SHARE], len(starts) - 1) / np.maximum(length, 1e-12)
    value = value * scale.astype(np.float32)[part]
    return sparse.csr_matrix((value, column.astype(np.int32), starts), shape=(len(starts) - 1, len(terms.buckets)))


def _fit_svm(rows: sparse.csr_matrix, target: npt.NDArray[np.int64], n_classes: int) -> tuple[Floats, Floats]:
    """Each class against the rest: ½|w|² + Σ cost × max(0, 1 − margin)², the members of a small class costing more.

    Newton's method, its linear systems by conjugate gradients (Keerthi & DeCoste 2005), all classes side by side.
    """
    n_texts, n_terms = rows.shape
    rows = sparse.csr_matrix(sparse.hstack([rows, np.ones((n_texts, 1), dtype=np.float32)]))
    columns = rows.T.tocsr()
    size = np.bincount(target, minlength=n_classes)
    coefficient = np.zeros((n_terms + 1, n_classes), dtype=np.float32)
    block = max(1, BLOCK // (n_terms + 1))  # classes at a time: they do not depend on one another
    for first in range(0, n_classes, block):
        chosen = np.arange(first, min(first + block, n_classes))
        sign = np.where(target[:, None] == chosen, 1.0, -1.0).astype(np.float32)
        cost = np.where(sign > 0, COST * n_texts / (n_classes * size[chosen]), COST).astype(np.float32)
        w = coefficient[:, chosen]
        value = np.zeros_like(sign)
        for _ in range(NEWTON_STEPS):
            active = 2 * cost * (sign * value < 1)  # texts on the wrong side of the margin
            step = _solved(rows, columns, active, columns @ (active * (sign - value)) - w)
            along = rows @ step
            length, gain = _line_search(w, step, value, along, sign, cost)
            w, value = w + length * step, value + length * along
            if gain < LITTLE:
                break
        coefficient[:, chosen] = w
    return coefficient[:-1], coefficient[-1]


def _solved(rows: sparse.csr_matrix, columns: sparse.csr_matrix, active: Floats, right: Floats) -> Floats:
    """x with x + columns (active × (rows x)) = right, roughly; a column a class, by conjugate gradients."""
    x, rest = np.zeros_like(right), right.copy()
    way, square = rest, np.einsum("ij,ij->j", rest, rest)
    for _ in range(CG_STEPS):
        bent = way + columns @ (active * (rows @ way))
        step = square / np.maximum(np.einsum("ij,ij->j", way, bent), 1e-30)
        x += step * way
        rest -= step * bent
        before, square = square, np.einsum("ij,ij->j", rest, rest)
        way = rest + square / np.maximum(before, 1e-30) * way
    return x


def _line_search(
    w: Floats, step: Floats, value: Floats, along: Floats, sign: Floats, cost: Floats
) -> tuple[Floats, float]:
    """How far to go, a length a class: the first of 1, ½, ¼ … that makes its loss smaller; the best gain as a share."""

    def loss(length: Floats) -> Floats:
        slack = np.maximum(0, 1 - sign * (value + length * along))
        far = w + length * step
        return 0.5 * np.einsum("ij,ij->j", far, far) + np.einsum("ij,ij,ij->j", cost, slack, slack)

    length = np.ones(w.shape[1], dtype=np.float32)
    start = loss(np.zeros_like(length))
    for _ in range(6):
        worse = loss(length) > start
        if not worse.any():
            break
        length[worse] /= 2
    length[loss(length) > start] = 0
    return length, float((1 - loss(length) / np.maximum(start, 1e-12)).max())


def calibrate(value: Floats, target: npt.NDArray[np.int64]) -> tuple[float, Floats]:
    """Temperature and offsets that make the decision values of texts outside the fit as likely as can be."""
    from scipy import optimize  # 13 MB, which a page that only asks does without

    n_texts, n_classes = value.shape
    hit = np.arange(n_texts), target

    def loss(at: npt.NDArray) -> tuple[float, npt.NDArray]:
        share = softmax(at[0] * value + at[1:])
        error = share.copy()
        error[hit] -= 1
        slope = np.concatenate([[(error * value).sum()], error.sum(axis=0) + at[1:]])
        return float(-np.log(share[hit] + 1e-12).sum() + 0.5 * (at[1:] @ at[1:])), slope

    start = np.concatenate([[2.0], np.zeros(n_classes)])
    found = optimize.minimize(loss, start, jac=True, method="L-BFGS-B").x
    return float(found[0]), found[1:].astype(np.float32)


# ---- how good a classifier is


def macro_f1(target: npt.NDArray, chosen: npt.NDArray) -> float:
    """Mean over the classes that occur of 2·hits / (members + chosen)."""
    return float(np.mean([one["f1"] for one in by_class(target, chosen)]))


def by_class(target: npt.NDArray, chosen: npt.NDArray) -> list[dict]:
    """n, n_chosen, precision, recall and F1 of each class among the targets; precision None where never chosen."""
    rows = []
    for name in np.unique(target):
        n, n_chosen = int((target == name).sum()), int((chosen == name).sum())
        hits = int(((target == name) & (chosen == name)).sum())
        precision = hits / n_chosen if n_chosen else None
        rows.append(
            {"label": str(name), "n": n, "n_chosen": n_chosen, "precision": precision, "recall": hits / n,
             "f1": 2 * hits / (n + n_chosen)}
        )  # fmt: skip
    return rows


def calibration_error(probability: npt.NDArray, is_hit: npt.NDArray, bins: int = 15) -> float:
    """Expected calibration error of the first choice: mean |share of hits − mean probability| over equal-width bins."""
    at = np.minimum((probability * bins).astype(int), bins - 1)
    n = np.bincount(at, minlength=bins)
    gap = np.bincount(at, weights=is_hit, minlength=bins) - np.bincount(at, weights=probability, minlength=bins)
    return float(np.abs(gap).sum() / max(n.sum(), 1))


def least_probability(probability: npt.NDArray, is_hit: npt.NDArray, precision: float) -> float:
    """The lowest threshold above which a share of at least `precision` of the first choices is right; 1 = nowhere."""
    order = np.argsort(-probability, kind="stable")
    share = np.cumsum(is_hit[order]) / np.arange(1, len(order) + 1)
    good = np.flatnonzero(share >= precision)
    return float(probability[order][good[-1]]) if len(good) else 1.0
