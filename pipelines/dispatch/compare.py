"""What would have been suggested for the items taught, and what was done with them?

Each item is suggested for as if it came in today: its chances by the fit it had no part in, its place as recorded, the
history of units without it. Counts and names of issues and units only, no item and no text.
"""

from collections import Counter, defaultdict
from typing import Any

import numpy.typing as npt

from pipelines.dispatch import duty, library, model, suggest

MOST_PAIRS = 200


def compare(
    given: suggest.Tools, chance: npt.NDArray, known_share: npt.NDArray, items: list[model.Item]
) -> dict[str, Any]:
    """Figures for model.json. `chance`: items × classes, from outside the fit. `known_share`: as
    `linear.read` says.

    units        of the items whose unit is known (n): the share with it as the first or among the first three units
                 suggested, where something is; …_given_issue: the same with the recorded issue, nothing left out.
    returns      items, of these from files that tell returns (n_known), returned; where the unit is the first suggested
                 (agrees) and where it is another (differs).
    differs      recorded issue, unit, other unit suggested: how often. The most frequent.
    relabelled   recorded issue, other issue suggested: how often. The most frequent.
    """
    texts = [one.said for one in items]
    matches = library.match_all(given.library, texts, [one.purpose for one in items])
    strange = suggest.unlike_taught(given, known_share)
    found: Counter[str] = Counter()
    returns = {"agrees": _nobody(), "differs": _nobody()}
    differs: dict[tuple[str, str, str], Counter[str]] = defaultdict(_nobody)
    relabelled: Counter[tuple[str, str]] = Counter()
    for one, match, row, is_strange in zip(items, matches, chance, strange, strict=True):
        place, known = (one.county_code, one.town_code), (one.issue_code, one.unit_name)
        suggested = suggest.judged(given, one.said, place, match, row, is_strange, without=known)
        if suggested.issue_code not in (None, one.issue_code):
            relabelled[one.issue_code, suggested.issue_code or ""] += 1
        if not one.unit_name:
            continue
        county, town = place if any(place) else duty.place_in(given.duties, one.said)
        by_issue = [unit for unit, _ in duty.ranked(given.duties, {one.issue_code: 1.0}, county, town, known)]
        found["n"] += 1
        found["top1_given_issue"] += one.unit_name in by_issue[:1]
        found["top3_given_issue"] += one.unit_name in by_issue[: suggest.N_SUGGESTED]
        if suggested.unit is None:
            continue
        found["said"] += 1
        found["top1"] += suggested.unit == one.unit_name
        found["top3"] += one.unit_name in [unit.name for unit in suggested.units]
        happened = {"n": 1, "n_known": one.is_returned is not None, "n_returned": bool(one.is_returned)}
        if suggested.unit == one.unit_name:
            returns["agrees"].update(happened)
        else:
            returns["differs"].update(happened)
            differs[one.issue_code, one.unit_name, suggested.unit].update(happened)
    n, said = found["n"], found["said"]
    return {
        "units": {
            "n": n,
            **{name: found[name] / said if said else None for name in ("top1", "top3")},
            "abstained_share": 1 - said / n if n else None,
            **{name: found[name] / n if n else None for name in ("top1_given_issue", "top3_given_issue")},
        },
        "returns": {name: dict(counts) for name, counts in returns.items()},
        "differs": [
            {"issue_code": issue, "unit_name": unit, "suggested_unit": other, **counts}
            for (issue, unit, other), counts in sorted(differs.items(), key=lambda one: (-one[1]["n"], one[0]))[
                :MOST_PAIRS
            ]
        ],
        "relabelled": [
            {"issue_code": issue, "suggested_code": other, "n": n}
            for (issue, other), n in sorted(relabelled.items(), key=lambda one: (-one[1], one[0]))[:MOST_PAIRS]
        ],
    }


def _nobody() -> Counter[str]:
    return Counter(n=0, n_known=0, n_returned=0)
