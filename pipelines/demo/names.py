"""Invented names for towns, communities, estates, roads, firms and shops; no list of a real city is copied."""

import tomllib
from pathlib import Path

import numpy as np
import numpy.typing as npt

Flags = npt.NDArray[np.bool_]

WORDS = tomllib.loads((Path(__file__).parent / "names.toml").read_text(encoding="utf-8"))


def towns(is_street: Flags, rng: np.random.Generator) -> list[str]:
    """One hundred unique town names, 街道 or 镇 or 乡."""
    streets = iter(WORDS["streets"])
    rural = iter(rng.permutation(np.array(WORDS["towns"])).tolist())
    labels = []
    for street in is_street.tolist():
        if street:
            labels.append(next(streets) + "街道")
        else:
            labels.append(next(rural) + ("镇" if rng.random() < 0.72 else "乡"))
    return labels


def communities(urban: Flags, rng: np.random.Generator) -> list[str]:
    """Unique names: 社区 in town, 村 outside."""
    neighbourhoods = [a + b for a in WORDS["neighbourhood_heads"] for b in WORDS["neighbourhood_tails"] if a != b]
    villages = [s + h for s in WORDS["surnames"] for h in WORDS["hamlets"]] + [
        a + b for a in WORDS["landmarks"] for b in WORDS["features"]
    ]
    rng.shuffle(neighbourhoods)
    rng.shuffle(villages)
    if "云水" in neighbourhoods:  # the name the file layouts use as their example
        neighbourhoods.remove("云水")
    neighbourhoods.insert(0, "云水")
    first, second = iter(neighbourhoods), iter(villages)
    return [next(first) + "社区" if u else next(second) + "村" for u in urban.tolist()]


def aliases(town_names: list[str]) -> list[str]:
    """What clerks write instead: 和平办事处, 石塘."""
    result = []
    for name in town_names:
        stem = name.removesuffix("街道").removesuffix("镇").removesuffix("乡")
        result.append(f"{stem}街;{stem}办事处;{stem}街道办" if name.endswith("街道") else f"{stem};{name}政府")
    return result


def community_alias(name: str) -> str:
    stem = name.removesuffix("社区").removesuffix("村")
    return f"{stem}居委会" if name.endswith("社区") else f"{stem}村委会"


def combine(heads: list[str], tails: list[str], n: int, rng: np.random.Generator) -> list[str]:
    """n different names head + tail."""
    both = np.array([a + b for a in heads for b in tails])
    return rng.permutation(both)[:n].tolist()
