"""Does 0.9 mean 0.9? What was said to be likely against how often it was right."""

import plotly.graph_objects as go
import polars as pl

from app.charts import style
from app.palette import ACCENT, FAINT, GRID, MUTED


def reliability(frame: pl.DataFrame, *, title: str, height: int = 340) -> go.Figure:
    """One point a bin, on the diagonal where the probability is true; larger where more texts are.

    frame: said (mean probability of a bin, 0–1), right_share (of these, 0–1), n_texts.
    """
    if frame.is_empty():
        return style.empty(title)
    rows = frame.sort("said").to_dicts()
    figure = style.paper_figure(title, height=height, right=40)
    ends = [0.0, 1.0]
    figure.add_trace(
        go.Scatter(x=ends, y=ends, mode="lines", line={"color": FAINT, "width": 1, "dash": "dot"}, hoverinfo="skip")
    )
    most = max(row["n_texts"] for row in rows)
    figure.add_trace(
        go.Scatter(
            x=[row["said"] for row in rows], y=[row["right_share"] for row in rows], mode="lines+markers",
            line={"color": ACCENT, "width": 1.5}, marker={"color": ACCENT, "size": [5 + 11 * (row["n_texts"] / most) ** 0.5 for row in rows]},
            customdata=[f"{row['n_texts']:,}" for row in rows],
            hovertemplate="说 %{x:.0%}，对 %{y:.0%}，%{customdata} 件<extra></extra>",
        )
    )  # fmt: skip
    ticks = [0, 0.25, 0.5, 0.75, 1]
    words = [f"{tick:.0%}" for tick in ticks]
    both = {
        "visible": True, "tickvals": ticks, "ticktext": words, "tickfont": {"size": style.SMALL_SIZE, "color": MUTED},
        "showgrid": True, "gridcolor": GRID, "zeroline": False,
    }  # fmt: skip
    figure.update_xaxes(range=[-0.02, 1.06], **both)
    figure.update_yaxes(range=[-0.02, 1.08], **both)
    said = [
        style.said("说得太满", x=0.82, y=0.5, colour=MUTED),
        style.said("说得太保守", x=0.2, y=0.72, colour=MUTED),
    ]
    style.subtitle(figure, "横轴：说的把握；纵轴：实际说对的比例")
    style.say_all(figure, said)
    return figure
