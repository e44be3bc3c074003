"""The map of app/charts/maps.screen_map in the page: colours of the reader's theme, what is picked on it."""

from collections.abc import Callable, Sequence
from pathlib import Path

import streamlit as st

from app import theme

ASSETS = Path(__file__).resolve().parents[1] / "assets" / "map"
HTML, CSS, JS = ((ASSETS / f"map.{kind}").read_text(encoding="utf-8") for kind in ("html", "css", "js"))


def show(
    drawing: str,
    *,
    key: str,
    height: int,
    on_pick: Callable[[str], None],
    on_area: Callable[[list[str]], None] | None = None,
    chosen: Sequence[str] = (),
) -> None:
    """`on_pick` gets the code of the place clicked, `on_area` those in a box or a hand-drawn ring. Another `key` is another map:
    its zoom begins anew. chosen: codes outlined as chosen."""

    def picked() -> None:
        on_pick(st.session_state[key]["picked"])

    def framed() -> None:
        if on_area:
            on_area(list(st.session_state[key]["area"]))

    # The same definition again in each run: Streamlit keeps one a name, and none outlives its runtime.
    mount = st.components.v2.component("place_map", html=HTML, css=CSS, js=JS)
    mount(
        key=key,
        data={"drawing": theme.shown(drawing), "height": height, "chosen": list(chosen), "areas": on_area is not None},
        on_picked_change=picked,
        on_area_change=framed,
    )
