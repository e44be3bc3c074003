"""What do the marts need to know of mediation and court cases? Types, suited issues, and which item a case came from."""

import duckdb
import polars as pl

from pipelines.config import SEEDS, SQL
from pipelines.sources.referrals import DISPUTES, OTHER_DISPUTE


def prepare(connection: duckdb.DuckDBPyConnection) -> None:
    """Marts dispute_type and mediable_issue, temp table referral_link; needs known_referral and known_event."""
    names = {code: name for code, (name, _) in sorted(DISPUTES.items())} | {OTHER_DISPUTE: "其他"}
    tables = {
        "dispute_type": pl.DataFrame({"dispute_code": list(names), "dispute_name": list(names.values())}),
        "mediable_issue": pl.read_csv(SEEDS / "mediable_issue.csv", infer_schema=False),
    }
    for name, frame in tables.items():
        connection.register("incoming_frame", frame.to_arrow())
        connection.execute(f"create table marts.{name} as select * from incoming_frame")
        connection.unregister("incoming_frame")
    view = (SQL / "views" / "referral_link.sql").read_text(encoding="utf-8")
    connection.execute(f"create temp table referral_link as {view}")
