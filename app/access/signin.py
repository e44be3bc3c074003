"""Who is at this page, and may it go on?

With [auth] in the settings Streamlit's own login (OpenID Connect) says whom the identity provider means; what that account may open
and see is ours (accounts). Streamlit's cookie lives thirty days and cannot be called back, so each page run asks here: is the
account open, has this login been ended, has it been idle or in use for too long? What was found is believed for BELIEVED seconds.
Callbacks and fragments run without app.main: `who` asks for them, and store.writing asks `_before_writing`.

Without [auth] the reader is LOCAL: this machine's own user, who may do everything.
"""

import hashlib
import html
import re
import time
from collections.abc import Mapping
from datetime import date
from typing import Any, NamedTuple, NoReturn

import polars as pl
import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from app.access import accounts, audit, settings
from app.access.accounts import Account
from app.access.roles import DOINGS, ROLES
from app.access.scope import Scope
from app.casework import store
from app.casework.store import Unavailable

BELIEVED = 20
SEEN_EVERY = 60
"""Seconds between two notes of a login's last page run in the store."""
KEY, LISTED, TOLD = "_reader", "_items_listed", "_refused_told"
BADGE = """<style>
.st-key-who .note { max-width: 17rem; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
@media (min-width: 1400px) { .st-key-who { position: fixed; top: .35rem; right: 12.2rem; width: auto; z-index: 999991; } }
@media print { .st-key-who { display: none; } }
</style>"""
"""In the head beside the menu where there is room, else a line of its own."""
ENDED = "这一次登录已经退出，请重新登录。"
OVER = "登录已经结束，这一步没有做。请重新登录。"


class Reader(NamedTuple):
    """account: its number, or audit.LOCAL. role: of roles.ROLES; None without a login. login: digest of the identity token."""

    account: str
    name: str
    role: str | None
    scope: Scope | None
    login: str = ""

    def may(self, doing: str) -> bool:
        """One of roles.DOINGS."""
        assert doing in DOINGS
        return self.role is None or doing in ROLES[self.role].may

    def may_open(self, page: str) -> bool:
        """The page with this url path."""
        return page not in ("accounts", "audit") if self.role is None else page in ROLES[self.role].pages

    @property
    def acts_as(self) -> str | None:
        """As which role of app.casework.workflow does it take steps?"""
        return ROLES[self.role].acts_as if self.role else None

    @property
    def unit(self) -> str | None:
        return self.scope.codes[0] if self.scope and self.scope.kind == "unit" else None

    def words(self) -> str:
        """张三（分析员）"""
        return f"{self.name}（{ROLES[self.role].name}）" if self.role else ""


LOCAL = Reader(audit.LOCAL, "", None, None)


class Out(Exception):
    """This login is over; says why in one Chinese sentence."""


def who() -> Reader:
    """The reader of this page run, checked again. Stops the run where the login is over."""
    if settings.auth() is None:
        return LOCAL
    reader: Reader | None = st.session_state.get(KEY)
    if reader is None:  # a page run that did not come by app.main
        st.stop()
    try:
        return check(reader)
    except Out as out:
        _send_away(reader, str(out))
    except Unavailable as missing:
        _say(str(missing))
    st.stop()


def scope() -> Scope | None:
    """The part of the data this reader sees; None for all of it."""
    return who().scope


def enter() -> Reader | None:
    """At the start of each page run: the reader. None: nobody is in, or must go; the page says so already."""
    try:
        auth = settings.auth()
        if auth is None:
            return LOCAL
        if not st.user.is_logged_in:
            st.session_state.pop(KEY, None)
            _door()
            return None
        return _entered(st.user.to_dict())
    except settings.BadSetting:
        _say("访问设置有误，暂时不能登录。请管理员运行 yanpan doctor 查看原因。")
    except (accounts.Refused, Unavailable) as no:
        _say(str(no))
    return None


def _entered(token: Mapping[str, Any]) -> Reader | None:
    """Who comes with this identity token. Raises store.Unavailable, accounts.Refused."""
    issuer, subject = str(token.get("iss") or ""), str(token.get("sub") or "")
    if not issuer or not subject:
        _say("登录服务没有说明是谁（缺少 iss 或 sub）。请联系管理员检查登录服务。")
        return None
    said = repr([token.get(name) for name in ("iss", "sub", "aud", "iat", "nonce", "at_hash")])
    login, reader = hashlib.sha256(said.encode()).hexdigest(), st.session_state.get(KEY)
    if reader is None or reader.login != login:
        one = accounts.known(issuer, subject, str(token.get("name") or token.get("preferred_username") or subject))
        one = accounts.by_directory(one, token, settings.read().directory)
        if not one.is_open:
            _wait(one)
            return None
        reader = Reader(str(one.id), one.name, one.role, accounts.scope_of(one), login)
        if accounts.arrive(login, one.id).is_new:
            if float(token.get("exp") or 0) < time.time():  # a cookie of long ago, of a login nobody remembers
                _send_away(reader, "登录凭据已过期，请重新登录。")
                return None
            audit.note("login", "", account=reader.account, role=reader.role)
    try:
        reader = check(reader, is_active=True)
    except Out as out:
        _send_away(reader, str(out))
        return None
    st.session_state[KEY] = reader
    st.session_state["role"], st.session_state["role_unit"] = reader.acts_as, reader.unit  # as app.roles would
    return reader


def watch() -> None:
    """A page nobody touches is cleared when the idle limit is reached; a full page run starts the clock anew."""
    seconds = 60 * settings.read().idle_minutes

    def look() -> None:
        reader: Reader | None = st.session_state.get(KEY)
        if reader is None:
            return
        try:
            check(reader, unless_idle=True)
        except Out as out:
            _send_away(reader, str(out))

    st.fragment(look, run_every=seconds + 1)()


# ---------------------------------------------------------------- is it still so?


class _Found(NamedTuple):
    looked_at: float  # time.monotonic
    reader: Reader | None  # None: the account is closed
    login: accounts.Login
    limits: settings.Access


_found: dict[str, _Found] = {}
_active: dict[str, float] = {}  # login → seconds since 1970 of its last page run in this process
_written: dict[str, float] = {}


def check(reader: Reader, *, is_active: bool = False, unless_idle: bool = False) -> Reader:
    """The reader as its account now says. is_active: somebody is at the page, which the idle limit is counted from.
    unless_idle: nobody may be, but the limit holds. (Neither: the wall of the command centre, which goes on by itself.)

    Raises Out, store.Unavailable.
    """
    if reader.login == "":
        return reader
    now, found = time.time(), _found.get(reader.login)
    if found is None or time.monotonic() - found.looked_at > BELIEVED:
        one, fresh = accounts.by_id(int(reader.account)), None
        if one and one.is_open:
            fresh = Reader(str(one.id), one.name, one.role, accounts.scope_of(one), reader.login)
        login = accounts.arrive(reader.login, int(reader.account))
        found = _found[reader.login] = _Found(time.monotonic(), fresh, login, settings.read())
        _forget()
    limits = found.limits
    if found.reader is None:
        raise Out("账号已经停用。")
    if found.login.is_ended:
        raise Out(ENDED)
    if now - found.login.at > 3600 * limits.absolute_hours:
        raise Out(f"登录满 {limits.absolute_hours} 小时，请重新登录。")
    seen = max(found.login.seen_at, _active.get(reader.login, 0))
    if (is_active or unless_idle) and now - seen > 60 * limits.idle_minutes:
        raise Out(f"超过 {limits.idle_minutes} 分钟没有操作，请重新登录。")
    if is_active:
        _active[reader.login] = now
        if now - _written.get(reader.login, found.login.seen_at) > SEEN_EVERY:
            _written[reader.login] = now
            accounts.seen(reader.login)
    return found.reader


def _forget() -> None:
    """Logins not looked at for a day."""
    for login in [one for one, found in _found.items() if time.monotonic() - found.looked_at > 86400]:
        for kept in (_found, _active, _written):
            kept.pop(login, None)


def _before_writing() -> None:
    """A callback runs ahead of app.main: what it writes is refused where the login is over. Raises store.Unavailable."""
    if get_script_run_ctx(suppress_warning=True) is None or settings.auth() is None:
        return
    reader: Reader | None = st.session_state.get(KEY)
    try:
        if reader is None:
            raise Out(OVER)
        check(reader, is_active=True)
    except Out:
        raise Unavailable(OVER) from None


if not any(one.__name__ == _before_writing.__name__ for one in store.BEFORE_WRITING):
    store.BEFORE_WRITING.append(_before_writing)


# ---------------------------------------------------------------- what is let through, and noted


def seen_items(answer: pl.DataFrame, name: str, parameters: Mapping[str, Any]) -> pl.DataFrame:
    """An answer that lists items: noted in the audit log, once a list; for a role that may not see any the run stops."""
    reader = who()
    if reader is LOCAL:
        return answer
    if not reader.may("items"):
        if len(answer):
            _say(f"您的角色是{ROLES[str(reader.role)].name}，不逐件查看。")
            st.stop()
        return answer
    codes = [f"{key}={value}" for key, value in sorted(parameters.items()) if _is_code(value)]
    said = f"{st.session_state.get('_page') or 'weekly'} {name} {' '.join(codes)}".strip()
    if said != st.session_state.get(LISTED):
        st.session_state[LISTED] = said
        noted("items", said)
    return answer


def _is_code(value: Any) -> bool:
    """A code of ours or a day, and not the key of one item."""
    if isinstance(value, date):
        return True
    return (
        isinstance(value, str)
        and bool(re.fullmatch(r"[A-Za-z0-9_.:\-]{1,40}", value))
        and not re.fullmatch(r"[0-9a-f]{16}", value)
    )


def noted(action: str, thing: str) -> None:
    """A line in the audit log for this reader; none without a login. Raises store.Unavailable."""
    reader = who()
    if reader.role:
        audit.note(action, thing, account=reader.account, role=reader.role, version=_version())


def refuse(reader: Reader, page: str, title: str) -> NoReturn:
    """A page this role may not open: one sentence, a line in the log, and the run stops."""
    if st.session_state.get(TOLD) != page and reader.role:
        st.session_state[TOLD] = page
        audit.note("refused", page, account=reader.account, role=reader.role)
    if reader.role:
        _say(f"您的角色是{ROLES[reader.role].name}，不能打开「{title}」。需要时请联系管理员。")
    else:
        _say(f"没有启用登录，「{title}」没有内容。")
    st.stop()


def _version() -> str:
    return (
        str(st.session_state.get("_marts_version", ""))
        .split("\1")[0]
        .split("\0")[0]
        .rpartition("-")[2]
        .removesuffix(".duckdb")
    )


# ---------------------------------------------------------------- the door


def _door() -> None:
    """Nobody is in."""
    _head("登录后使用", "用本单位的统一身份登录。看到的内容按您的角色和范围确定，导出的文件带有您的标记。")
    if st.button("登录", type="primary", icon=":material/login:", key="login"):
        st.login()


def _wait(one: Account) -> None:
    """Somebody without an account that is open."""
    why = "账号已停用" if one.is_disabled else "账号还没有开通"
    st.session_state.pop(KEY, None)
    if st.session_state.get(TOLD) != one.id:
        st.session_state[TOLD] = one.id
        audit.note("refused", why, account=str(one.id))
    _head(why, f"请把这个编号告诉管理员：{one.id}（{one.subject[:80]}）。")
    _leave_button()


def _send_away(reader: Reader, why: str) -> None:
    """Away with the cookie; nothing of the page stays on the screen."""
    st.session_state.pop(KEY, None)
    _found.pop(reader.login, None)
    accounts.leave(reader.login)
    audit.note("refused" if why == ENDED else "logout", why, account=reader.account, role=reader.role)
    _head("已退出", why)
    st.logout()


def leave() -> None:
    """退出, as a callback."""
    reader: Reader | None = st.session_state.pop(KEY, None)
    if reader is not None:
        _found.pop(reader.login, None)
        accounts.leave(reader.login)
        audit.note("logout", "", account=reader.account, role=reader.role)
    st.logout()


def badge(reader: Reader, places: str) -> None:
    """Who is in, what it sees, and the way out."""
    said = _escape(reader.words() + (f" · 只看{places}" if places else ""))
    with st.container(
        horizontal=True, horizontal_alignment="right", vertical_alignment="center", gap="small", key="who"
    ):
        st.html(f'<p class="note" title="{said}">{said}</p>{BADGE}', width="content")
        _leave_button()


def _leave_button() -> None:
    st.button("退出", type="tertiary", icon=":material/logout:", key="logout", on_click=leave)


def _head(title: str, sentence: str) -> None:
    st.html(
        f'<header class="page-head"><p class="kicker">研判</p><h1>{title}</h1><p class="lead">{_escape(sentence)}</p></header>'
    )


def _say(sentence: str) -> None:
    st.html(f'<p class="quiet">{_escape(sentence)}</p>')


def _escape(text: object) -> str:
    return html.escape(str(text))
