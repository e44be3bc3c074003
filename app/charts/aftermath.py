"""How did one place and comparable ones go on after a warning was closed?"""

from dataclasses import replace
from datetime import date, timedelta

import plotly.graph_objects as go
import polars as pl

from app.charts import style
from app.charts.series import lines
from app.palette import PANEL

SPAN = "预警至销号"


def before_after(series: pl.DataFrame, *, title: str, since_on: date, closed_on: date, emphasis: str) -> go.Figure:
    """Weekly courses side by side, the weeks of the warning shaded.

    series: period_start_on, series_name, n_events (index, mean of the warning's weeks = 100; null breaks the line).
    since_on, closed_on: Mondays of the first and last shaded week. emphasis: the series drawn first.
    """
    others = [name for name in series["series_name"].unique().sort() if name != emphasis]
    figure = lines(series, title=title, unit="指数，预警期间平均为 100", emphasis=[emphasis, *others])
    if series.is_empty():
        return figure
    half = timedelta(days=3.5)
    x0, x1 = style.instant(since_on, -half), style.instant(closed_on, half)
    figure.add_shape(
        type="rect", xref="x", yref="paper", x0=x0, x1=x1, y0=0, y1=1, fillcolor=PANEL, line={"width": 0}, layer="below"
    )
    style.say(figure, SPAN, x=x1, y=1, yref="paper", xanchor="right", yanchor="top", xshift=-3, yshift=-2)
    if isinstance(figure, style.Drawing) and figure.native:
        figure.native = replace(figure.native, spans=((since_on, closed_on, SPAN),))
    return figure
