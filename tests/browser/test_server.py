"""What the server says to anyone who asks, before any page."""

import json
import urllib.error
import urllib.request

import pytest

from app import server

pytestmark = pytest.mark.xdist_group("browser")


def asked(url: str, **headers: str):
    return urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=60)


def test_headers_keep_the_browser_at_home(site):
    with asked(site) as answer:
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'self'" in policy and "http" not in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_healthz_names_the_version(site):
    with asked(f"{site}/healthz") as answer:
        assert json.load(answer) == {"status": "ok", "version": "marts-000001"}


def test_readiness_and_numbers_for_this_machine(site):
    with asked(f"{site}/readyz") as answer:
        assert json.load(answer) == {"status": "ready", "marts": "ok", "state": "ok"}
    with asked(f"{site}/metrics") as answer:
        assert "yanpan_marts_version 1.0" in answer.read().decode()
    with pytest.raises(urllib.error.HTTPError, match="404"):
        asked(f"{site}/metrics", **{"X-Forwarded-For": "10.1.2.3"})


@pytest.mark.parametrize("path", ["/_stcore/metrics", "/_stcore/agent/info"])
def test_internal_paths_are_closed(site, path):
    with pytest.raises(urllib.error.HTTPError, match="404"):
        asked(site + path)


def test_another_sites_name_is_refused(site):
    with pytest.raises(urllib.error.HTTPError, match="400"):
        asked(site, Host="example.com")


def test_the_front_page_by_name(site):
    with asked(f"{site}/weekly?week=2026-W45") as answer:
        assert answer.url == f"{site}/?week=2026-W45"


def test_an_unknown_page_leads_home(site):
    with asked(f"{site}/nowhere", Accept="text/html") as answer:
        assert answer.url == f"{site}/?lost=nowhere"


def test_the_api_stands_beside_the_pages(site):
    with asked(f"{site}/api/v1", Accept="text/html") as answer:
        assert answer.url == f"{site}/api/v1/" and "智能分派接口" in answer.read().decode()
    with pytest.raises(urllib.error.HTTPError, match="401") as refused:
        urllib.request.urlopen(f"{site}/api/v1/suggestion", b"{}", timeout=60)
    assert "还没有创建过令牌" in json.load(refused.value)["detail"]


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.10", "example.com"])
def test_other_hosts_are_refused_in_a_sentence(host, capsys):
    assert server.main(["--host", host]) == 2
    assert "没有启用登录" in capsys.readouterr().err


def test_a_taken_port_is_said(site, capsys):
    port = site.rsplit(":", 1)[1]
    assert server.main(["--port", port]) == 2
    assert "已被占用" in capsys.readouterr().err
