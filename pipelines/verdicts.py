"""Verdicts on counts, kept from build to build in HOME/cache/verdicts.npz: see `surveillance.kept`.

The file is replaced as a whole and is no part of the published version; without it, or with a torn one, every week is
judged again.
"""

import hashlib
import os
import zipfile
from pathlib import Path

import numpy as np
import polars as pl
import scipy

from pipelines.config import Home
from pipelines.detectors import count_quantiles, predictive, windows
from pipelines.surveillance import excess, indicators, weeks
from pipelines.surveillance import kept as keeping
from pipelines.surveillance.kept import FIGURES, TAILS, WORDS, Block, Kept

MODULES = (predictive, count_quantiles, windows, excess, indicators, weeks, keeping)


def load(home: Home, *, is_forgotten: bool = False) -> Kept:
    """What an earlier build kept; nothing where there is no file or a torn one, or where it is to be forgotten."""
    digest = hashlib.sha256(f"{np.__version__} {scipy.__version__}".encode())
    for module in MODULES:
        digest.update(Path(str(module.__file__)).read_bytes())
    found = Kept(program=digest.hexdigest())
    if is_forgotten:
        return found
    try:
        with np.load(_file(home)) as stored:
            for name in stored["names"].tolist():
                issues, keys = stored[f"{name}/issues"].tolist(), stored[f"{name}/keys"].tolist()
                found.before[name] = Block(
                    stored[f"{name}/mondays"],
                    stored[f"{name}/issue"],
                    dict(zip(issues, keys, strict=True)),
                    {figure: stored[f"{name}/{figure}"] for figure in (*FIGURES, *WORDS)},
                )
            if stored["program"] == found.program:
                found.tails_before = pl.DataFrame(stored["tails"], schema=TAILS)
    except (OSError, KeyError, ValueError, zipfile.BadZipFile):
        found.before.clear()
    return found


def save(home: Home, kept: Kept) -> None:
    tails = pl.concat([pl.DataFrame(schema=TAILS), *kept.tails_now]).unique(maintain_order=True)
    arrays = {
        "program": np.array(kept.program),
        "names": np.array(list(kept.now), dtype=str),
        "tails": tails.to_numpy(),
    }
    for name, block in kept.now.items():
        arrays |= {
            f"{name}/mondays": block.mondays,
            f"{name}/issue": block.issue,
            f"{name}/issues": np.array(list(block.keys), dtype=str),
            f"{name}/keys": np.array(list(block.keys.values()), dtype=str),
        }
        arrays |= {f"{name}/{figure}": block.figures[figure] for figure in FIGURES}
        arrays |= {f"{name}/{word}": block.figures[word].astype(str) for word in WORDS}
    file = _file(home)
    file.parent.mkdir(exist_ok=True)
    part = file.with_suffix(f".{os.getpid()}.part")
    with part.open("wb") as stream:
        np.savez(stream, **arrays)  # type: ignore[arg-type]
    part.replace(file)


def _file(home: Home) -> Path:
    return home.path / "cache" / "verdicts.npz"
