"""Which of the classes a text may be of have the past texts most like it? K nearest neighbours by the cosine of the
classifier's own terms.

What a class as a whole does not show, two texts about the same thing do. Only past texts of the likely classes are looked at:
the others would change hardly an answer, and cost most. Of a past text its weighted terms are kept, as numbers of buckets: no
characters and no order.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse

K = 20
POWER = 4  # of the similarity, as the weight of a neighbour's vote
FLOOR = 0.01  # share of the votes a class has that got none
LIKELY = 0.1  # probability from which on the past texts of a class are looked at
MAX_PAST = 10_000  # texts, spread evenly over those taught: more cost time and add little
COMMON = 0.2  # share of the past texts from which on a term is left out: it tells little, and looking it up costs most
FEW = 50  # past texts that may share any term
BLOCK = 1024  # texts looked for at a time

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Past:
    rows: sparse.csr_matrix  # past texts × terms, class after class
    target: npt.NDArray[np.int64]  # class of each, ascending


def keep(rows: sparse.csr_matrix, target: npt.NDArray[np.int64]) -> Past:
    """`rows`: weighted terms of the texts taught, texts × terms."""
    chosen = np.arange(0, rows.shape[0], -(-rows.shape[0] // MAX_PAST))
    chosen = chosen[np.argsort(target[chosen], kind="stable")]
    kept = rows[chosen]
    n_texts = np.bincount(kept.indices, minlength=rows.shape[1])
    kept.data[n_texts[kept.indices] > max(COMMON * len(chosen), FEW)] = 0
    kept.eliminate_zeros()
    return Past(kept, target[chosen])


def votes(past: Past, rows: sparse.csr_matrix, chance: npt.NDArray) -> Floats:
    """Logarithm of each class's share of the neighbours' votes, texts × classes. `chance`: what the classifier says of them."""
    likely = chance >= LIKELY
    share = likely.astype(np.float32)  # nothing to decide where one class alone is likely
    open_ = np.flatnonzero(likely.sum(axis=1) > 1)
    for start in range(0, len(open_), BLOCK):
        at = open_[start : start + BLOCK]
        share[at] = _votes(past, rows[at], likely[at])
    share /= np.maximum(share.sum(axis=1, keepdims=True), 1e-12)
    return np.log(share + FLOOR)


def _votes(past: Past, rows: sparse.csr_matrix, likely: npt.NDArray[np.bool_]) -> Floats:
    n_classes = likely.shape[1]
    like = np.zeros((rows.shape[0], n_classes, K), dtype=np.float32)  # of the K nearest of each class
    begin = np.searchsorted(past.target, np.arange(n_classes + 1))
    for k in np.flatnonzero(likely.any(axis=0)):
        asked = np.flatnonzero(likely[:, k])
        found = (past.rows[begin[k] : begin[k + 1]] @ rows[asked].T).toarray(order="F").T
        if found.shape[1] > K:
            found = np.partition(found, -K, axis=1)[:, -K:]
        like[asked, k, : found.shape[1]] = found
    least = np.partition(like.reshape(len(like), -1), -K, axis=1)[:, -K]
    return np.where(like >= least[:, None, None], like**POWER, 0).sum(axis=2)
