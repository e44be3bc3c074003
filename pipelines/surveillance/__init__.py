"""Early warning: from weekly counts to the few signals that deserve a leader's minute.

    weekly counts ─► excess ─► channels ┐
                 └─► clusters ──────────┤
    weekly outcomes ─► indicators ──────┴─► joining ─► stories ─► wording

Each step takes frames and returns frames; no database, no clock. `judge` runs them one after the other, for the build
and for the backtest alike.
"""

from pipelines.surveillance.engine import Judged, judge
from pipelines.surveillance.record import EVIDENCE_COLUMNS, Record

__all__ = ["EVIDENCE_COLUMNS", "Judged", "Record", "judge"]
