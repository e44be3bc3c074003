"""Accounts and the audit log on the page: who waits, who has what, what was done. For administrators (app.access.roles)."""

from collections.abc import Sequence
from datetime import date, timedelta
from functools import partial
from typing import Any

import polars as pl
import streamlit as st

from app import downloads, filters, marts, page, roles, versions, wording
from app.access import accounts, audit, signin
from app.access.accounts import Account, Refused
from app.access.roles import DOINGS, ROLES
from app.casework.store import Unavailable
from app.exports import csv_text

SAID = "_accounts_said"
LABELS = {"id": "编号", "name": "显示名", "role": "角色", "scope": "范围", "subject": "登录名", "state": "状态"}
LOGGED = {
    "id": "编号", "at": "时间", "account": "账号", "name": "显示名", "role": "角色", "action": "动作", "object": "对象",
    "version": "数据版本",
}  # fmt: skip
MOST = 5000
WHOLE = "全市"
DAYS = {"1": "今天", "7": "近 7 天", "30": "近 30 天", "365": "近一年"}


def listing() -> Sequence[Account] | None:
    """All accounts, those who wait first; None, with a sentence, where the store cannot be read."""
    if said := st.session_state.pop(SAID, None):
        page.quiet(said)
    try:
        known = accounts.listed()
    except Unavailable as missing:
        page.quiet(str(missing))
        return None
    waiting = sum(one.role is None and not one.is_disabled for one in known)
    page.section("账号", f"{len(known)} 个，其中等待开通 {waiting} 个")
    names = _place_names()
    rows = [
        {
            "id": one.id, "name": one.name, "role": ROLES[one.role].name if one.role else "", "scope": _scope(one, names),
            "subject": one.subject, "state": _state(one),
        }
        for one in known
    ]  # fmt: skip
    page.grid(
        pl.DataFrame(rows, schema={"id": pl.Int64, **dict.fromkeys(list(LABELS)[1:], pl.String)}),
        key="accounts",
        labels=LABELS,
    )
    return known


def _state(one: Account) -> str:
    if one.is_disabled:
        return "已停用"
    return "已开通（按登录服务的组）" if one.is_from_directory else "已开通" if one.is_open else "等待开通"


def _scope(one: Account, names: dict[str, str]) -> str:
    if one.role is None:
        return ""
    return one.unit or "、".join(names.get(code, code) for code in one.places) or WHOLE


def _place_names() -> dict[str, str]:
    try:
        marts.begin_run()
        return filters.place_names()
    except (versions.NoMarts, versions.NotReplayed):
        return {}


def granting(known: Sequence[Account]) -> None:
    """Give an account a role and a part of the data, or close it."""
    page.section("开通、变更、停用")
    if not known:
        page.quiet("还没有人登录过。第一次登录的人会出现在上面的表里。")
        return
    by_id = {one.id: one for one in known}
    labels = {one.id: f"{one.id}  {one.name}（{one.subject}）" for one in known}
    who, role = st.columns([2, 3], vertical_alignment="bottom")
    with who:
        chosen = st.selectbox(
            "账号", list(by_id), format_func=lambda one: labels[one], key="account_of", filter_mode="contains"
        )
    one = by_id[chosen]
    with role:
        options = list(ROLES)
        given = st.segmented_control(
            "角色", options, format_func=lambda code: ROLES[code].name, default=one.role, key=f"account_role_{one.id}"
        )
    if given is None:
        page.quiet("先选角色。")
        return
    name, where = st.columns([2, 3], vertical_alignment="bottom")
    with name:
        st.text_input(
            "显示名",
            one.name,
            max_chars=accounts.MAX_NAME,
            key=f"account_name_{one.id}",
            help="写在页面右上角和导出的标记里。",
        )
    with where:
        if given == "unit":
            roles.unit_picker("哪个单位", key=f"account_unit_{one.id}", chosen=one.unit)
        elif ROLES[given].scopes == (None,):
            st.html(f'<p class="note">{ROLES[given].name}不划定范围。</p>')
        else:
            _places(one)
    with st.container(horizontal=True, gap="small"):
        st.button("保存", type="primary", key="account_save", on_click=_try, args=(_grant, one, given))
        if not one.is_disabled:
            st.button("停用", key="account_disable", on_click=_try, args=(_disable, one))


def _places(one: Account) -> None:
    places = _known_places()
    st.multiselect(
        "范围", list(places), format_func=lambda code: places[code], default=[code for code in one.places if code in places],
        key=f"account_places_{one.id}", placeholder="不选为全市", help="若干县区，或一个镇街。",
    )  # fmt: skip


def _known_places() -> dict[str, str]:
    names = _place_names()
    if not names:
        return {}
    rows = marts.query("places").filter(pl.col("place_level").is_in(["county", "town"]))
    return {
        row["place_code"]: wording.place(row) for row in rows.sort("place_level", "place_code").iter_rows(named=True)
    }


def _try(do: Any, *arguments: Any) -> None:
    try:
        st.session_state[SAID] = do(*arguments)
    except (Refused, Unavailable) as no:
        st.session_state[SAID] = str(no)


def _by() -> dict[str, Any]:
    """Who does it; a callback runs ahead of the page, so it is asked again whether this reader may."""
    reader = signin.who()
    if not reader.may("admin") or reader.role is None:
        raise Refused("只有管理员能管理账号。")
    return {"by": reader.account, "by_role": reader.role}


def _grant(one: Account, role: str) -> str:
    places = st.session_state.get(f"account_places_{one.id}", ()) if role not in ("unit", "admin") else ()
    unit = st.session_state.get(f"account_unit_{one.id}") if role == "unit" else None
    name = st.session_state.get(f"account_name_{one.id}") or one.name
    if (
        one.role == "admin"
        and role != "admin"
        and sum(other.role == "admin" and other.is_open for other in accounts.listed()) < 2
    ):
        raise Refused("这是最后一个管理员账号，改了角色就没有人能管理账号。请先开通另一个管理员。")
    accounts.grant(one.issuer, one.subject, role=role, name=name, places=places, unit=unit, **_by())
    return f"已保存：{name}，{ROLES[role].name}。"


def _disable(one: Account) -> str:
    accounts.disable(one.id, **_by())
    return f"已停用：{one.name}。"


def what_roles_may() -> None:
    """The table of app.access.roles, as it is enforced."""
    page.section("各角色能做什么")
    titles = {name: str(one.title) for name, one in st.session_state.get("_pages", {}).items()}
    rows = [
        {
            "role": role.name,
            "pages": "、".join(titles.get(name, name) for name in role.pages if name in titles),
            "may": "、".join(DOINGS[doing] for doing in role.may),
        }
        for role in ROLES.values()
    ]
    columns = [
        page.Column("role", label="角色"),
        page.Column("pages", label="能打开的页面"),
        page.Column("may", label="能做的事"),
    ]
    page.table(pl.DataFrame(rows), columns)


# ---------------------------------------------------------------- the log


def log() -> None:
    """The last rows that the filters leave, to look at and to take away; and whether anything was changed."""
    span, action, who = st.columns([2, 2, 2])
    with span:
        days = int(filters.choose("时段", DAYS, key="days", default="7"))
    with action:
        doing = filters.choose("动作", {filters.ALL: "全部动作", **audit.ACTIONS}, key="doing")
    try:
        known = {str(one.id): one.name for one in accounts.listed()}
        with who:
            one = filters.choose("账号", {filters.ALL: "全部账号", **known, **audit.WHO}, key="account")
        today = date.today()
        rows = audit.rows(
            first_on=today - timedelta(days=days - 1), action=doing or None, account=one or None, limit=MOST
        )
    except Unavailable as missing:
        page.quiet(str(missing))
        return
    _proof()
    if not rows:
        page.quiet("这个筛选下没有记录。")
        return
    kinds = {"id": pl.Int64, "at": pl.Datetime}
    names = {**known, **audit.WHO}
    frame = pl.DataFrame(
        [
            {
                **row, "name": names.get(row["account"], ""), "action": audit.ACTIONS[row["action"]],
                "role": ROLES[row["role"]].name if row["role"] in ROLES else "",
            }
            for row in rows
        ],
        schema={name: kinds.get(name, pl.String) for name in LOGGED},
    )  # fmt: skip
    cut = f"，只列最近 {MOST} 条" if len(frame) == MOST else ""
    page.section("记录", f"{len(frame)} 条{cut}；时间是服务器的本地时间（{audit.zone()}）")
    labels = LOGGED | {"at": f"时间（{audit.zone()}）"}
    page.grid(frame, key="audit", labels=labels, widths={"object": 460}, height=560)
    with st.container(horizontal=True, gap="small"):
        name = f"审计日志_{date.today()}.csv"
        st.download_button(
            "下载 CSV", downloads.noted(partial(csv_text.csv_bytes, frame, labels=labels), name), name, "text/csv",
            key="audit_csv", on_click="ignore", icon=":material/download:",
        )  # fmt: skip


def _proof() -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        if not st.button("核对封印", key="audit_proof", type="tertiary", icon=":material/verified:"):
            st.html('<p class="note">每一行都带着由它和前一行算出的封印；核对可发现改过、删过的行。</p>')
            return
        n, wrong, last = audit.broken()
        said = (
            f"{n:,} 行，封印全部相符。最后一个封印 {last[:16]}"
            if wrong is None
            else f"第 {wrong} 号起与封印不符：有记录被改过或删过。请保全数据库并追查。"
        )
        st.html(f'<p class="said">{said}</p>')
