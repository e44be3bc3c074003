"""A second reading of the texts the classifier is not sure of: what other experts say, weighed by how they did before.

The experts are the classifier, the nearest past texts and, where there is one, the keyword library. Their log-probabilities
and scores go into one multinomial logistic regression (stacked generalization, Wolpert 1992), learned from what each said of
texts it was not fitted to. It is drawn towards the plain weighted sum of the experts (a product of experts, Hinton 2002),
so that few texts leave the weights near those.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from scipy import special

from pipelines.dispatch import linear, nearest

SURE = 1 - nearest.LIKELY  # probability from which on nobody else is asked: no other class can be likely
RIDGE = 100.0  # texts that speak for the plain weights
LEAST_TEXTS = 50

Floats = npt.NDArray[np.float32]
Scores = Callable[[npt.NDArray[np.int64]], Floats]  # what the keyword library says of the texts at these positions


def learn(taught: linear.Taught, target: npt.NDArray[np.int64], scores: Scores | None = None) -> Floats:
    """Weights of the experts from what they said of texts outside the fit. `target`: position of the class of each."""
    at = _unsure(linear.softmax(taught.logits))
    return fit(_experts(taught.logits[at], taught.votes[at], at, scores), target[at])


def outside(taught: linear.Taught, weight: Floats, scores: Scores | None = None) -> npt.NDArray:
    """Probabilities of the texts taught, by the fit each had no part in."""
    return _chances(taught.logits, lambda at: taught.votes[at], weight, scores)


def chances(
    classifier: linear.Classifier, weight: Floats, texts: list[str], scores: Scores | None = None
) -> tuple[npt.NDArray, Floats]:
    """Probabilities of new texts, the classifier's where it is sure, of the second reading elsewhere: texts × classes.

    And how much of each text was known.
    """
    logits, known, rows = linear.read(classifier, texts, lambda one: _unsure(linear.softmax(one)))

    def votes(at: npt.NDArray[np.int64]) -> Floats:
        return nearest.votes(classifier.past, rows, linear.softmax(logits[at]))

    return _chances(logits, votes, weight, scores), known


def _chances(logits: Floats, votes: Scores, weight: Floats, scores: Scores | None) -> npt.NDArray:
    chance = linear.softmax(logits)
    at = _unsure(chance)
    if len(at):
        chance[at] = read(weight, _experts(logits[at], votes(at), at, scores))
    return chance


def _unsure(chance: npt.NDArray) -> npt.NDArray[np.int64]:
    return np.flatnonzero(chance.max(axis=1) < SURE)


def _experts(logits: Floats, votes: Floats, at: npt.NDArray[np.int64], scores: Scores | None) -> list[Floats]:
    said = [special.log_softmax(logits, axis=1), votes]
    return said if scores is None else [*said, scores(at)]


def fit(experts: list[Floats], target: npt.NDArray[np.int64]) -> Floats:
    """Weights (experts × classes + 1) × classes. `experts`: texts × classes each, the classifier first."""
    from scipy import optimize  # as linear.calibrate

    n_classes, n_experts = experts[0].shape[1], len(experts)
    plain = np.eye(n_experts)[0]
    hit = np.arange(len(target)), target
    said = np.hstack([*experts, np.ones((len(target), 1))]).astype(np.float64)
    if len(target) < LEAST_TEXTS:
        return _matrix(plain, n_classes)

    def poured(value: npt.NDArray) -> tuple[float, npt.NDArray]:
        """Loss, and its slope by the value of each class."""
        share = linear.softmax(value)
        loss = -float(np.log(share[hit] + 1e-12).sum())
        share[hit] -= 1
        return loss, share

    def by_expert(at: npt.NDArray) -> tuple[float, npt.NDArray]:
        loss, error = poured(sum((a * one for a, one in zip(at, experts, strict=True)), np.zeros(())))
        return loss, np.array([(error * one).sum() for one in experts])

    bounds = [(0.0, 10.0)] * n_experts
    plain = optimize.minimize(by_expert, plain, jac=True, method="L-BFGS-B", bounds=bounds).x
    start = _matrix(plain, n_classes).astype(np.float64)

    def by_class(at: npt.NDArray) -> tuple[float, npt.NDArray]:
        away = at.reshape(start.shape) - start
        loss, error = poured(said @ at.reshape(start.shape))
        return loss + 0.5 * RIDGE * float((away**2).sum()), (said.T @ error + RIDGE * away).ravel()

    found = optimize.minimize(by_class, start.ravel(), jac=True, method="L-BFGS-B", options={"maxiter": 100}).x
    return found.reshape(start.shape).astype(np.float32)


def read(weight: Floats, experts: list[Floats]) -> npt.NDArray:
    """Probabilities, texts × classes."""
    return linear.softmax(np.hstack(experts) @ weight[:-1] + weight[-1])


def _matrix(plain: npt.NDArray, n_classes: int) -> Floats:
    return np.vstack([*(a * np.eye(n_classes) for a in plain), np.zeros((1, n_classes))]).astype(np.float32)
