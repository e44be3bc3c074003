"""Frame → figure, or the drawing of a map. No Streamlit here: screen, exports and tests draw from the same functions.

    series.py  trend, lines, stacked, spark  ranks.py  ranking, pareto, treemap
    maps.py    locator_map, screen_map, screen_hexes, hex_map, MissingBoundary
    flows.py   flows, steps, shares
    breaks.py  sequential_classes, change_classes, excess_classes, Classes
    style.py   the layout all figures share
    native.py  the same figures for a chart of an office program

Show with st.plotly_chart(figure, theme=None, config=style.CONFIG).
"""
