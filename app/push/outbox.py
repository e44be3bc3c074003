"""Each message once: planned, claimed, sent, tried again, or said to be unclear.

A message is a row of `delivery` (app/casework/store.py). Its dedupe_key is event|warning|detail|level|recipient and unique:
what was planned once is never planned again. Planning and sending are transactions of their own. A sender first claims
a row (pending → sending), in one statement that only one process can win, and says afterwards what came of it:

    pending ─claim→ sending ─→ sent
       ▲               ├─ Refused → pending, later (failed after MAX_ATTEMPTS, about a day)
       │               └─ Unclear, or its sender died (the lease in next_try_at ran out) → unclear
       └─ resend ─── failed, unclear            pending → suppressed: no longer of any use

A row that may have arrived is not sent again by itself: nothing is sent twice, and nothing is lost without being said.
"""

import random
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from app.casework import store
from app.casework.store import delivery
from app.push.words import STATUSES

LEASE = timedelta(minutes=10)  # longer than any channel takes: channels.TIMEOUT_SECONDS, and an SMTP dialogue
MAX_ATTEMPTS = 18  # 1 + 2 + … + 64 minutes, then every two hours: about a day
MAX_DELAY = timedelta(hours=2)
DIED = "发送途中程序中断，可能已送达。"


class Message(NamedTuple):
    """One planned message. level: of the warning it is about; None for none."""

    event: str
    signal_id: str | None
    detail: str
    level: str | None
    recipient: str
    role: str
    area: str | None
    channel: str
    subject: str
    body: str
    url: str
    release_at: datetime

    @property
    def key(self) -> str:
        return "|".join((self.event, self.signal_id or "", self.detail, self.level or "", self.recipient))


def level_of(row: Mapping[str, Any]) -> str | None:
    """The level of the warning a row of `delivery` is about; it stands in the row's key."""
    return row["dedupe_key"].split("|")[3] or None


def detail_of(row: Mapping[str, Any]) -> str:
    return str(row["dedupe_key"].split("|")[2])


def known(events: Sequence[str]) -> list[dict[str, Any]]:
    """The rows of these events ever planned, with signal_id, event, recipient, dedupe_key."""
    wanted = sa.select(delivery.c.signal_id, delivery.c.event, delivery.c.recipient, delivery.c.dedupe_key)
    with store.reading() as connection:
        return [dict(row._mapping) for row in connection.execute(wanted.where(delivery.c.event.in_(events)))]


def keys() -> set[str]:
    """What was ever planned."""
    with store.reading() as connection:
        return set(connection.scalars(sa.select(delivery.c.dedupe_key)))


def plan(messages: Iterable[Message], now: datetime) -> int:
    """Write down what is to be sent; returns how many were new. Several processes may plan the same at once."""
    rows = [
        {
            "dedupe_key": one.key,
            **{name: getattr(one, name) for name in ("signal_id", "event", "channel", "recipient", "role", "area")},
            "subject": one.subject,
            "body": one.body,
            "url": one.url,
            "status": "pending",
            "attempts": 0,
            "next_try_at": one.release_at,
            "created_at": now,
        }
        for one in messages
    ]
    n = 0
    if rows:
        with store.writing() as connection:
            insert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
            for row in rows:
                written = insert(delivery).values(row).on_conflict_do_nothing(index_elements=["dedupe_key"])
                n += len(connection.scalars(written.returning(delivery.c.id)).all())
    return n


def waiting(now: datetime) -> list[dict[str, Any]]:
    """Rows whose time has come, oldest first."""
    with store.reading() as connection:
        rows = connection.execute(
            sa.select(delivery)
            .where(delivery.c.status == "pending", delivery.c.next_try_at <= now)
            .order_by(delivery.c.id)
        )
        return [dict(row._mapping) for row in rows]


def claim(ids: Sequence[int], now: datetime) -> list[int]:
    """Take these rows for sending; returns the ones that were still to be had. Nobody else has them then."""
    return _turn(
        ids, "pending", status="sending", attempts=delivery.c.attempts + 1, next_try_at=now + LEASE, last_error=None
    )


def taken(ids: Sequence[int], now: datetime) -> None:
    _turn(ids, "sending", "unclear", status="sent", sent_at=now, next_try_at=None, last_error=None)


def unclear(ids: Sequence[int], why: str) -> None:
    _turn(ids, "sending", status="unclear", next_try_at=None, last_error=why)


def refused(rows: Sequence[Mapping[str, Any]], now: datetime, why: str) -> int:
    """Later again, with twice the wait each time; `failed` once there were MAX_ATTEMPTS: how many are. rows: as they were
    before the claim."""
    n_failed = 0
    for row in rows:
        attempts = row["attempts"] + 1
        if attempts >= MAX_ATTEMPTS:
            n_failed += len(_turn([row["id"]], "sending", status="failed", next_try_at=None, last_error=why))
        else:
            _turn([row["id"]], "sending", status="pending", next_try_at=now + delay(attempts), last_error=why)
    return n_failed


def delay(attempts: int) -> timedelta:
    """1, 2, 4 … 64 minutes, then two hours, each ± a fifth, so that many senders do not come back at once."""
    return min(timedelta(minutes=2 ** (attempts - 1)), MAX_DELAY) * random.uniform(0.8, 1.2)


def postpone(ids: Sequence[int], until: datetime) -> None:
    _turn(ids, "pending", next_try_at=until)


def suppress(ids: Sequence[int], why: str) -> None:
    _turn(ids, "pending", status="suppressed", next_try_at=None, last_error=why)


def expire(now: datetime) -> int:
    """Rows whose sender died in the middle are unclear; returns how many."""
    with store.writing() as connection:
        dead = connection.execute(
            sa.update(delivery)
            .where(delivery.c.status == "sending", delivery.c.next_try_at < now)
            .values(status="unclear", next_try_at=None, last_error=DIED)
        )
        return dead.rowcount


def resend(row_id: int, now: datetime) -> str | None:
    """Send a row again though it failed or may have arrived; None where it is planned, else why not."""
    if _turn([row_id], "failed", "unclear", status="pending", attempts=0, next_try_at=now, last_error=None):
        return None
    with store.reading() as connection:
        status = connection.scalar(sa.select(delivery.c.status).where(delivery.c.id == row_id))
    if status is None:
        return f"没有编号为 {row_id} 的推送。编号见「推送」记录。"
    return f"编号 {row_id} 的推送现在是“{STATUSES[status]}”，只有未送达和不确定的可以重发。"


def counts() -> dict[str, int]:
    """How many rows there are of each status."""
    with store.reading() as connection:
        rows = connection.execute(sa.select(delivery.c.status, sa.func.count()).group_by(delivery.c.status))
        return dict.fromkeys(STATUSES, 0) | {row[0]: row[1] for row in rows}


def newest(limit: int = 200) -> list[dict[str, Any]]:
    """The last rows, newest first."""
    with store.reading() as connection:
        rows = connection.execute(sa.select(delivery).order_by(delivery.c.id.desc()).limit(limit))
        return [dict(row._mapping) for row in rows]


def _turn(ids: Sequence[int], *statuses: str, **values: Any) -> list[int]:
    """Change rows that are in one of these statuses; returns the ids of those that were."""
    with store.writing() as connection:
        changed = connection.scalars(
            sa.update(delivery)
            .where(delivery.c.id.in_(ids), delivery.c.status.in_(statuses))
            .values(values)
            .returning(delivery.c.id)
        )
        return sorted(changed)
