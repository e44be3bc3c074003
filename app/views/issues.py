"""高频事项: what do people ask for most, and which items are behind a figure?"""

import polars as pl
import streamlit as st

from app import filters, issue_counts, marts, page
from app.parts import clusters
from app.parts.frequent import overview
from app.parts.issue import BASIS, by_source_category, noted, with_change
from app.parts.one_issue import one_issue

edition = page.start("高频事项", "群众反映最多的是什么？")
if "cluster" in st.query_params:
    clusters.behind(st.query_params["cluster"], filters.bar(edition.data_from, edition.last_full_week, "week")[1].to_on)
    st.stop()
left, right = st.columns([2, 1])
with left:
    span = filters.bar(edition.data_from, edition.last_full_week, "weeks", "week")[1]
choice, _ = filters.bar(
    edition.data_from, edition.last_full_week, "source", "county", "town", "community", "group", "issue"
)
with right:  # the page of one issue has no other classification
    basis = "ours" if choice.issue else filters.choose("分类", BASIS, key="basis", kind="buttons")
span = filters.period(span.n_weeks, span.to_on, edition.data_from, edition.last_full_week, choice.source)
if span.shortfall():
    page.quiet(span.shortfall())
scope = {**choice.parameters(), **span.parameters()}
if choice.issue:
    chosen = marts.query("issues").row(by_predicate=pl.col("issue_code") == choice.issue, named=True)
    one_issue(chosen, edition, choice, span)
elif basis == "sources":
    counts = marts.query("category_counts", **scope)
    page.require(counts)
    notes = noted(edition, choice, span, before=True, ours=False)
    by_source_category(with_change(span.only_known(counts)), choice, f"{filters.words(choice)} {span.words()}", notes)
else:
    counts = issue_counts.asked(marts.query, **scope)
    page.require(counts)
    overview(with_change(span.only_known(counts)), scope, choice, span, edition)
