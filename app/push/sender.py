"""Plan what there is to tell, send what is due.

The clock is an argument: an hour passes in a test without waiting for it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from app import versions
from app.casework import cases
from app.push import channels, events, outbox
from app.push.settings import BadSetting, Recipient, Settings

Clock = Callable[[], datetime]


def never() -> bool:
    return False


def run(settings: Settings, *, clock: Clock = datetime.now, stopped: Callable[[], bool] = never) -> dict[str, int]:
    """Plan what is new and send what is due: how many rows were planned, sent, refused for now or for good (retry,
    failed), left unclear, suppressed, or put off to the end of the quiet hours."""
    seen = events.scene(versions.current_version())
    n_died = outbox.expire(clock())
    n_planned = outbox.plan(events.collect(settings, seen, clock()), clock())
    counts = deliver(settings, seen, clock=clock, stopped=stopped)
    return {"planned": n_planned, **counts, "unclear": counts["unclear"] + n_died}


def preview(settings: Settings, *, clock: Clock = datetime.now) -> list[dict[str, Any]]:
    """What `run` would plan or send now, written nowhere: recipient, event, subject, body (as sent), release_at."""
    seen, planned = events.scene(versions.current_version()), outbox.keys()
    fresh = [one._asdict() for one in events.collect(settings, seen, clock()) if one.key not in planned]
    rows = [
        {**row, "release_at": row["next_try_at"]} for row, _, why in _judged(settings, seen, clock()) if not why
    ] + fresh
    shown = []
    for row in rows:
        to = settings.named(row["recipient"])
        if to is not None:
            body = events.fit(row["subject"], row["body"], row["url"], channels.most_bytes(to.channel))
            shown.append({name: row[name] for name in ("recipient", "event", "subject", "release_at")} | {"body": body})
    return shown


def check(settings: Settings) -> list[str]:
    """Raises BadSetting for an address nothing can be sent to; returns remarks on what is probably a mistake."""
    for n, one in enumerate(settings.recipients, start=1):
        try:
            channels.check(one.channel, one.secret)
        except channels.BadAddress as error:
            raise BadSetting(f"推送设置的 recipient[{n}].channel：{error}") from None
    return [*settings.remarks]


def remarks(settings: Settings, now: datetime) -> list[str]:
    """Whom the settings do not reach: counties that do not exist, units that were given a case and have no recipient."""
    counties = events.scene(versions.current_version()).counties
    names = {*counties, *counties.values()}
    said = [
        f"推送设置里“{one.name}”的 area 有“{area}”，没有这个县区。"
        for one in settings.recipients
        for area in one.area
        if area not in names
    ]
    missing = events.unreached(settings, now)
    if missing:
        said.append(f"这些单位有推送给它的预警，却没有收件方：{'、'.join(missing)}。")
    return said


def trial(settings: Settings, *, clock: Clock = datetime.now) -> dict[str, int]:
    """A test message to each recipient, and nothing else of what is waiting; counts as `run`."""
    n_planned = outbox.plan(events.trial_messages(settings, clock()), clock())
    seen = events.scene(versions.current_version())
    return {"planned": n_planned, **deliver(settings, seen, clock=clock, only="test")}


def _judged(
    settings: Settings, seen: events.Scene, now: datetime
) -> Iterator[tuple[dict[str, Any], Recipient | None, str]]:
    """The rows whose time has come, each with its recipient and why it is of no use any more (empty: it is)."""
    standing = {row["signal_id"]: row for row in cases.current(on=now.date()).iter_rows(named=True)}
    rows, moved = outbox.waiting(now), events.last_moves()
    last = {(row["signal_id"], row["recipient"]): row["id"] for row in rows if row["event"] in ("due", "overdue")}
    for row in rows:
        to = settings.named(row["recipient"])
        why = events.stale(row, to, seen, standing.get(row["signal_id"]), moved)
        if row["event"] in ("due", "overdue") and row["id"] != last[row["signal_id"], row["recipient"]]:
            why = why or "已有更新的提醒。"
        yield row, to, why


def deliver(
    settings: Settings,
    seen: events.Scene,
    *,
    clock: Clock = datetime.now,
    stopped: Callable[[], bool] = never,
    only: str | None = None,
) -> dict[str, int]:
    """Send the rows whose time has come (`only`: of one event); one message each, or one for all of a recipient who reads
    digests."""
    counts = dict.fromkeys(("sent", "retry", "failed", "unclear", "suppressed", "quiet"), 0)
    now = clock()
    ready: dict[tuple[str, int], list[dict[str, Any]]] = {}
    for row, to, why in _judged(settings, seen, now):
        if only and row["event"] != only:
            continue
        if to is None or why:
            outbox.suppress([row["id"]], why)
            counts["suppressed"] += 1
            continue
        is_apart = to.is_urgent(outbox.level_of(row)) or row["event"] == "test"
        if not is_apart and to.awake(now) > now:
            outbox.postpone([row["id"]], to.awake(now))
            counts["quiet"] += 1
            continue
        alone = is_apart or to.digest == "immediately"
        ready.setdefault((to.name, row["id"] if alone else 0), []).append(row)
    for (name, _), rows in ready.items():
        if stopped():
            break
        to = settings.named(name)
        assert to is not None
        for status, n in _send(rows, to, settings, clock).items():
            counts[status] += n
    return counts


def _send(rows: Sequence[Mapping[str, Any]], to: Recipient, settings: Settings, clock: Clock) -> Mapping[str, int]:
    """Claim these rows and send what could be claimed as one message."""
    claimed = set(outbox.claim([row["id"] for row in rows], clock()))
    rows = [row for row in rows if row["id"] in claimed]
    if not rows:  # another process was faster
        return {}
    ids, most = [row["id"] for row in rows], channels.most_bytes(to.channel)
    first = rows[0]
    if len(rows) == 1:
        subject, body = first["subject"], events.fit(first["subject"], first["body"], first["url"], most)
        about = {"event": first["event"], "level": outbox.level_of(first) or "", "signal_id": first["signal_id"] or ""}
    else:
        subject, body = events.combined(rows, settings.base_url, most)
        about = {"event": "digest", "level": "", "signal_id": ""}
    about |= {"url": first["url"] if len(rows) == 1 else f"{settings.base_url}/warnings"}
    about |= {"key": "\n".join(row["dedupe_key"] for row in rows)}
    try:
        channels.send(to.channel, subject, body, secret=to.secret, about=about)
    except channels.Refused as error:
        n_failed = outbox.refused(rows, clock(), str(error))
        return {"failed": n_failed, "retry": len(rows) - n_failed}
    except channels.Unclear as error:
        outbox.unclear(ids, str(error))
        return {"unclear": len(rows)}
    outbox.taken(ids, clock())
    return {"sent": len(rows)}
