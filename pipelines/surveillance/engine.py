"""All steps of early warning, one after the other."""

from dataclasses import dataclass

import polars as pl

from pipelines.surveillance import channels, excess, indicators, joining, stories
from pipelines.surveillance.record import EVIDENCE_COLUMNS, Record


@dataclass(frozen=True)
class Judged:
    """What was found, and by which rule."""

    detection: pl.DataFrame  # every excess verdict, see `excess.detect`
    evidence: pl.DataFrame  # EVIDENCE_COLUMNS of the other kinds
    controlled: pl.DataFrame  # one row a place × issue × week, see `joining.control`
    signals: pl.DataFrame  # see `stories.tell`
    rule: stories.Rule


def judge(
    record: Record,
    *,
    others: pl.DataFrame | None = None,
    claims: pl.DataFrame | None = None,
    evaluate: int = excess.HISTORY_WEEKS,
    rule: stories.Rule | None = None,
) -> Judged:
    """The signals of the last `evaluate` complete weeks of a record.

    `others`: evidence that needs more than the weekly counts (space-time clusters, units), EVIDENCE_COLUMNS. `claims`: what
    of it may be a signal by itself, see `claims.CLAIM_COLUMNS`.
    """
    detection, families = excess.detect(record, evaluate=evaluate)
    found = [
        channels.evidence(record, detection),
        indicators.place_evidence(
            record.weekly,
            detection,
            record.weeks["week_start_on"].to_list(),
            city_code=record.city_code,
            kept=record.kept,
        ),
        *([] if others is None else [others]),
    ]
    evidence = pl.concat([part.select(list(EVIDENCE_COLUMNS)) for part in found])
    rule = rule or stories.Rule()
    controlled = joining.control(joining.join(detection, evidence), families, record.places, q=rule.q)
    if claims is not None:
        claims = claims.filter(pl.col("week_start_on").is_in(detection["week_start_on"].unique().implode()))
    signals, rule = stories.tell(controlled, record.places, record.issues, rule, claims)
    return Judged(detection, evidence, controlled, signals, rule)
