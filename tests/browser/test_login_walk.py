"""In by the identity provider, to the page asked for, away with a marked file, out for good: a real provider, a real browser.

The provider is oidc-provider-mock (signed tokens, discovery, keys, end of session), from the package index: no other tool to install.
"""

import os
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator

import openpyxl
import pytest
from servers import free_port

from app.access import accounts, audit
from app.casework import store
from tests.browser.conftest import Reader, served

pytestmark = pytest.mark.xdist_group("browser")


@pytest.fixture
def provider() -> Iterator[str]:
    """The address of an identity provider that knows two people."""
    port = free_port()
    command = [sys.executable, "-W", "ignore", "-m", "oidc_provider_mock", "--port", str(port)]
    people = ['{"sub": "li", "name": "李主任"}', '{"sub": "new", "name": "新来的"}']
    command += [word for person in people for word in ("--user-claims", person)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        for _ in range(200):
            try:
                urllib.request.urlopen(f"http://localhost:{port}/jwks").close()
                break
            except OSError:
                time.sleep(0.1)
        yield f"http://localhost:{port}"
        process.terminate()


@pytest.fixture
def site(demo_home, provider, tmp_path, monkeypatch) -> Iterator[str]:
    """The demo city with a login and a leader's account; its port is part of the settings, so it is chosen first."""
    port = free_port()
    path = tmp_path / "secrets.toml"
    path.write_text(
        f'[auth]\nredirect_uri = "http://localhost:{port}/oauth2callback"\ncookie_secret = "{os.urandom(24).hex()}"\n'
        f'client_id = "yanpan"\nclient_secret = "s"\nserver_metadata_url = "{provider}/.well-known/openid-configuration"\n'
    )
    path.chmod(0o600)
    monkeypatch.setenv("YANPAN_SECRETS", str(path))
    monkeypatch.setenv("YANPAN_STATE", f"sqlite:///{tmp_path / 'state.sqlite'}")
    accounts.grant(provider, "li", role="leader", name="李主任", by=audit.COMMAND)
    with served(demo_home.path, port=port):
        yield f"http://localhost:{port}"
    store.engine().dispose()
    store._engine.cache_clear()


def come(reader: Reader, path: str, who: str) -> None:
    """From a link, by the door and the provider, and back."""
    reader.page.goto(f"{reader.site}/{path}")
    reader.page.get_by_role("button", name="登录").click()
    reader.page.get_by_role("button", name=who, exact=True).click()
    reader.page.wait_for_url(f"{reader.site}/**")
    reader.page.locator("h1").first.wait_for()
    reader.settle()
    reader.outside.clear()  # what the provider's own page asks for


def test_in_and_out(browser, site, tmp_path):
    context = browser.new_context(viewport={"width": 1440, "height": 900}, locale="zh-CN", accept_downloads=True)
    reader = Reader(context.new_page(), site)
    page = reader.page
    page.set_default_timeout(60_000)
    come(reader, "trends?weeks=13", "li")
    assert re.search(r"/trends\?.*weeks=13", page.url), "back at the page asked for"
    assert page.locator(".st-key-who").inner_text().startswith("李主任（领导）")

    assert page.get_by_role("link", name="预警清单").count()
    page.goto(f"{site}/intake")
    page.get_by_text("您的角色是领导，不能打开「数据接入」。").wait_for()
    assert not page.get_by_text("上传导出文件").count()

    reader.open("weekly")
    page.get_by_role("button", name="导出").first.click()
    with page.expect_download() as taken:
        page.get_by_role("button", name="数据 Excel").first.click()
    taken.value.save_as(tmp_path / "taken.xlsx")
    sheet = openpyxl.load_workbook(tmp_path / "taken.xlsx").worksheets[0]
    assert re.match("内部资料　李主任（领导）　20", str(sheet.cell(sheet.max_row, 1).value))
    assert not reader.outside and page.get_by_test_id("stException").count() == 0

    kept = context.cookies()
    page.keyboard.press("Escape")
    page.get_by_role("button", name="退出").click()
    page.wait_for_url("**/end_session*")
    copied = browser.new_context(locale="zh-CN")
    copied.add_cookies(kept)
    thief = copied.new_page()
    thief.goto(f"{site}/weekly")
    thief.wait_for_url("**/end_session*")
    assert not thief.get_by_text("本周预警").count(), "a copy of the cookie is worth nothing after the end of the login"

    other = Reader(browser.new_context(locale="zh-CN").new_page(), site)
    come(other, "weekly", "new")
    other.page.get_by_text("账号还没有开通").wait_for()
    done = [(row["action"], row["object"]) for row in reversed(audit.rows()) if row["action"] != "items"]
    assert [action for action, _ in done] == ["account", "login", "refused", "export", "logout", "refused", "refused"]
    assert done[2][1] == "intake" and done[3][1].startswith("weekly 本周研判数字")
    for one in (context, copied, other.page.context):
        one.close()
