"""访调诉: how many disputes were led into mediation, what became of them, and did they come back?"""

import streamlit as st

from app import disclosure, filters, marts, mediation_counts, page
from app.parts import mediation

edition = page.start(
    "访调诉", "适合调解的事，导入了多少，调成了多少？", lead="信访、12345、网格事项与人民调解、法院诉讼的对接"
)
apart = mediation.standing(edition)
left, right = st.columns([4, 1])
with left:
    choice, span = filters.bar(
        edition.data_from,
        edition.last_full_week,
        "weeks",
        "week",
        "county",
        lengths=(13, 26, 52),
        default=52,
        say=False,
    )
with right:
    dispute = mediation.dispute()
filters.chips()
if span.shortfall():
    page.quiet(span.shortfall())
ks = mediation_counts.thresholds(marts.query("mediable_issues"))
k = ks.get(dispute, disclosure.threshold()) if dispute else disclosure.threshold()
kind = dict(marts.query("dispute_types").iter_rows()).get(dispute or "", "")
name = " ".join(part for part in (mediation.where(choice), kind, span.words()) if part)
scope = {**span.parameters(), "last_on": span.last_day_on, "county": choice.county, "dispute": dispute}
notes = edition.notes(mediation.COHORT, mediation.LINKED, *apart, disclosure.note(k) if choice.county else "")

totals = marts.query("referral_steps", **scope).row(0, named=True)
days, courts = (
    mediation_counts.safe_days(marts.query("referral_days", **scope, source=source), k)
    for source in ("mediation", "litigation")
)
safe = mediation_counts.safe_steps(totals, k, is_city=choice.county is None and dispute is None)
mediation.headline(days, safe)
left, right = st.columns([5, 6], gap="large")
with left:
    mediation.funnel(safe, name, notes)
with right:
    mediation.course(choice, dispute, span, k, name, notes)
page.section("流向", "宽窄是件数")
mediation.paths(scope, ks, k, name, notes)
page.section("哪里导入得多，哪类调得成")
left, right = st.columns(2, gap="large")
with left:
    mediation.by_county(span, dispute, k, name, notes)
with right:
    mediation.success(scope, ks, name, notes)
page.section("各阶段天数", "分机构，不分人")
mediation.durations(days, courts, name, notes)
mediation.recurrence(choice, dispute, span, name, notes)
