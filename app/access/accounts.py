"""Who has been given which role and which part of the data, and which logins are open?

An account is what the identity provider calls a person (issuer and subject), with a name to be shown, given here. One who comes for the first
time gets a row without a role and waits, or has what HOME/access.toml grants for a claim of the login (`by_directory`). All
times are UTC.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from app.access import audit
from app.access.roles import ROLES
from app.access.scope import Scope
from app.casework import store
from app.casework.store import account, case_action, login

MAX_NAME, MAX_WAITING = 40, 500


class Refused(ValueError):
    """An account cannot be given this; one Chinese sentence."""


class Account(NamedTuple):
    id: int
    issuer: str
    subject: str
    name: str
    role: str | None
    places: tuple[str, ...]
    unit: str | None
    is_disabled: bool
    is_from_directory: bool = False

    @property
    def is_open(self) -> bool:
        return self.role in ROLES and not self.is_disabled


_COLUMNS = [
    account.c[name]
    for name in ("id", "issuer", "subject", "name", "role", "places", "unit", "disabled_at", "is_from_directory")
]


def listed() -> Sequence[Account]:
    """All of them, those who wait first. Raises store.Unavailable."""
    question = sa.select(*_COLUMNS).order_by(account.c.role.is_not(None), account.c.id)
    with store.reading() as connection:
        return [_account(row) for row in connection.execute(question)]


def known(issuer: str, subject: str, name: str) -> Account:
    """The account of who has just logged in; the first time one without a role. Raises store.Unavailable, Refused."""
    with store.reading() as connection:
        found = _find(connection, issuer, subject)
    if found:
        return found
    with store.writing(is_asked=False) as connection:
        waiting = sa.select(sa.func.count()).select_from(account).where(account.c.role.is_(None))
        if connection.execute(waiting).scalar_one() >= MAX_WAITING:
            raise Refused("等待开通的账号太多，请联系管理员先清理。")
        if not _find(connection, issuer, subject):
            _insert(connection, issuer, subject, name)
        made = _find(connection, issuer, subject)
    assert made
    return made


def by_id(id: int) -> Account | None:
    """Raises store.Unavailable."""
    with store.reading() as connection:
        row = connection.execute(sa.select(*_COLUMNS).where(account.c.id == id)).first()
    return _account(row) if row else None


def by_subject(subject: str) -> Sequence[Account]:
    """Of any issuer. Raises store.Unavailable."""
    return [one for one in listed() if one.subject == subject]


def grant(
    issuer: str, subject: str, *, role: str, name: str = "", places: Sequence[str] = (), unit: str | None = None, by: str,
    by_role: str | None = None,
) -> Account:  # fmt: skip
    """Give a role and a part of the data; also to somebody who has never come, and anew to one who was disabled. by: whose
    number (audit). Raises Refused, store.Unavailable."""
    places = tuple(dict.fromkeys(places))
    wrong = wrong_with(role, places, unit)
    if wrong:
        raise Refused(wrong)
    with store.writing() as connection:
        found = _find(connection, issuer, subject)
        if found is None:
            _insert(connection, issuer, subject, name or subject)
        given = {"role": role, "places": list(places), "unit": unit if role == "unit" else None, "disabled_at": None,
                 "is_from_directory": False}  # fmt: skip
        if name:
            given["name"] = name[:MAX_NAME]
        is_it = sa.and_(account.c.issuer == issuer, account.c.subject == subject)
        connection.execute(account.update().where(is_it).values(**given, changed_at=audit.now()))
        now = _find(connection, issuer, subject)
    assert now
    said = f"开通 {now.id}：{ROLES[role].name}" + "".join(f" {one}" for one in (*now.places, now.unit) if one)
    audit.note("account", said, account=by, role=by_role)
    return now


class Grant(NamedTuple):
    """What a value of the login's claim stands for."""

    role: str
    places: tuple[str, ...] = ()
    unit: str | None = None


class Directory(NamedTuple):
    """Which claim of the identity token says what somebody is, and what its values stand for."""

    claim: str
    grants: Mapping[str, Grant]

    def of(self, token: Mapping[str, Any]) -> set[Grant]:
        """What the values in this token stand for: more than one is a contradiction."""
        said = token.get(self.claim)
        values = said if isinstance(said, list) else [said]
        return {self.grants[value] for value in values if isinstance(value, str) and value in self.grants}


def by_directory(one: Account, token: Mapping[str, Any], directory: Directory | None) -> Account:
    """The account as the office's own directory says at this login; one given here, or disabled, stays as it is.

    Who is in no group of the directory any more loses what it gave. Raises Refused where two groups give different things,
    store.Unavailable.
    """
    if one.is_disabled or (one.role and not one.is_from_directory) or not _is_news(one, token):
        return one
    found = directory.of(token) if directory else set()
    (given,) = found if len(found) == 1 else (None,)
    now = _given(one, given)
    if len(found) > 1:
        roles = "、".join(sorted({ROLES[grant.role].name for grant in found}))
        raise Refused(f"登录服务把您归在几个组里，它们的角色或范围不同（{roles}），不能确定您是哪一种。请联系管理员。")
    return now


def _is_news(one: Account, token: Mapping[str, Any]) -> bool:
    """Was this token issued after the account last changed? An older one does not give back what was taken away."""
    question = sa.select(account.c.created_at, account.c.changed_at).where(account.c.id == one.id)
    with store.reading() as connection:
        created_at, changed_at = connection.execute(question).one()
    return created_at == changed_at or float(token.get("iat") or 0) >= _seconds(changed_at)


def _given(one: Account, given: Grant | None) -> Account:
    new = given or Grant("")
    now = one._replace(role=new.role or None, places=new.places, unit=new.unit, is_from_directory=given is not None)
    if now == one:
        return one
    values = {
        "role": now.role,
        "places": list(now.places),
        "unit": now.unit,
        "is_from_directory": now.is_from_directory,
    }
    is_theirs = sa.or_(account.c.role.is_(None), account.c.is_from_directory)  # not given here in the meantime
    with store.writing(is_asked=False) as connection:
        connection.execute(
            account.update().where(account.c.id == one.id, is_theirs).values(**values, changed_at=audit.now())
        )
        kept = _by_id(connection, one.id)
    assert kept
    said = " ".join((ROLES[new.role].name, *new.places, *filter(None, [new.unit]))) if given else "不再有角色"
    audit.note("account", f"登录服务 {one.id}：{said}", account=audit.DIRECTORY)
    return kept


def disable(id: int, *, by: str, by_role: str | None = None) -> Account:
    """No page run of it works from now on. The last administrator stays. Raises Refused, store.Unavailable."""
    with store.writing() as connection:
        found = _by_id(connection, id)
        if found is None:
            raise Refused(f"没有编号为 {id} 的账号。请用 yanpan account list 查看。")
        others = sa.select(sa.func.count()).where(
            account.c.role == "admin", account.c.disabled_at.is_(None), account.c.id != id
        )
        if found.role == "admin" and found.is_open and not connection.execute(others).scalar_one():
            raise Refused("这是最后一个管理员账号，停用后没有人能管理账号。请先开通另一个管理员。")
        connection.execute(
            account.update().where(account.c.id == id).values(disabled_at=audit.now(), changed_at=audit.now())
        )
        connection.execute(
            login.update().where(login.c.account_id == id, login.c.ended_at.is_(None)).values(ended_at=audit.now())
        )
    audit.note("account", f"停用 {id}", account=by, role=by_role)
    return found._replace(is_disabled=True)


def scope_of(one: Account) -> Scope | None:
    """Which part of the data; None for the whole city. Raises store.Unavailable."""
    if one.role == "unit":
        return Scope("unit", (one.unit or "",), handled_by(one.unit or ""))
    if not one.places:
        return None
    return Scope(_kind(one.places), one.places)


def handled_by(unit: str) -> tuple[str, ...]:
    """The warnings that have been with a unit. Raises store.Unavailable."""
    question = sa.select(case_action.c.signal_id).where(case_action.c.to_unit == unit).distinct()
    with store.reading() as connection:
        return tuple(sorted(connection.execute(question).scalars()))


# ---------------------------------------------------------------- logins


class Login(NamedTuple):
    """at, seen_at: seconds since 1970."""

    at: float
    seen_at: float
    is_ended: bool
    is_new: bool


def arrive(id: str, account_id: int) -> Login:
    """The login of this identity token, written down the first time it is seen. Raises store.Unavailable."""
    question = sa.select(login).where(login.c.id == id)
    with store.reading() as connection:
        row = connection.execute(question).first()
    if row is None:
        now = audit.now()
        with store.writing(is_asked=False) as connection:
            row = connection.execute(question).first()
            if row is None:
                connection.execute(login.insert().values(id=id, account_id=account_id, at=now, seen_at=now))
                return Login(_seconds(now), _seconds(now), False, True)
    return Login(_seconds(row.at), _seconds(row.seen_at), row.ended_at is not None, False)


def seen(id: str) -> None:
    """A page run of it just now. Raises store.Unavailable."""
    with store.writing(is_asked=False) as connection:
        connection.execute(login.update().where(login.c.id == id).values(seen_at=audit.now()))


def leave(id: str) -> None:
    """It is over, also for whoever has a copy of its cookie. Raises store.Unavailable."""
    with store.writing(is_asked=False) as connection:
        connection.execute(
            login.update().where(login.c.id == id, login.c.ended_at.is_(None)).values(ended_at=audit.now())
        )


# ---------------------------------------------------------------- rows


def wrong_with(role: str, places: Sequence[str], unit: str | None) -> str:
    """Why an account cannot be given this, in one sentence; empty where it can."""
    if role not in ROLES:
        return f"没有角色“{role[:20]}”，可选：{'、'.join(ROLES)}。"
    kinds = {_kind([one]) for one in places}
    if role == "unit":
        if not unit:
            return "承办单位的账号要写明是哪个单位。请加上 --unit 单位名称。"
        return "承办单位的账号按单位划定范围，不再写区域。" if places else ""
    if unit:
        return f"{ROLES[role].name}不按单位划定范围，请去掉单位，需要时写县区代码。"
    if places and (len(kinds) > 1 or (kinds == {"town"} and len(places) > 1)):
        return "范围应为若干县区，或一个镇街。"
    if places and next(iter(kinds)) not in ROLES[role].scopes:
        return f"{ROLES[role].name}看全市，不划定区域范围。"
    return ""


def _kind(places: Sequence[str]) -> str:
    """Codes of towns are longer than the six digits of a county (GB/T 10114 on GB/T 2260)."""
    return "town" if len(places[0]) > 6 else "county"


def _insert(connection: sa.Connection, issuer: str, subject: str, name: str) -> None:
    now = audit.now()
    connection.execute(
        account.insert().values(
            issuer=issuer, subject=subject, name=(name or subject)[:MAX_NAME], places=[], created_at=now, changed_at=now
        )
    )


def _find(connection: sa.Connection, issuer: str, subject: str) -> Account | None:
    row = connection.execute(
        sa.select(*_COLUMNS).where(account.c.issuer == issuer, account.c.subject == subject)
    ).first()
    return _account(row) if row else None


def _by_id(connection: sa.Connection, id: int) -> Account | None:
    row = connection.execute(sa.select(*_COLUMNS).where(account.c.id == id)).first()
    return _account(row) if row else None


def _account(row: sa.Row) -> Account:
    return Account(
        row.id,
        row.issuer,
        row.subject,
        row.name,
        row.role,
        tuple(row.places),
        row.unit,
        row.disabled_at is not None,
        row.is_from_directory,
    )


def _seconds(moment: datetime) -> float:
    return moment.replace(tzinfo=UTC).timestamp()
