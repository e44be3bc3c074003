"""The sources the office receives, one module each; the same key names the module and its folder in data/sample."""

from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass

import polars as pl

from pipelines.sources import grid, hotline, ledger, litigation, mediation, petition
from pipelines.sources.recognise import Layout

Hashed = Callable[[str, pl.Series], pl.Series]
"""(source, numbers) → the keyed hashes that stand for them; null stays null."""


@dataclass(frozen=True)
class Source:
    """`normalise(raw, layout, *, today=None) -> (events, rejected)` and the header layouts it knows."""

    layouts: dict[str, Layout]
    normalise: Callable


@dataclass(frozen=True)
class Register:
    """Files whose rows are no registered items but cases or entries about them; see `registers`.

    `normalise(raw, layout, *, today=None) -> (rows, rejected)`, then `keyed(rows, hashed, units) -> (rows, redactions,
    notes)`: numbers become hashes, texts are redacted, and of the units those are kept that are known or
    institutions by their words; what is left is the content of `table`, entry_id and source_row.
    """

    layouts: dict[str, Layout]
    normalise: Callable[..., tuple[pl.DataFrame, pl.DataFrame]]
    keyed: Callable[[pl.DataFrame, Hashed, Collection[str]], tuple[pl.DataFrame, Counter[str], list[str]]]
    table: str


SOURCES: dict[str, Source] = {
    "petition": Source(petition.LAYOUTS, petition.normalise),
    "hotline": Source(hotline.LAYOUTS, hotline.normalise),
    "grid": Source(grid.LAYOUTS, grid.normalise),
}
REGISTERS: dict[str, Register] = {
    "mediation": Register(mediation.LAYOUTS, mediation.normalise, mediation.keyed, "core.referral"),
    "litigation": Register(litigation.LAYOUTS, litigation.normalise, litigation.keyed, "core.referral"),
    "ledger": Register(ledger.LAYOUTS, ledger.normalise, ledger.keyed, "core.ledger_entry"),
}
