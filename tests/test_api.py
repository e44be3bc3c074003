"""The HTTP API over a real socket, behind the real guard: what it answers, what it refuses, what it keeps to itself."""

import http.client
import json
import logging
import re
import shutil
import socket
import stat
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from pathlib import Path

import duckdb
import pytest
import uvicorn
from jsonschema import Draft202012Validator
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Mount

from app import server, suggesting
from app.api import answers, contract, limit, manual, routes, tokens
from pipelines import cli
from pipelines.config import Home
from pipelines.dispatch import model

TODAY = date.today()
LIFT = "反映小区电梯故障\n云溪区幸福小区电梯坏了三天，200余户出行困难，联系人张伟，电话13912345678"
SAID = """
    select concat_ws(chr(10), title, text) from event where text is not null and list_contains($codes, issue_code)
    order by registered_on desc, event_key limit 20
"""


@contextmanager
def serving() -> Iterator[int]:
    """The port of the API as app.server serves it, without the pages."""
    app = Starlette(routes=[Mount(server.API, routes.create())], middleware=[Middleware(server.Guard)])
    running = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False, lifespan="off"))
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()  # who asks before it is up waits
        thread = threading.Thread(target=running.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            running.should_exit = True
            thread.join()


@pytest.fixture(scope="module")
def home(demo_home, tmp_path_factory) -> Home:
    """Places and units of the demo city, what was published of it, nothing learned yet."""
    folder = tmp_path_factory.mktemp("api")
    for name in ("marts", "reference"):
        shutil.copytree(demo_home.path / name, folder / name)
    return Home(folder)


@pytest.fixture(scope="module")
def port(home) -> Iterator[int]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("YANPAN_API_RATE", "5000")
        with serving() as number:
            yield number


@pytest.fixture
def bearer(home, monkeypatch) -> Iterator[dict[str, str]]:
    """The headers of a system that may ask."""
    monkeypatch.setenv("YANPAN_HOME", str(home.path))
    _, secret = tokens.create("业务系统", 1, TODAY)
    yield {"Authorization": f"Bearer {secret}", "Content-Type": "application/json"}
    tokens.path().unlink(missing_ok=True)


def ask(port, headers, body, *, path="/suggestion", method="POST"):
    """Status, headers and the JSON of an answer; every answer is held against the contract."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    content = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    connection.request(method, server.API + path, content, headers)
    answer = connection.getresponse()
    value, kind = json.loads(answer.read()), answer.headers.get_content_type()
    connection.close()
    if answer.status != 200:
        assert kind == "application/problem+json" and value["status"] == answer.status
        contract.validator("Problem").validate(value)
    elif path == "/suggestion":
        assert kind == "application/json"
        contract.validator("Suggestion").validate(value)
    return answer.status, answer.headers, value


# ---- answers


def test_a_text_gets_issue_unit_reason_and_facts(port, bearer):
    status, headers, found = ask(port, bearer, {"text": LIFT, "registered_on": "2026-11-16", "purpose": None})
    assert status == 200 and headers["Cache-Control"] == "no-store" and "default-src 'self'" in str(headers)
    assert not found["is_abstained"] and found["issues"][0]["code"] == "0206" and found["model_version"] is None
    assert found["units"][0]["name"] == "云溪区市场监督管理局" and found["issues"][0]["probability"] is None
    text = found["redacted_text"]
    assert "13912345678" not in json.dumps(found) and "张伟" not in text and "〔手机号〕" in text
    assert found["words"] and all(one["said"] == text[one["start"] : one["end"]] for one in found["words"])
    assert all(one["said"] == text[one["start"] : one["end"]] for one in found["facts"])
    assert {"place", "households"} <= {one["kind"] for one in found["facts"]}


def test_what_is_known_of_the_place_and_purpose_counts(port, bearer):
    there = {"text": "小区电梯坏了三天，电梯困人", "source": "hotline", "town_code": "990102001"}
    assert ask(port, bearer, there)[2]["units"][0]["name"].startswith("临江区")
    accusation = ask(port, bearer, {"text": "举报某局长收了20万元，电梯也坏了", "purpose": "检举控告"})[2]
    assert accusation["issues"][0]["code"] == "1407" and not accusation["facts"] and not accusation["words"]
    relative = {"text": "昨天路灯坏了", "registered_on": "2026-03-01"}
    assert [one["value"] for one in ask(port, bearer, relative)[2]["facts"]] == ["2026-02-28"]
    assert ask(port, bearer, {"text": "今天天气不错"})[2]["is_abstained"]


def test_the_longest_text_is_answered(port, bearer):
    for text in ("一" * 10_000, "小区" * 5_000, "😀" * 10_000, "\ue000\ue001" * 5_000, "1" * 10_000, "100," * 2_500):
        assert ask(port, bearer, {"text": text})[0] == 200


def test_those_who_ask_at_once_get_their_own_answers(port, bearer):
    texts = [f"小区电梯坏了，涉及{n}户" if n % 2 else f"路灯坏了，涉及{n}户" for n in range(2, 62)]
    with ThreadPoolExecutor(12) as pool:
        found = list(pool.map(lambda text: ask(port, bearer, {"text": text})[2], texts))
    assert [one["redacted_text"] for one in found] == texts
    assert found == answers.answers([{"text": text} for text in texts])


def test_a_new_model_speaks_from_the_next_request_on(port, bearer, home, monkeypatch):
    monkeypatch.setattr(model, "MAX_TEXTS", 400)
    before = suggesting.tools()
    assert suggesting.tools() is before and before.model is None
    model.train(home, now=datetime(2026, 11, 16))
    marts = home.marts / home.current.read_text("utf-8").strip()
    with duckdb.connect(str(marts), read_only=True) as connection:
        taught = connection.execute(SAID, {"codes": suggesting.tools().model.classifier.classes}).fetchall()
    found = [ask(port, bearer, {"text": text})[2] for (text,) in taught]
    assert {one["model_version"] for one in found} == {1}
    assert any(one["issues"][0]["probability"] for one in found)
    own = home.reference / "keyword.csv"
    own.write_text("issue_code,word\n1308,滑冰场", encoding="utf-8")
    assert "滑冰场" in suggesting.tools().library.keywords
    own.write_text("issue_code,word\n0000,滑冰场冰", encoding="utf-8")
    status, _, problem = ask(port, bearer, {"text": "滑冰场不开门"})
    assert status == 503 and "第 2 行 issue_code 列" in problem["detail"]
    own.unlink()
    shutil.rmtree(model.folder(home))
    assert ask(port, bearer, {"text": LIFT})[2]["model_version"] is None


# ---- refusals


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        (b"{", 400, "JSON"),
        (b'{"text": "\xff"}', 400, "UTF-8"),
        (b'{"text": "\\ud800"}', 400, "UTF-8"),
        (b"[" * 100_000, 400, "JSON"),
        (["路灯坏了"], 400, "JSON 对象"),
        ({}, 422, "缺少字段 text"),
        ({"text": " \n"}, 422, "text 应为 1 到 10000 个字"),
        ({"text": 5}, 422, "text 应为"),
        ({"text": "水" * 10_001}, 422, "收到 10001 个字"),
        ({"text": "路灯坏了", "county": "990101"}, 422, "没有字段“county”，可用的字段：text"),
        ({"text": "路灯坏了", "county_code": "云溪区"}, 422, "county_code 应为 6 位数字的县区代码"),
        ({"text": "路灯坏了", "town_code": "9901010"}, 422, "9 位或 12 位数字"),
        ({"text": "路灯坏了", "source": "mail"}, 422, "petition、hotline 或 grid"),
        ({"text": "路灯坏了", "registered_on": "2026-02-30"}, 422, "2026-11-16 这样的日期"),
        ({"text": "昨天路灯坏了", "registered_on": "0001-01-01"}, 422, "2026-11-16 这样的日期"),
        (b'{"text": "' + b"a" * 300_000 + b'"}', 413, "256 KiB"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(port, bearer, body, status, said):
    found, _, problem = ask(port, bearer, body)
    assert found == status and said in problem["detail"]
    assert bool(problem.get("errors")) == (status == 422)
    assert "路灯" not in json.dumps(problem, ensure_ascii=False)


def test_every_field_at_fault_is_named(port, bearer):
    problem = ask(port, bearer, {"county_code": 1, "a/b": 2})[2]
    assert {one["pointer"] for one in problem["errors"]} == {"#/text", "#/county_code", "#/a~1b"}


def test_other_addresses_methods_and_types(port, bearer):
    assert ask(port, bearer, None, path="/nowhere", method="GET")[0] == 404
    assert ask(port, bearer, None, method="GET")[0] == 405
    for kind in ("text/plain", "application/x-www-form-urlencoded", ""):
        assert ask(port, {**bearer, "Content-Type": kind}, {"text": "路灯坏了"})[0] == 415


def test_pages_of_other_sites_are_refused(port, bearer):
    body = {"text": "路灯坏了"}
    for name, value in (("Origin", "http://example.com"), ("Origin", "null"), ("Sec-Fetch-Site", "cross-site")):
        assert ask(port, {**bearer, name: value}, body)[0] == 403
    assert ask(port, {**bearer, "Origin": f"http://127.0.0.1:{port}", "Sec-Fetch-Site": "same-origin"}, body)[0] == 200
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("OPTIONS", f"{server.API}/suggestion", headers={"Origin": "http://example.com"})
    assert "Access-Control" not in str(connection.getresponse().headers)
    connection.close()
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("POST", f"{server.API}/suggestion", b"{}", {**bearer, "Host": "example.com"})
    assert connection.getresponse().status == 400
    connection.close()


def test_only_so_many_a_second(bearer, monkeypatch):
    monkeypatch.setenv("YANPAN_API_RATE", "1")
    _, other = tokens.create("另一系统", 1, TODAY)
    with serving() as port:
        got = [ask(port, bearer, {"text": "路灯坏了"}) for _ in range(3)]
        assert [status for status, _, _ in got] == [200, 200, 429]
        assert got[2][1]["Retry-After"] == "1" and "1 秒后" in got[2][2]["detail"]
        assert ask(port, {**bearer, "Authorization": f"Bearer {other}"}, {"text": "路灯坏了"})[0] == 200


def test_a_bucket_by_hand():
    bucket = limit.Buckets(rate=2, burst=3)
    assert [bucket.wait("a", 10.0) for _ in range(4)] == [0, 0, 0, 0.5]
    assert bucket.wait("b", 10.0) == 0
    assert bucket.wait("a", 10.5) == 0 and bucket.wait("a", 10.75) == pytest.approx(0.25)
    assert [bucket.wait("a", 99.0) for _ in range(4)] == [0, 0, 0, 0.5]  # never more than the burst


def test_a_wrong_rate_stops_the_server_in_a_sentence(monkeypatch, capsys):
    monkeypatch.setenv("YANPAN_API_RATE", "viel")
    assert server.main(["--port", "0"]) == 2
    assert "应为 1 到 10000 的整数" in capsys.readouterr().err


# ---- nothing stays behind


def test_no_text_in_logs_or_files(port, bearer, home, monkeypatch, caplog, capfd):
    word = "绿萝巷口那只石狮子"
    caplog.set_level(logging.DEBUG)
    ask(port, bearer, {"text": f"{word}被偷了"})
    ask(port, bearer, {"text": f"{word}被偷了", word: 1})

    def fail(text, _day):
        raise ValueError(text)

    monkeypatch.setattr("app.keyfacts.facts", fail)
    status, _, problem = ask(port, bearer, {"text": f"{word}被偷了"})
    assert status == 500 and "不是您的操作问题" in problem["detail"]
    assert "suggestion failed: ValueError" in caplog.text and 'answers.py", line' in caplog.text
    assert word not in caplog.text + "".join(capfd.readouterr())
    written = [
        file for file in home.path.rglob("*") if file.is_file() and file.parent.name not in ("marts", "reference")
    ]
    assert written and not [file for file in written if word.encode() in file.read_bytes()]


# ---- tokens


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Basic YTpi", "Bearer 不对", "Bearer yanpan_wrong"])
def test_without_its_token_nobody_is_answered(port, bearer, header):
    given = {name: value for name, value in bearer.items() if name != "Authorization"}
    status, headers, problem = ask(port, {**given, **({"Authorization": header.encode()} if header else {})}, b"{")
    assert status == 401 and headers["WWW-Authenticate"].startswith("Bearer") and "令牌" in problem["detail"]


def test_the_life_of_a_token(home, port, monkeypatch, capsys):
    def yanpan(*arguments):
        code = cli.main(["--home", str(home.path), "--json", "token", *arguments])
        return code, json.loads(capsys.readouterr().out)

    def status(secret):
        headers = {"Authorization": f"Bearer {secret}", "Content-Type": "application/json"}
        return ask(port, headers, {"text": "路灯坏了"})

    monkeypatch.setenv("YANPAN_HOME", str(home.path))
    assert status("x")[0] == 401 and "yanpan token create" in status("x")[2]["detail"]
    code, made = yanpan("create", "--name", "业务系统", "--days", "30")
    assert code == 0 and re.fullmatch(r"yanpan_[\w-]{43}", made["token"]) and status(made["token"])[0] == 200
    assert made["expires_on"] == str(TODAY + timedelta(days=30))
    file = tokens.path()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600 and made["token"] not in file.read_text("utf-8")
    assert yanpan("create", "--name", "业务系统")[0] == 2
    assert "不合适" in yanpan("create", "--name", "a/b")[1]["error"]
    tokens.create("旧系统", -1, TODAY)
    listed = yanpan("list")[1]["tokens"]
    assert [(row["name"], row["is_expired"]) for row in listed] == [("业务系统", False), ("旧系统", True)]
    assert made["token"] not in json.dumps(listed)
    assert yanpan("revoke", "业务系统")[0] == 0 and status(made["token"])[0] == 401
    code, refused = yanpan("revoke", "业务系统")
    assert code == 2 and "现有令牌：旧系统" in refused["error"]
    file.unlink()


def test_an_expired_token_is_told_so(port, bearer):
    _, secret = tokens.create("旧系统", -1, TODAY)
    _, _, problem = ask(port, {**bearer, "Authorization": f"Bearer {secret}"}, {"text": "路灯坏了"})
    assert problem["status"] == 401 and "到期" in problem["detail"]


def test_a_torn_token_file_lets_nobody_in(port, bearer):
    tokens.path().write_text("[{", encoding="utf-8")
    status, _, problem = ask(port, bearer, {"text": "路灯坏了"})
    assert status == 401 and "读不出来" in problem["detail"]


# ---- the contract


def test_the_contract_is_openapi(port):
    """By the OpenAPI Initiative's own JSON Schema of 3.1 (2022-10-07, Apache-2.0), and each schema by its dialect."""
    spec = ask(port, {}, None, path="/openapi.json", method="GET")[2]
    assert spec == contract.SPEC
    rules = json.loads((Path(__file__).parent / "openapi_3_1.json").read_text(encoding="utf-8"))
    Draft202012Validator(rules).validate(spec)
    for name, schema in spec["components"]["schemas"].items():
        Draft202012Validator.check_schema(schema)
        assert not contract.validator(name).is_valid({})  # its references are found, and it asks for something
    named = set(re.findall(r'"#/components/(\w+/\w+)"', json.dumps(spec)))
    assert named <= {f"{kind}/{name}" for kind in ("schemas", "responses") for name in spec["components"][kind]}


def test_its_examples_are_true():
    operation = contract.SPEC["paths"]["/suggestion"]["post"]
    for example in operation["requestBody"]["content"]["application/json"]["examples"].values():
        assert not contract.faults(example["value"])
    for example in operation["responses"]["200"]["content"]["application/json"]["examples"].values():
        found = example["value"]
        contract.validator("Suggestion").validate(found)
        for one in [*found["words"], *found["facts"]]:
            assert found["redacted_text"][one["start"] : one["end"]] == one["said"]
    for response in contract.SPEC["components"]["responses"].values():
        contract.validator("Problem").validate(response["content"]["application/problem+json"]["example"])


def test_the_manual_names_every_field_and_asks_nobody_else(port):
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("GET", f"{server.API}/", headers={"Accept": "text/html"})
    text = connection.getresponse().read().decode()
    connection.close()
    assert text == manual.page() and "<script" not in text
    assert not re.findall(r"(?:src|href)=['\"]?(?:https?:)?//", text) and "url('http" not in text
    for schema in ("SuggestionRequest", "Suggestion", "Issue", "Unit", "Word", "Fact"):
        for name in contract.SPEC["components"]["schemas"][schema]["properties"]:
            assert f"<code>{name}</code>" in text
