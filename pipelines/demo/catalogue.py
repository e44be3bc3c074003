"""What the demo knows of every issue: how common, when, where, through which channel, under which category names."""

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from pipelines.config import SEEDS

FOLDER = Path(__file__).parent
SOURCES = ("hotline", "grid", "petition")
SOURCE_SHARES = (0.70, 0.24, 0.06)
RENAMED_FROM = "2025-01-01"  # the hotline renamed some categories on this day
VALID_FROM = "2020-01-01"

# per mix: the relative use of hotline, grid, petition before the shares of the whole city are met
MIXES = {
    "A": (55, 43, 2),
    "B": (95, 1, 4),
    "C": (78, 6, 16),
    "D": (55, 14, 31),
    "E": (78, 17, 5),
    "F": (90, 7, 3),
    "G": (90, 2, 8),
    "H": (42, 55, 3),
    "I": (47, 3, 50),
}
# per area: how much the rural and the urban end of the city raise the issue
AREAS = {"U": (0.12, 1.5), "u": (0.45, 1.3), "n": (0.85, 1.05), "r": (1.2, 0.5), "R": (1.6, 0.05)}


@dataclass(frozen=True)
class Catalogue:
    """Arrays by issue (in the order of the codes) and by grid class."""

    codes: list[str]
    names: list[str]
    groups: list[str]
    group_names: list[str]
    roles: list[str]  # the main role, without the alternatives in brackets
    weight: npt.NDArray[np.float64]
    season: list[str]
    trend: npt.NDArray[np.float64]  # share a year
    rural: npt.NDArray[np.float64]
    urban: npt.NDArray[np.float64]
    mix: npt.NDArray[np.float64]  # issue × source
    petition: list[str]
    hotline: list[str]
    hotline_renamed: list[str]  # empty where the name stayed
    hotline_part: list[str]  # the names in the part-stream's export
    grid_categories: list[str]
    grid_issue: npt.NDArray[np.int64]
    grid_weight: npt.NDArray[np.float64]


@cache
def catalogue() -> Catalogue:
    """The catalogue from this folder's files and the seed taxonomy."""
    taxonomy = rows(SEEDS / "issue.csv")
    profile = {row["issue_code"]: row for row in rows(FOLDER / "issues.csv")}
    codes = [row["issue_code"] for row in taxonomy]
    own = [profile[code] for code in codes]
    grid = rows(FOLDER / "grid_classes.csv")
    order = {code: k for k, code in enumerate(codes)}
    grid_issue = np.array([order[row["issue_code"]] for row in grid])
    mix = np.array([MIXES[row["mix"]] for row in own], dtype=float)
    mix[~np.isin(np.arange(len(codes)), grid_issue), 1] = 0
    weight = np.array([float(row["weight"]) for row in own])
    weight /= weight.sum()
    return Catalogue(
        codes=codes,
        names=[row["issue_name"] for row in taxonomy],
        groups=[row["group_code"] for row in taxonomy],
        group_names=[row["group_name"] for row in taxonomy],
        roles=[main_role(row["role_main"]) for row in taxonomy],
        weight=weight,
        season=[row["season"] for row in own],
        trend=np.array([float(row["trend"]) / 100 for row in own]),
        rural=np.array([AREAS[row["area"]][0] for row in own]),
        urban=np.array([AREAS[row["area"]][1] for row in own]),
        mix=_raked(mix, weight),
        petition=[row["petition"] for row in own],
        hotline=[row["hotline"] for row in own],
        hotline_renamed=[row["hotline_2025"] for row in own],
        hotline_part=[
            f"{group['group_name']}类>{row['hotline'].rsplit('>', 1)[1]}"
            for group, row in zip(taxonomy, own, strict=True)
        ],
        grid_categories=[row["category"] for row in grid],
        grid_issue=grid_issue,
        grid_weight=np.array([float(row["weight"]) for row in grid]),
    )


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def main_role(role: str) -> str:
    """住建局(或行业主管) → 住建局; a slash or comma also opens an alternative."""
    for mark in "(（/、":
        role = role.split(mark)[0]
    return role


def crosswalk() -> pl.DataFrame:
    """The rows of sql/seeds/crosswalk.csv: every category name the demo's files use, and its issue."""
    known = catalogue()
    table = [
        (source, name, code, valid_from)
        for source, names, valid_from in (
            ("petition", known.petition, VALID_FROM),
            ("hotline", known.hotline, VALID_FROM),
            ("hotline", known.hotline_renamed, RENAMED_FROM),
            ("hotline", known.hotline_part, VALID_FROM),
        )
        for name, code in zip(names, known.codes, strict=True)
        if name
    ]
    table += [
        ("grid", name, known.codes[issue], VALID_FROM)
        for name, issue in zip(known.grid_categories, known.grid_issue.tolist(), strict=True)
    ]
    return pl.DataFrame(table, schema=["source", "category_raw", "issue_code", "valid_from"], orient="row").sort(
        "source", "category_raw"
    )


def _raked(mix: npt.NDArray[np.float64], weight: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Shares by issue whose weighted mean meets the shares of the whole city."""
    shares = mix / mix.sum(axis=1, keepdims=True)
    for _ in range(100):
        shares = shares * (np.array(SOURCE_SHARES) / (weight @ shares))
        shares = shares / shares.sum(axis=1, keepdims=True)
    return shares
