"""Which classes have the past texts most like this one? K nearest neighbours by the cosine of the classifier's own terms.

What a class as a whole does not show, two texts about the same thing do. Of a past text its weighted terms are kept, as
numbers of buckets: no characters and no order.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse

K = 20
POWER = 4  # of the similarity, as the weight of a neighbour's vote
FLOOR = 0.01  # share of the votes a class has that got none
MAX_PAST = 10_000  # texts, spread evenly over those taught: more cost time and add little
COMMON = 0.1  # share of the past texts from which on a term is left out: it tells little, and looking it up costs most
FEW = 50  # past texts that may share any term
BLOCK = 256  # texts looked for at a time

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Past:
    columns: sparse.csr_matrix  # terms × past texts
    target: npt.NDArray[np.int64]  # class of each


def keep(rows: sparse.csr_matrix, target: npt.NDArray[np.int64]) -> Past:
    """`rows`: weighted terms of the texts taught, texts × terms."""
    chosen = np.arange(0, rows.shape[0], -(-rows.shape[0] // MAX_PAST))
    columns = rows[chosen].T.tocsr()
    n_texts = np.diff(columns.indptr)
    columns.data[np.repeat(n_texts > max(COMMON * len(chosen), FEW), n_texts)] = 0
    columns.eliminate_zeros()
    return Past(columns, target[chosen])


def votes(past: Past, rows: sparse.csr_matrix, n_classes: int) -> Floats:
    """Logarithm of each class's share of the neighbours' votes, texts × classes."""
    share = np.zeros((rows.shape[0], n_classes), dtype=np.float32)
    k = min(K, len(past.target))
    for start in range(0, rows.shape[0], BLOCK):
        like = (rows[start : start + BLOCK] @ past.columns).toarray()
        nearest = np.argpartition(-like, k - 1, axis=1)[:, :k]
        weight = np.take_along_axis(like, nearest, axis=1) ** POWER
        np.add.at(share, (start + np.arange(len(like))[:, None], past.target[nearest]), weight)
    share /= np.maximum(share.sum(axis=1, keepdims=True), 1e-12)
    return np.log(share + FLOOR)
