"""收藏: this page with its filters under a name, the list of such pages, and the link to copy. At the head of each page."""

import uuid
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import streamlit as st

from app import marts, wording
from app.access import signin
from app.casework import saved, workflow
from app.casework.cases import Refused
from app.casework.store import Unavailable

PAGES = "_pages"
"""In the session: url_path → st.Page, as app.main has them."""
SAID, RENAMED, REQUEST = "_saved_said", "_saved_renamed", "_saved_request"


def menu(newest_week: str | None) -> None:
    """A popover; what is in it is asked for only while it is open. newest_week: code of the newest week of the data."""
    pages = st.session_state.get(PAGES)
    if not pages:
        return  # a view run on its own
    here = st.session_state.get("_page") or "weekly"
    with st.popover("收藏", icon=":material/bookmark:", type="tertiary", key="saved", on_change="rerun") as opened:
        if not opened.open:
            st.session_state.pop(SAID, None)
            return
        try:
            _add(here, str(pages[here].title), newest_week)
            _listing(pages, newest_week)
        except Unavailable as missing:
            st.html(f'<p class="quiet">{wording.escape(missing)}</p>')
        st.html('<p class="note">本页链接（点右侧图标复制，发给别人打开是同一页）</p>')
        st.code(_address(), language=None, wrap_lines=True)


def _add(here: str, title: str, newest_week: str | None) -> None:
    owner = _owner()
    is_known = owner["user"] is not None or owner["role"] is not None
    request = st.session_state.setdefault(REQUEST, uuid.uuid4().hex)  # a second click is the same
    st.text_input(
        "把本页和筛选收藏为", key="saved_name", placeholder=f"如：{title} 每周例会用", max_chars=saved.MAX_NAME
    )
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        if "week" in st.query_params:
            is_newest = st.query_params["week"] == newest_week
            st.checkbox("固定在这一周", value=not is_newest, key="saved_fixed", help="不勾选：以后打开总是最新一周。")
        shared_help = (
            "不勾选：只在选了同一身份（单位）时列出。未启用登录，身份由使用者自选；还没有选身份的，全单位可见。"
            if owner["user"] is None
            else "不勾选：只有您自己看得到。"
        )
        st.checkbox("全单位可见", value=not is_known, disabled=not is_known, key="saved_shared", help=shared_help)
    st.button("收藏本页", key="saved_add", type="primary", on_click=_try, args=(_keep, here, request))
    if said := st.session_state.get(SAID):
        st.html(f'<p class="said">{wording.escape(said)}</p>')


def _listing(pages: dict, newest_week: str | None) -> None:
    owner = _owner()
    views = [view for view in saved.of(**owner) if view.page in pages]
    if not views:
        st.html('<p class="note">还没有收藏。</p>')
    for is_shared, heading in ((False, _whose(owner)), (True, "全单位共享")):
        some = [view for view in views if view.is_shared == is_shared]
        if some:
            st.html(f'<p class="note">{wording.escape(heading)}</p>')
        for view in some:
            _row(view, pages, view.is_of(**owner), newest_week)


def _row(view: saved.View, pages: dict, is_mine: bool, newest_week: str | None) -> None:
    target = pages[view.page]
    if is_mine and st.session_state.get(RENAMED) == view.id:
        with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
            st.text_input("新的名字", value=view.name, key=f"saved_as_{view.id}", max_chars=saved.MAX_NAME)
            st.button("改名", key=f"saved_rename_{view.id}", on_click=_try, args=(_rename, view.id))
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small", wrap=False):
        st.page_link(
            target,
            label=view.name,
            icon=target.icon,
            query_params=_query(view, newest_week),
            width="stretch",
            help=target.title,
        )
        if is_mine:
            st.button("", icon=":material/edit:", key=f"saved_edit_{view.id}", type="tertiary", help=f"给“{view.name}”改名",
                      on_click=_start_renaming, args=(view.id,))  # fmt: skip
            st.button("", icon=":material/delete:", key=f"saved_delete_{view.id}", type="tertiary", help=f"删除“{view.name}”",
                      on_click=_try, args=(_remove, view.id))  # fmt: skip


def _query(view: saved.View, newest_week: str | None) -> dict[str, str]:
    """What the link says: the newest week in full, so that the page need not add it, as a step of its own, to the history."""
    if view.query.get("week") != saved.NEWEST:
        return view.query
    others = {name: value for name, value in view.query.items() if name != "week"}
    is_same_day = others.get("asof") == st.query_params.get("asof")
    return {**others, "week": newest_week} if newest_week and is_same_day else others


def _whose(owner: dict[str, Any]) -> str:
    if owner["user"] is not None:
        return "我的收藏"
    role, unit = owner["role"], owner["unit"]
    return f"{unit or workflow.ROLES.get(role or '', '')}的收藏"


def _address() -> str:
    """What the reader sees in the address bar; without the parameters a saved page would not keep."""
    path = (st.context.url or "").partition("?")[0]
    query = urlencode(saved.allowed(dict(st.query_params), _known()))
    return path + (f"?{query}" if query else "")


def _known() -> list[str]:
    """Names that are no persons': places, units, issues."""
    names = [
        marts.query("places")["place_name"],
        marts.query("units")["unit_name"],
        marts.query("issues")["issue_name"],
    ]
    return [name for one in names for name in one.to_list() if name]


# ---------------------------------------------------------------- callbacks


def _try(do: Callable[..., str], *arguments: object) -> None:
    try:
        st.session_state[SAID] = do(*arguments)
    except (Refused, Unavailable) as no:
        st.session_state[SAID] = str(no)


def _owner() -> dict[str, Any]:
    """role, unit and user: the account, or the role and unit the reader says (app.roles)."""
    reader = signin.who()
    role = st.session_state.get("role")
    unit = st.session_state.get("role_unit") if role == "unit" else None
    return {"role": role, "unit": unit, "user": reader.account if reader.role else None}


def _keep(here: str, request: str) -> str:
    query = {key: st.query_params[key] for key in st.query_params}
    if "week" in query and not st.session_state.get("saved_fixed", True):
        query["week"] = saved.NEWEST
    name = saved.keep(
        st.session_state["saved_name"],
        here,
        query,
        **_owner(),
        is_shared=st.session_state["saved_shared"],
        request_id=request,
        known=_known(),
    )
    st.session_state.pop(REQUEST, None)
    st.session_state["saved_name"] = ""
    return f"已收藏“{name}”。"


def _start_renaming(id: int) -> None:
    st.session_state[RENAMED] = id


def _rename(id: int) -> str:
    saved.rename(id, st.session_state[f"saved_as_{id}"], **_owner(), known=_known())
    st.session_state.pop(RENAMED, None)
    return "已改名。"


def _remove(id: int) -> str:
    saved.remove(id, **_owner())
    return "已删除。"
