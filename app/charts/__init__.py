"""Frame → figure or deck. No Streamlit here: screen, exports and tests draw from the same functions.

    series.py  trend, lines, spark           ranks.py  ranking, pareto, treemap
    maps.py    locator_map, hotspot_deck, fit_view, class_legend, MissingBoundary, View
    breaks.py  sequential_classes, change_classes, Classes
    style.py   the layout all figures share

Show with st.plotly_chart(figure, theme=None, config=style.CONFIG).
"""
