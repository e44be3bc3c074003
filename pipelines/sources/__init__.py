"""The sources the office receives, one module each; the same key names the module and its folder in data/sample."""

from collections.abc import Callable
from dataclasses import dataclass

from pipelines.sources import grid, hotline, petition
from pipelines.sources.recognise import Layout


@dataclass(frozen=True)
class Source:
    """`normalise(raw, layout, *, today=None) -> (events, rejected)` and the header layouts it knows."""

    layouts: dict[str, Layout]
    normalise: Callable


SOURCES: dict[str, Source] = {
    "petition": Source(petition.LAYOUTS, petition.normalise),
    "hotline": Source(hotline.LAYOUTS, hotline.normalise),
    "grid": Source(grid.LAYOUTS, grid.normalise),
}
