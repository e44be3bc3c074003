"""一段文字: paste a text, see what it is about, who is in charge, what is known of its kind. Nothing of it is kept."""

import streamlit as st

from app import filters, page, suggesting, wording
from app.parts import dispatch
from app.parts.dispatch import Text
from pipelines.dispatch import duty

KEPT, BOX = "_dispatch_text", "dispatch_words"
"""In the session: the redacted text, and the box it is typed into, which shows it redacted after the button."""
MAX_LENGTH = 10_000
PURPOSES = ("求决", "申诉", "检举控告", "意见建议", "咨询", "求助", "投诉", "举报", "涉法涉诉", "信息公开")


def tab(edition: page.Edition) -> None:
    first, second, third, fourth = st.columns(4)
    with first:
        purpose = filters.choose(
            "信访目的", {filters.ALL: "未写明", **{one: one for one in PURPOSES}}, key="purpose",
            help="检举控告、涉法涉诉按规定程序转送，不作内容分析。",
        )  # fmt: skip
    with second:
        source = filters.source()
    with third:
        county = filters.county()
    with fourth:
        town = filters.town(county)
    _form()
    said = st.session_state.get(KEPT, "")
    if not said:
        page.quiet("把来信、来电记录或留言贴在上面，按「给出建议」。姓名、电话、住址、证件号当场替换，原文不保存。")
        return
    given = dispatch.tools()
    at_county, at_town = (county, town) if county else duty.place_in(given.duties, said)
    text = Text(said, purpose or None, source, at_county or None, at_town or None, edition.as_of)
    [found] = dispatch.judge(given, [text])
    dispatch.show(text, found, given, edition, above=lambda: _place(at_county, at_town, is_chosen=bool(county)))


def _place(county: str | None, town: str | None, *, is_chosen: bool) -> None:
    """Which place the units are suggested for."""
    names = filters.place_names()
    where = "".join(names.get(code or "", "") for code in (county, town))
    said = (
        f"按{'所选' if is_chosen else '文中'}的地点：{where}"
        if where
        else "没有选县区，文中也没有认出唯一的县区或镇街：单位按全市建议"
    )
    st.html(f'<p class="note">{wording.escape(said)}</p>')


def _form() -> None:
    st.session_state.setdefault(BOX, st.session_state.get(KEPT, ""))
    with st.form("dispatch_form", border=False):
        st.text_area(
            "诉求内容", key=BOX, height=120, max_chars=MAX_LENGTH, placeholder="例：我家小区的电梯坏了三天没人修……",
            help="也可以按 Ctrl+Enter。只在本机处理，不写入任何文件、网址和日志。",
        )  # fmt: skip
        with st.container(horizontal=True, gap="small"):
            st.form_submit_button("给出建议", type="primary", key="dispatch_ask", on_click=_take)
            st.form_submit_button("清空", type="tertiary", key="dispatch_clear", on_click=_clear)


def _take() -> None:
    """What was typed is redacted before anything else sees it, and the box shows it so."""
    st.session_state[KEPT] = st.session_state[BOX] = suggesting.redacted((st.session_state[BOX] or "").strip())


def _clear() -> None:
    st.session_state[KEPT] = st.session_state[BOX] = ""
