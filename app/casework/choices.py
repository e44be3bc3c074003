"""What did clerks make of the suggestions of 智能分派? Evaluation data, kept beside the figures and never mixed into them.

A choice is about one item: what was suggested, what the clerk took instead, by which role and unit. No text, no person. The
table is append-only; of several choices about an item the last holds.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import polars as pl
import sqlalchemy as sa

from app.casework import store, workflow
from app.casework.cases import Refused
from app.casework.store import dispatch_choice

VERDICTS = {"accepted": "采纳", "changed": "改选", "refused": "不采纳"}
CHOICES: dict[str, pl.DataType | type[pl.DataType]] = {
    "id": pl.Int64, "event_key": pl.String, "suggested_issue": pl.String, "suggested_unit": pl.String, "probability": pl.Float64,
    "is_abstained": pl.Boolean, "model_version": pl.Int64, "verdict": pl.String, "chosen_issue": pl.String,
    "chosen_unit": pl.String, "chosen_at": pl.Datetime,
}  # fmt: skip


def record(
    suggested: Mapping[str, Any],
    *,
    verdict: str,
    issue: str | None,
    unit: str | None,
    role: str | None,
    actor_unit: str | None,
    version: str,
    request_id: str,
    at: datetime | None = None,
) -> str:
    """Keep a choice about one item; the verdict it came to. The same click twice (request_id) is one row.

    suggested: event_key, suggested_issue, suggested_unit, probability, is_abstained, model_version. issue, unit: what the clerk
    chose; of a refusal they may be missing. A 改选 that changes nothing is an 采纳. Raises Refused, store.Unavailable.
    """
    if role not in workflow.ROLES or (role == "unit" and not actor_unit):
        raise Refused("请先选定身份；承办单位请选是哪个单位。")
    if verdict not in VERDICTS:
        raise Refused("请选采纳、改选或不采纳。")
    before = suggested["suggested_issue"], suggested["suggested_unit"]
    if verdict == "accepted":
        if before[0] is None:
            raise Refused("这一件没有可采纳的建议，请改选。")
        issue, unit = before
    elif verdict == "changed":
        if issue is None:
            raise Refused("改选请选定事项。")
        verdict = "accepted" if (issue, unit) == before else "changed"
    else:
        issue = unit = None
    row = {
        **{name: suggested[name] for name in ("event_key", "probability", "is_abstained", "model_version")},
        "suggested_issue": before[0], "suggested_unit": before[1], "verdict": verdict, "chosen_issue": issue, "chosen_unit": unit,
        "role": role, "actor_unit": actor_unit if role == "unit" else None, "version": version,
        "chosen_at": (at or datetime.now()).replace(microsecond=0),
    }  # fmt: skip
    return str(store.add_once(dispatch_choice, request_id, "verdict", lambda _: row))


def current() -> pl.DataFrame:
    """The choice in force about each item, CHOICES, newest first. Raises store.Unavailable."""
    last = sa.select(sa.func.max(dispatch_choice.c.id)).group_by(dispatch_choice.c.event_key)
    columns = [dispatch_choice.c[name] for name in CHOICES]
    asked = sa.select(*columns).where(dispatch_choice.c.id.in_(last)).order_by(dispatch_choice.c.id.desc())
    with store.reading() as connection:
        rows = connection.execute(asked).all()
    return pl.DataFrame([tuple(row) for row in rows], schema=CHOICES, orient="row")
