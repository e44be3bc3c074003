"""Up to three issues and units for each text, with the reasons; says nothing where it is not sure.

>>> both = tools(home)  # library, duty list and the learned model if there is one: load once, ask often
>>> suggest(both, ["小区电梯坏了三天"], ["投诉"])[0].issue_code
'0206'
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from pipelines.config import Home
from pipelines.dispatch import duty, library, model, second
from pipelines.errors import YanpanError

N_SUGGESTED = library.N_SUGGESTED
LEAST = 0.01  # less likely ones are not worth a line


@dataclass(frozen=True)
class Tools:
    library: library.Library
    duties: duty.Duties
    model: model.Model | None
    fault: str = ""
    """Why there is no model though one was taught."""


@dataclass(frozen=True)
class Candidate:
    """An issue (code and name) or a unit (both its name). probability: None where only the library spoke."""

    code: str
    name: str
    probability: float | None


@dataclass(frozen=True)
class Suggestion:
    issues: list[Candidate]  # best first
    units: list[Candidate]
    spans: list[library.Span]  # matched words of all suggested issues, for highlighting
    reason: str  # one Chinese sentence or two
    is_abstained: bool  # the candidates are hints for a clerk, not a suggestion

    @property
    def issue_code(self) -> str | None:
        return self.issues[0].code if self.issues and not self.is_abstained else None

    @property
    def unit(self) -> str | None:
        return self.units[0].name if self.units and not self.is_abstained else None

    @property
    def probability(self) -> float | None:
        return self.issues[0].probability if self.issues else None


def percent(probability: float | None) -> str:
    """92%; never a round 100%, which no model can promise; empty where only the library spoke."""
    return "" if probability is None else ">99%" if probability > 0.994 else f"{probability:.0%}"


def tools(home: Home, *, goes_without: bool = False) -> Tools:
    """Library, duty list and the model in force. A model that cannot be read raises YanpanError; with `goes_without` the
    rest suggests alone, and `Tools.fault` says why."""
    fault = ""
    try:
        learned = model.load(home)
    except YanpanError as error:
        if not goes_without:
            raise
        learned, fault = None, str(error)
    duties = duty.load(home.reference, learned.history if learned else ())
    return Tools(library.load(home.reference), duties, learned, fault)


def suggest(
    given: Tools,
    texts: list[str],
    purposes: list[str | None] | None = None,
    places: list[tuple[str, str]] | None = None,
) -> list[Suggestion]:
    """`texts`: redacted, title first. `places`: county and town code of each, '' = not known; else looked for in the text."""
    purposes = purposes or [None] * len(texts)
    places = places or [("", "")] * len(texts)
    matches = library.match_all(given.library, texts, purposes)
    chance, strange = _chances(given, texts, matches)
    return [judged(given, *one) for one in zip(texts, places, matches, chance, strange, strict=True)]


def judged(
    given: Tools,
    text: str,
    place: tuple[str, str],
    match: library.Match,
    chance: np.ndarray | None,
    is_strange: bool,
    without: tuple[str, str] = ("", ""),
) -> Suggestion:
    """One suggestion from what the library and the model said of the text.

    `without`: issue and unit of an item the history of units is not to know.
    """
    county, town = place if any(place) else duty.place_in(given.duties, text)
    issues, reason, is_abstained = _issues(given, match, chance, is_strange)
    units = _units(given.duties, issues, county, town, without)
    spans = [span for span in match.spans if span.issue_code in {one.code for one in issues}]
    return Suggestion(issues, units, spans, reason, is_abstained)


def classify(given: Tools, texts: list[str], purposes: list[str | None]) -> tuple[list[str | None], list[float]]:
    """Issue code and probability of many texts, without reasons: None and what little it was where it abstains.

    For what comes in without a category. Needs a learned model.
    """
    learned = given.model
    if learned is None:
        raise ValueError("classify needs a learned model")
    classes = learned.classifier.classes
    scores = model.library_scores(given.library, texts, purposes, classes)
    chance, known_share = second.chances(learned.classifier, learned.weight, texts, scores)
    best, at = chance.max(axis=1), chance.argmax(axis=1)
    said = (best >= learned.threshold) & ~unlike_taught(given, known_share)
    return [classes[k] if known else None for k, known in zip(at.tolist(), said.tolist(), strict=True)], best.tolist()


def _chances(
    given: Tools, texts: list[str], matches: list[library.Match]
) -> tuple[Iterable[np.ndarray | None], list[bool]]:
    """Probabilities of each text, None without a model, and whether the text is unlike what was taught."""
    if given.model is None:
        return [None] * len(texts), [False] * len(texts)
    classifier = given.model.classifier
    at = {code: k for k, code in enumerate(classifier.classes)}

    def scores(some: np.ndarray) -> np.ndarray:
        said = np.zeros((len(some), len(at)), dtype=np.float32)
        for row, text in enumerate(some):
            for code, value in matches[text].scores.items():
                if code in at:
                    said[row, at[code]] = value
        return said

    chance, known_share = second.chances(classifier, given.model.weight, texts, scores)
    return chance, unlike_taught(given, known_share).tolist()


def unlike_taught(given: Tools, known_share: np.ndarray) -> np.ndarray:
    """Texts that share too little with what was taught for a probability to mean anything."""
    return known_share < (given.model.about["least_known"] if given.model else 0)


def _issues(
    given: Tools, match: library.Match, chance: np.ndarray | None, is_strange: bool
) -> tuple[list[Candidate], str, bool]:
    """Candidates, reason, abstained. A purpose that decides, and an issue the history does not know, are the library's."""
    names = given.library.issues
    by_word = [Candidate(code, names[code].issue_name, None) for code, _ in match.ranked]
    learned = given.model
    if learned is None or chance is None or (match.ranked and names[match.ranked[0][0]].is_counted_only):
        return by_word, match.reason, match.is_abstained
    order = np.argsort(-chance, kind="stable")[:N_SUGGESTED]
    codes = learned.classifier.classes
    issues = [
        Candidate(codes[k], names[codes[k]].issue_name if codes[k] in names else codes[k], float(chance[k]))
        for k in order
        if chance[k] >= LEAST
    ]
    best = float(chance[order[0]])
    if is_strange and by_word and not match.is_abstained:
        return by_word, f"用词与过去的件差别太大，只按词库：{match.reason}", False
    if is_strange:
        return issues, "用词与过去的件差别太大，请人工判断。", True
    if library.is_attitude_only(match) and issues[0].code in {code for code, _ in match.ranked}:
        return issues, match.reason, True
    first = by_word[0] if by_word and not match.is_abstained else None
    if best >= learned.threshold:
        agrees = f"；{match.reason}" if first and first.code == issues[0].code else "。"
        return issues, f"与过去按“{issues[0].name}”办理的件相像，把握 {percent(best)}{agrees}", False
    if first and first.code not in codes:
        return [first, *issues][:N_SUGGESTED], f"{match.reason}历史里还没有这一类。", False
    return issues, f"最像“{issues[0].name}”，但把握只有 {percent(best)}，请人工判断。", True


def _units(
    duties: duty.Duties, issues: list[Candidate], county: str, town: str, without: tuple[str, str]
) -> list[Candidate]:
    """Units weighed by how likely the issue is and how often they have it; without probabilities in the order of issues."""
    is_known = all(issue.probability is not None for issue in issues)
    weights = {
        issue.code: issue.probability if issue.probability is not None else 0.1**rank
        for rank, issue in enumerate(issues)
    }
    ranked = duty.ranked(duties, weights, county, town, without)[:N_SUGGESTED]
    return [Candidate(unit, unit, part if is_known else None) for unit, part in ranked if part >= LEAST]
