"""Every role at every page, with accounts as they are kept and an identity token as a provider gives it."""

import html
import re
import shutil
import time
from datetime import timedelta

import pytest
from google.protobuf.message import Message
from google.protobuf.text_format import MessageToString
from streamlit.testing.v1 import AppTest

from app import server
from app.access import accounts, audit, signin
from app.access.roles import ROLES
from app.casework import store
from tests.test_access import DIRECTORY, ISSUER, SECRETS

MAIN = server.ROOT / "app" / "main.py"
VIEWS = {"warnings": "early_warnings"}
UNIT = "云溪区住房和城乡建设局"


@pytest.fixture
def office(full, monkeypatch, tmp_path):
    """The demo city with a login."""
    path = tmp_path / "secrets.toml"
    path.write_text(SECRETS)
    path.chmod(0o600)
    monkeypatch.setenv("YANPAN_SECRETS", str(path))
    for kept in (signin._found, signin._active, signin._written):
        kept.clear()
    yield full
    store.engine().dispose()
    store._engine.cache_clear()


def come(subject: str, **token) -> AppTest:
    """Somebody with an identity token opens the front page."""
    at = AppTest.from_file(str(MAIN), default_timeout=60)
    now = int(time.time())
    at.user = {
        "is_logged_in": True,
        "iss": ISSUER,
        "sub": subject,
        "iat": now,
        "exp": now + 600,
        "name": "某人",
        **token,
    }
    return at.run()


def grant(subject: str, role: str, **more) -> AppTest:
    accounts.grant(ISSUER, subject, role=role, by="1", **more)
    return come(subject)


def go(at: AppTest, page: str, **query: str) -> str:
    """The words of a page."""
    at.switch_page(str(MAIN.parent / "views" / f"{VIEWS.get(page, page)}.py"))
    at.query_params.clear()
    for name, value in query.items():
        at.query_params[name] = value
    return words(at.run())


def words(at: AppTest) -> str:
    assert not at.exception
    text = " ".join(one.proto.body for one in at.get("html"))
    return html.unescape(re.sub(r"<style.*?</style>|<[^>]+>", " ", text, flags=re.S))


def refused(at: AppTest) -> set[str]:
    """Of all pages those that are refused to this reader, by their address."""
    return {page for page in server.PAGES if "不能打开" in go(at, page)}


def test_a_unit_opens_its_own_pages_alone(office):
    at = grant("u", "unit", unit=UNIT)
    assert "预警清单" in words(at), "its front page is the list of its warnings"
    assert refused(at) == set(server.PAGES) - set(ROLES["unit"].pages) - {"weekly"}, "weekly leads to its front page"
    assert UNIT in go(at, "service") and {row["object"] for row in audit.rows(action="refused")} > {
        "intake",
        "weekly",
    } - {"weekly"}


def test_an_administrator_manages_and_does_not_read_items(office):
    at = grant("a", "admin")
    assert "不逐件查看" in go(at, "issues", issue="1304", weeks="52") and not audit.rows(action="items")
    assert "等待开通" in go(at, "accounts") and "审计日志" in go(at, "audit")


def test_the_others_do_not_manage(office):
    at = grant("k", "clerk")
    for page in ("intake", "accounts", "audit"):
        assert "不能打开" in go(at, page)


def test_a_county_s_front_page_is_its_own(office):
    at = grant("c", "analyst", places=["990101"])
    said = words(at)
    assert "云溪区 · 本周研判" in said and "只看云溪区" in said
    whole = words(grant("w", "analyst"))
    assert "安澜市 · 本周研判" in whole and "只看" not in whole
    assert at.metric[0].value != come("w").metric[0].value, "two readers, two figures"
    assert "临江区" not in go(at, "warnings") and "全市（安澜市） 共" not in go(at, "hotspots", place="990100")
    assert "990102" not in at.session_state["_marts_version"]
    assert "没有编号为" in go(at, "warning", id="nothing")
    go(at, "issues", issue="1304", weeks="52")
    listed = audit.rows(action="items")[0]
    assert (
        listed["object"].startswith("issues items")
        and "county=990101" in listed["object"]
        and listed["version"] == "000001"
    )


ANYWHERE = ("全市没有异常时", "预期按全市、县区、镇街分别算")
"""Said of the method, whoever reads."""


def shown(at: AppTest) -> str:
    """All that the page sends to the browser as text: titles, labels, options, charts."""
    assert not at.exception
    found, blocks = [], [at._tree]
    while blocks:
        for element in getattr(blocks.pop(), "children", {}).values():
            blocks.append(element)
            if isinstance(getattr(element, "proto", None), Message):
                found.append(MessageToString(element.proto, as_utf8=True))
    text = re.sub(r"\\+u([0-9a-f]{4})", lambda escaped: chr(int(escaped[1], 16)), "\n".join(found))
    for sentence in ANYWHERE:
        text = text.replace(sentence, "")
    return html.unescape(re.sub("<[^>]+>", "", text))


def test_what_a_page_shows_is_all_read(office):
    """The test below could not fail otherwise."""
    at = grant("w", "analyst")
    assert "全市（安澜市）" in go(at, "hotspots") and "全市 按周件数" in shown(at) and "全市" in shown(at)


@pytest.mark.parametrize("places", [["990101"], ["990101", "990102"], ["990101001"]], ids=len)
def test_no_page_says_the_whole_city_to_a_reader_of_a_part(office, places):
    at = grant("c", "analyst", places=places)
    looks = [(name, {}) for name in ROLES["analyst"].pages if name not in ("help", "about")]
    looks += [("hotspots", {"mode": mode}) for mode in ("density", "play", "compare")] + [
        ("hotspots", {"measure": "smoothed"})
    ]
    for name, query in looks:
        go(at, name, **query)
        looks += [(name, {"part": tab.label}) for tab in at.tabs if not query]
        for found in re.finditer("全市", text := shown(at)):
            raise AssertionError(f"{name} {query}: {text[max(0, found.start() - 40) : found.end() + 40]}")


def test_nobody_and_who_has_no_account_yet_sees_nothing(office):
    at = AppTest.from_file(str(MAIN), default_timeout=60)
    at.user = {"is_logged_in": False}
    assert "登录后使用" in words(at.run()) and len(at.get("html")) < 4 and at.button(key="login")
    assert "账号还没有开通" in words(come("stranger")) and "stranger" in words(come("stranger"))
    accounts.grant(ISSUER, "stranger", role="leader", by="1")
    assert "本周研判" in words(come("stranger"))


def test_the_groups_of_the_login_open_the_pages(office, tmp_path, monkeypatch):
    home = tmp_path / "home"
    shutil.copytree(office.path, home)
    monkeypatch.setenv("YANPAN_HOME", str(home))
    (home / "access.toml").write_text(DIRECTORY, encoding="utf-8")
    assert "云溪区 · 本周研判" in words(come("a", groups=["yunxi"]))
    assert "账号还没有开通" in words(come("b", groups=["others"]))
    assert "不能确定您是哪一种" in words(come("c", groups=["leaders", "yunxi"]))
    accounts.grant(ISSUER, "admin", role="admin", by="1")
    at = come("admin", groups=["leaders"])
    go(at, "accounts")
    assert "已开通（按登录服务的组）" in at.dataframe[0].value["state"].to_list()
    assert "时间是服务器的本地时间（UTC" in go(at, "audit")


def test_an_old_cookie_opens_nothing(office):
    accounts.grant(ISSUER, "x", role="leader", by="1")
    assert "登录凭据已过期" in words(come("x", exp=int(time.time()) - 60, iat=1))
    assert audit.rows()[0]["action"] == "logout"


def test_an_idle_page_is_cleared_and_its_callbacks_write_nothing(office):
    at = grant("a", "admin")
    other = accounts.known(ISSUER, "other", "另一个")
    go(at, "accounts")
    at.selectbox(key="account_of").set_value(other.id).run()
    at.segmented_control(key=f"account_role_{other.id}").set_value("leader").run()
    with store.writing(is_asked=False) as connection:
        connection.execute(store.login.update().values(seen_at=audit.now() - timedelta(minutes=31)))
    signin._found.clear()
    signin._active.clear()
    at.button(key="account_save").click().run()
    assert "没有操作" in words(at) or "已经结束" in words(at)
    assert accounts.by_id(other.id).role is None, "the click came after the end of the login"
