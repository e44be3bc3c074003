"""The mark on what is taken away: who took it and when, so that a copy found later says where it came from.

One place for all formats: the finished file is opened, marked and closed, so that makers of files need not know who asks and what
they keep for all readers carries nobody's name. Without a login nothing is marked.
"""

from datetime import datetime

from app import aside
from app.access import settings
from app.exports import files

INTERNAL = "内部资料"


def words(who: str, *, at: datetime | None = None) -> str:
    """内部资料　某市信访局　张三（分析员）　2026-11-22 18:03"""
    said = (INTERNAL, settings.read().organisation, who, f"{at or datetime.now():%Y-%m-%d %H:%M}")
    return "　".join(filter(None, said))


def stamped(content: bytes, suffix: str, mark: str) -> bytes:
    """The same file with the mark; one of another format as it is. suffix: .docx"""
    return aside.do(files.marked, content, suffix, mark)
