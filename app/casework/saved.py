"""Which pages are kept under a name, and for whom? 收藏: a page with its filters, for one role and unit or for the office.

Kept are a name and parameters of our own (KEPT), never an address as it came: somebody may have written anything into it.
Names are redacted as notes are. With a login the owner is the account (`user`); without one the role and unit the reader says
(app.roles), and what is kept without a role is for everyone. No record of casework: rows can be renamed and deleted.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa

from app.casework import store
from app.casework.cases import Refused
from app.casework.store import saved_view
from pipelines import redact

KEPT = {
    "asof", "week", "weeks", "source", "county", "town", "community", "group", "issue", "place", "places", "part", "tab", "id",
    "level", "measure", "mode", "hex", "form", "ago", "other", "cluster", "within", "recurrences", "section",
    "span", "grain", "split", "dates", "scale", "basis",
    "kind", "standing", "order", "for", "chosen", "unit", "concern", "matter",
    "by", "period", "kpi", "variant", "peers", "over", "due", "due_unit", "review", "strata", "size", "seed",
    "topic", "of_topic", "of_source", "dispute", "batch", "area", "audience", "internal",
    "purpose", "queue",
    "what", "one", "than", "against", "other_week", "look",
    "days", "doing", "account", "doc",
}  # fmt: skip
"""Parameters that may be kept; not those that point at one item (item, entry), nor a page of a list."""
LEDGER = re.compile(r"[a-z_]{1,40}_(period|state|unit|subtype)")
"""The filters of 台账, one set a kind."""
CODE = re.compile(r"[A-Za-z0-9_.:\-]{1,60}")
NEWEST = "newest"
"""As the week of a view: whichever is the newest when it is opened."""
MAX_NAME, MAX_VALUE, MAX_KEPT = 40, 80, 200
"""Characters of a name and of a value; views of one owner."""


class View(NamedTuple):
    """A page with its filters, and who kept it."""

    id: int
    name: str
    page: str
    query: dict[str, str]
    is_shared: bool
    role: str | None
    unit: str | None
    user_id: str | None = None

    def is_of(self, role: str | None, unit: str | None, user: str | None = None) -> bool:
        """May this reader rename or delete it? What nobody in particular kept is everybody's."""
        if user or self.user_id:
            return self.user_id == user
        return self.role is None or (self.role, self.unit) == (role, unit)


def allowed(query: Mapping[str, str], known: Sequence[str] = ()) -> dict[str, str]:
    """Of an address the parameters that may be kept. known: names of units and places, which stay as they are.

    >>> allowed({"county": "990101", "utm_source": "x", "unit": "张伟13900001111"})
    {'county': '990101'}
    """
    return {
        name: value
        for name, value in query.items()
        if (name in KEPT or LEDGER.fullmatch(name)) and _is_harmless(value, known)
    }


def _is_harmless(value: str, known: Sequence[str]) -> bool:
    if CODE.fullmatch(value):
        return not re.fullmatch(r"1[3-9]\d{9}|\d{17}[\dXx]", value)
    return 0 < len(value) <= MAX_VALUE and value.isprintable() and redact.redact_note(value, known=known) == value


def keep(
    name: str,
    page: str,
    query: Mapping[str, str],
    *,
    role: str | None,
    unit: str | None,
    is_shared: bool,
    request_id: str,
    user: str | None = None,
    known: Sequence[str] = (),
    at: datetime | None = None,
) -> str:
    """Keep a page; the name it now has. The same click twice (request_id) is one row.

    Raises Refused, store.Unavailable.
    """

    def row(connection: sa.Connection) -> dict[str, object]:
        own = sa.select(sa.func.count()).select_from(saved_view).where(_owned(role, unit, user))
        if connection.execute(own).scalar_one() >= MAX_KEPT:
            raise Refused(f"收藏最多 {MAX_KEPT} 个，请先删去不用的。")
        return {
            "name": _name(name, known), "page": page, "query": allowed(query, known), "is_shared": is_shared or (role is None and user is None),
            "role": role, "unit": unit, "user_id": user, "saved_at": (at or datetime.now()).replace(microsecond=0),
        }  # fmt: skip

    return str(store.add_once(saved_view, request_id, "name", row))


def of(role: str | None, unit: str | None, user: str | None = None) -> list[View]:
    """What this reader sees: its own and the shared ones, by name. Raises store.Unavailable."""
    seen = sa.or_(saved_view.c.is_shared, _owned(role, unit, user))
    columns = [saved_view.c[name] for name in View._fields]
    with store.reading() as connection:
        rows = connection.execute(sa.select(*columns).where(seen).order_by(saved_view.c.id)).all()
    return sorted((View(*row) for row in rows), key=lambda view: (view.is_shared, view.name))


def rename(
    id: int, name: str, *, role: str | None, unit: str | None, user: str | None = None, known: Sequence[str] = ()
) -> None:  # fmt: skip
    """Raises Refused where it is somebody else's or gone, store.Unavailable."""
    _change(saved_view.update().values(name=_name(name, known)), id, role, unit, user)


def remove(id: int, *, role: str | None, unit: str | None, user: str | None = None) -> None:
    """Raises Refused where it is somebody else's or gone, store.Unavailable."""
    _change(saved_view.delete(), id, role, unit, user)


def _change(how: sa.Update | sa.Delete, id: int, role: str | None, unit: str | None, user: str | None) -> None:
    mine = _owned(role, unit, user)
    if user is None:
        mine = sa.or_(sa.and_(saved_view.c.role.is_(None), saved_view.c.user_id.is_(None)), mine)
    with store.writing() as connection:
        if connection.execute(how.where(saved_view.c.id == id, mine)).rowcount != 1:
            raise Refused("这个收藏已不在，或是别人共享的；只有收藏它的人能改名和删除。")


def _owned(role: str | None, unit: str | None, user: str | None) -> sa.ColumnElement[bool]:
    if user is not None:
        return saved_view.c.user_id == user
    of = ((saved_view.c.role, role), (saved_view.c.unit, unit), (saved_view.c.user_id, None))
    return sa.and_(*(column.is_(None) if said is None else column == said for column, said in of))


def _name(name: str, known: Sequence[str]) -> str:
    said = " ".join(name.split())
    if not said:
        raise Refused("请给这个收藏起个名字。")
    if len(said) > MAX_NAME:
        raise Refused(f"名字最多 {MAX_NAME} 字，现在是 {len(said)} 字。")
    return redact.redact_note(said, known=known)[: 2 * MAX_NAME]
