"""推送: what was told to whom, over which channel, and did it arrive? Names of recipients, never their addresses."""

import polars as pl
import streamlit as st

from app import page, wording
from app.casework.store import Unavailable
from app.push import outbox
from app.push.words import CHANNELS, EVENTS, STATUSES

SHOWN = 300
LABELS = {
    "id": "编号",
    "created_at": "计划于",
    "event": "事由",
    "subject": "内容",
    "recipient": "收件方",
    "channel": "渠道",
    "status": "状态",
    "last_error": "原因",
    "attempts": "已试",
    "sent_at": "送达于",
    "next_try_at": "下次发送",
}


def log(edition: page.Edition) -> None:
    """The last messages, newest first, and how many there are of each status."""
    try:
        counts, rows = outbox.counts(), outbox.newest(SHOWN)
    except Unavailable as error:
        page.quiet(str(error))
        return
    page.section("推送记录", f"最近 {SHOWN} 条；同一件事对同一收件方只推送一次")
    if not rows:
        page.quiet(
            "还没有推送过。写好 push.toml（样例 docs/push.example.toml）后运行 yanpan push，加 --dry-run 可先预览。"
        )
        return
    said = "、".join(f"{STATUSES[status]} {n:,} 条" for status, n in counts.items() if n)
    st.html(f'<p class="note">{wording.escape(said)}。</p>')
    if counts["failed"] or counts["unclear"]:
        page.quiet(
            f"有 {counts['failed'] + counts['unclear']:,} 条没有送达或不确定是否送达，系统不会自动再发。"
            "核对后可用 yanpan push --resend 编号 重发。"
        )
    frame = pl.DataFrame(
        [
            {
                **{name: row.get(name) for name in LABELS},
                "event": EVENTS.get(row["event"], row["event"]),
                "channel": CHANNELS.get(row["channel"], row["channel"]),
                "status": STATUSES[row["status"]],
                "subject": row["subject"].removeprefix("【研判】"),
                "next_try_at": row["next_try_at"] if row["status"] == "pending" else None,
            }
            for row in rows
        ],
        schema=_SCHEMA,
    )
    page.grid(frame, key="deliveries", labels=LABELS)
    page.foot(
        frame,
        name="推送记录",
        notes=edition.notes("只记收件方名称，不记地址和密钥。"),
        key="deliveries_foot",
        labels=LABELS,
    )


_KINDS = {"id": pl.Int64, "attempts": pl.Int64, **dict.fromkeys(("created_at", "sent_at", "next_try_at"), pl.Datetime)}
_SCHEMA = {name: _KINDS.get(name, pl.String) for name in LABELS}
