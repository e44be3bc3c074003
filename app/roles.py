"""Who acts? As the account says (app.access); without a login the reader says it: 领导, 研判中心 or 承办单位.

Kept in the session, never in an address.
"""

from typing import NamedTuple

import streamlit as st

from app import marts, versions
from app.access import signin
from app.access.roles import ROLES
from app.casework import workflow

NOTE = "未启用登录，身份由使用者自选"


class Actor(NamedTuple):
    """A role (None: not said yet) and, of a unit, which one; never a person."""

    role: str | None
    unit: str | None

    @property
    def is_known(self) -> bool:
        """Can this reader act? A unit must have said which."""
        return self.role is not None and (self.role != "unit" or self.unit is not None)


def units() -> list[str]:
    """The units of the published items, those of the responsible units among them."""
    return marts.query("units")["unit_name"].to_list()


def unit_picker(label: str, *, key: str, chosen: str | None = None, keep: bool = False) -> str | None:
    """One of the units, or one that has been chosen before and has no items in this version."""
    known = units()
    chosen = st.session_state.get(key) or chosen
    options = known if chosen is None or chosen in known else [chosen, *known]
    unit: str | None = st.selectbox(
        label,
        options,
        index=options.index(chosen) if chosen else None,
        key=key,
        filter_mode="contains",
        placeholder="请选择单位",
        persist_state="session" if keep else None,
    )
    return unit


def picker(doing: str = "case") -> Actor:
    """Asks for the role where it stands on the page; the answer goes along to the other pages. With a login nothing is
    asked: the account says, and one that may not do this (app.access.roles.DOINGS) is nobody here."""
    reader = signin.who()
    if reader.role:
        return Actor(reader.acts_as, reader.unit) if reader.may(doing) else Actor(None, None)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="roles"):
        role = st.segmented_control(
            "身份",
            list(workflow.ROLES),
            format_func=lambda code: workflow.ROLES[code],
            key="role",
            help=f"{NOTE}；只记角色和单位，不记个人。",
            persist_state="session",
        )
        unit = unit_picker("哪个单位", key="role_unit", keep=True) if role == "unit" else None
        st.html(f'<p class="note">{NOTE}。</p>', width="content")
    return Actor(role, unit)


def unsaid(otherwise: str) -> str:
    """Why nothing can be done here by a reader who is not known: that the role is not theirs, or what to choose first."""
    reader = signin.who()
    return f"您的角色是{ROLES[reader.role].name}，不办理这一步。" if reader.role else otherwise


def kept() -> str:
    """What a record of something done says of who did it."""
    return "只记角色和单位；哪个账号做的另在审计日志。" if signin.who().role else "只记角色和单位，不记个人。"


def scope_words() -> str:
    """云溪区、临江区; the unit's name; empty for the whole city and while nothing is published."""
    mine = signin.scope()
    if mine is None:
        return ""
    if not mine.is_area:
        return mine.codes[0]
    try:
        marts.begin_run()
    except (versions.NoMarts, versions.NotReplayed):
        return "、".join(mine.codes)
    names = dict(marts.query("places").select("place_code", "place_name").iter_rows())
    return "、".join(names.get(code, code) for code in mine.codes)
