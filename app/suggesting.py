"""Library, duty list and model for suggestions, loaded once for all who ask: the page 智能分派 and the HTTP API.

>>> suggest.suggest(tools(), [redacted("小区电梯坏了三天")])[0].issue_code
'0206'
"""

import threading
from functools import lru_cache
from pathlib import Path

import polars as pl

from app import versions
from pipelines import redact
from pipelines.config import Home
from pipelines.dispatch import model, suggest

# What a suggestion is made of besides the model: the office's own words, duties, units and places.
REFERENCE = ("keyword.csv", "keyword_exclusion.csv", "duty.csv", "unit.csv", "place.csv")
_LOCK = threading.Lock()


def tools() -> suggest.Tools:
    """The tools in force, by any thread, with or without Streamlit: loaded again once the model or a file of REFERENCE changes.

    A model that cannot be read is done without (`Tools.fault`). YanpanError where another file has a fault, in a sentence
    that says which; the next call tries again.
    """
    home = Home(versions.home())
    with _LOCK:  # threads that come at once wait for one to load, instead of all loading
        return _load(home.path, state(home))


def state(home: Home) -> tuple[object, ...]:
    """What the tools depend on, as a key: the model's version, then when and how large each file is."""
    return model.current(home), *(_stamp(home.reference / name) for name in REFERENCE)


def redacted(text: str) -> str:
    """The text without names, numbers and addresses of persons, as suggestions and key facts need it."""
    return redact.redact(pl.Series([text]))[0][0]


@lru_cache(maxsize=2)  # the one in force and, for a moment, the one before; a fault is not kept
def _load(path: Path, _state: tuple[object, ...]) -> suggest.Tools:
    return suggest.tools(Home(path), goes_without=True)


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size
