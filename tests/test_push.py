"""Push: real receivers on loopback, reached through the real library; each message once, whatever happens."""

import base64
import hashlib
import hmac
import json
import os
import shutil
import signal
import ssl
import subprocess
import sys
import threading
import time
from collections import Counter, deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from email import message_from_string, policy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

import duckdb
import polars as pl
import pytest
import sqlalchemy as sa
from aiosmtpd.controller import Controller
from servers import free_port
from streamlit.testing.v1 import AppTest

from app import page, versions
from app.casework import cases, store
from app.parts import casework
from app.push import __main__ as push
from app.push import channels, events, outbox, sender
from app.push import settings as setting
from app.push.words import EVENTS
from pipelines import cli, redact

ROOT = Path(__file__).resolve().parents[1]
WEEK = date(2026, 11, 9)
MONDAY = datetime(2026, 11, 16, 9, 0)  # a working day, after the quiet hours
KEY, SECRET = "k3y-0f-a-gr0up", "SEC0123456789abcdef"
UNIT, OTHER_UNIT = "云溪区住房和城乡建设局", "临江区教育局"
OK = {"errcode": 0, "errmsg": "ok", "code": 0, "msg": "success"}


class Receiver:
    """An HTTP server that keeps what it was sent and answers as told: (status, body), "drop" or "hang"; then OK."""

    def __init__(self, port: int = 0, context: ssl.SSLContext | None = None):
        self.got: list[dict] = []
        self.answers: deque = deque()
        self.let_go = threading.Event()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.got.append({"path": self.path, "json": json.loads(body), "headers": dict(self.headers)})
                answer = receiver.answers.popleft() if receiver.answers else (200, OK)
                if answer == "hang":
                    receiver.let_go.wait(20)
                if isinstance(answer, str):
                    self.connection.close()
                    return
                status, said = answer
                said = said.encode() if isinstance(said, str) else json.dumps(said).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(said)))
                self.end_headers()
                self.wfile.write(said)

            def log_message(self, *_):
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_):  # a client that does not trust us, or was killed
                pass

        self.server = Server(("127.0.0.1", port), Handler)
        self.port = self.server.server_address[1]
        if context:
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def texts(self) -> list[str]:
        return [one["json"]["text"]["content"] for one in self.got]

    def address(self, path: str = f"/cgi-bin/webhook/send?key={KEY}", scheme: str = "http") -> str:
        return f"{scheme}://127.0.0.1:{self.port}{path}"

    def close(self) -> None:
        self.let_go.set()
        self.server.shutdown()
        self.server.server_close()


@contextmanager
def receiving(port: int = 0, context: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    one = Receiver(port, context)
    try:
        yield one
    finally:
        one.close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as one:
        yield one


PATHS = {
    "wecom": f"/cgi-bin/webhook/send?key={KEY}",
    "dingtalk": f"/robot/send?access_token={KEY}",
    "feishu": f"/open-apis/bot/v2/hook/{KEY}",
    "webhook": f"/api/notice?token={KEY}",
}


# ---------------------------------------------------------------- channels


def test_bots_say_it_as_their_service_wants_it(receiver):
    for of in ("wecom", "dingtalk", "feishu"):
        channels.send(receiver.address(PATHS[of]), "题目", "正文", secret="" if of == "wecom" else SECRET)
    wecom, dingtalk, feishu = receiver.got
    assert wecom["path"] == PATHS["wecom"]
    assert wecom["json"] == {"msgtype": "text", "text": {"content": "题目\n正文"}}
    asked = parse_qs(urlsplit(dingtalk["path"]).query)
    at = asked["timestamp"][0]
    expected = hmac.new(SECRET.encode(), f"{at}\n{SECRET}".encode(), hashlib.sha256).digest()
    assert base64.b64decode(asked["sign"][0]) == expected and asked["access_token"] == [KEY]
    assert abs(int(at) / 1000 - time.time()) < 60
    at = feishu["json"]["timestamp"]
    expected = hmac.new(f"{at}\n{SECRET}".encode(), b"", hashlib.sha256).digest()
    assert base64.b64decode(feishu["json"]["sign"]) == expected
    assert feishu["json"]["content"] == {"text": "题目\n正文"} and feishu["json"]["msg_type"] == "text"


def test_a_webhook_gets_json_and_a_key_to_tell_repeats_by(receiver):
    about = {"event": "new", "level": "red", "signal_id": "a1", "url": "http://x/warning?id=a1", "key": "new|a1"}
    for _ in range(2):
        channels.send(receiver.address(PATHS["webhook"]), "题目", "正文", about=about)
    first, second = receiver.got
    assert first["path"] == PATHS["webhook"]
    assert (
        first["json"] | about == first["json"]
        and first["json"]["title"] == "题目"
        and first["json"]["message"] == "正文"
    )
    assert first["headers"]["Idempotency-Key"] == second["headers"]["Idempotency-Key"]


@pytest.mark.parametrize("of", PATHS)
def test_what_was_surely_not_delivered_is_refused_and_all_else_unclear(receiver, of, monkeypatch):
    monkeypatch.setattr(channels, "TIMEOUT_SECONDS", (2, 0.3))
    refused = {"503": (503, "busy"), "429": (429, "slow down"), "404": (404, "")}
    unclear = {"504": (504, ""), "dropped": "drop", "no answer": "hang"}
    if of != "webhook":
        refused["code"] = (200, {"errcode": 93000, "code": 93000, "errmsg": f"invalid {KEY}"})
        unclear["another format"] = (200, "<html>请登录</html>")
    for answers, error in ((refused, channels.Refused), (unclear, channels.Unclear)):
        for name, answer in answers.items():
            receiver.answers.append(answer)
            with pytest.raises(error) as said:
                channels.send(receiver.address(PATHS[of]), "题目", "正文")
            assert KEY not in str(said.value) and "127.0.0.1" not in str(said.value), name
            assert str(said.value).endswith("。")
    assert len(receiver.got) == len(refused) + len(unclear)  # apprise did not try again by itself
    with pytest.raises(channels.Refused, match="连接不上"):
        channels.send(f"http://127.0.0.1:{free_port()}{PATHS[of]}", "题目", "正文")


@pytest.fixture(scope="session")
def certificate(tmp_path_factory) -> tuple[Path, Path]:
    """Certificate and key of 127.0.0.1, signed by nobody."""
    if shutil.which("openssl") is None:
        assert os.environ.get("CI") != "true", "本机没有 openssl"
        pytest.skip("本机没有 openssl，跳过")
    folder = tmp_path_factory.mktemp("tls")
    made = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-days",
        "2",
    ]
    made += ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"]
    subprocess.run([*made, "-out", folder / "cert.pem", "-keyout", folder / "key.pem"], check=True, capture_output=True)
    return folder / "cert.pem", folder / "key.pem"


def test_tls_needs_a_certificate_that_is_trusted(certificate, monkeypatch):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    with receiving(context=context) as one:
        for of in PATHS:
            with pytest.raises(channels.Refused, match="证书不受信任"):
                channels.send(one.address(PATHS[of], "https"), "题目", "正文")
        assert one.got == []
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate[0]))  # the office's own authority
        for of in PATHS:
            channels.send(one.address(PATHS[of], "https"), "题目", "正文")
        assert [item["path"] for item in one.got] == list(PATHS.values())


class Mailbox:
    """What the SMTP server does: keeps mails; refuses what `refusal` says; drops the line after the text."""

    def __init__(self):
        self.mails, self.refusal, self.at_rcpt, self.drops = [], None, None, False

    async def handle_RCPT(self, server, session, envelope, address, options):
        if self.at_rcpt:
            return self.at_rcpt
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        self.mails.append((envelope.rcpt_tos, envelope.content.decode()))
        if self.drops:
            server.transport.abort()
        return self.refusal or "250 OK"


def test_mail_goes_through_a_real_smtp_server():
    box, port = Mailbox(), free_port()
    to = f"mailto://127.0.0.1:{port}?from=yanpan@office.example&to=duty@office.example"
    server = Controller(box, hostname="127.0.0.1", port=port)
    server.start()
    try:
        channels.send(to, "【研判】红色预警", "正文一\n详情：http://x/warning?id=a1")
        mail = message_from_string(box.mails[0][1], policy=policy.default)
        assert mail["Subject"] == "【研判】红色预警" and box.mails[0][0] == ["duty@office.example"]
        assert mail.get_content_type() == "text/plain" and "正文一" in mail.get_content()
        for said in ({"refusal": "451 try later"}, {"at_rcpt": "550 nobody here"}):
            vars(box).update({"refusal": None, "at_rcpt": None, **said})
            with pytest.raises(channels.Refused, match=r"451|550"):
                channels.send(to, "题", "文")
        vars(box).update({"refusal": None, "at_rcpt": None, "drops": True})
        with pytest.raises(channels.Unclear):
            channels.send(to, "题", "文")
    finally:
        server.stop()
    with pytest.raises(channels.Refused, match="连接不上"):
        channels.send(to, "题", "文")


def test_mail_by_tls_needs_a_certificate_that_is_trusted(certificate, monkeypatch):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    box, port = Mailbox(), free_port()
    to = f"mailtos://127.0.0.1:{port}?mode=ssl&from=yanpan@office.example&to=duty@office.example"
    server = Controller(box, hostname="127.0.0.1", port=port, ssl_context=context)
    server.start()
    try:
        with pytest.raises(channels.Refused, match="证书不受信任"):
            channels.send(to, "题", "文")
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
        channels.send(to, "题", "文")
        assert len(box.mails) == 1
    finally:
        server.stop()


# ---------------------------------------------------------------- settings

BASE = 'base_url = "http://10.1.2.3:8501/"\n'
ONE = f'[[recipient]]\nname = "群"\nrole = "office"\nchannel = "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key={KEY}"\n'


def written(home: Path, text: str) -> Path:
    home.mkdir(exist_ok=True)
    (home / setting.FILE).write_text(text, encoding="utf-8")
    (home / setting.FILE).chmod(0o600)
    return home


@pytest.mark.parametrize(
    ("text", "key"),
    [
        (ONE, "base_url"),
        ('base_url = "dashboard"\n' + ONE, "base_url"),
        (BASE, "recipient"),
        (BASE + ONE + 'colour = "red"', r"recipient\[1\].colour"),
        (BASE + ONE.replace("office", "boss"), r"recipient\[1\].role"),
        (BASE + ONE + 'levels = ["red", "pink"]', r"recipient\[1\].levels"),
        (BASE + ONE + 'digest = "hourly"', r"recipient\[1\].digest"),
        (BASE + ONE + 'quiet = ["21:00"]', r"recipient\[1\].quiet"),
        (BASE + ONE + 'units = ["某局"]', r"recipient\[1\].units"),
        (BASE + ONE.replace("office", "unit"), r"recipient\[1\].units"),
        (BASE + ONE + ONE, r"recipient\[2\].name"),
        (BASE + ONE.split("channel")[0] + 'channel = "env:NOT_SET"', r"recipient\[1\].channel.*NOT_SET"),
        (BASE + ONE.replace("https:", "env:"), r"recipient\[1\].channel"),
        (BASE + ONE + 'secret = "file:/no/such/file"', r"recipient\[1\].secret"),
        (BASE + ONE + 'secret = "SECx"', r"recipient\[1\].channel"),
        (BASE + ONE.replace("https://qyapi.weixin.qq.com", "nothing://x"), r"recipient\[1\].channel"),
        ("base_url = ", "TOML"),
    ],
)
def test_a_wrong_file_is_told_in_one_sentence_with_the_key(tmp_path, text, key):
    with pytest.raises(setting.BadSetting, match=key) as error:
        sender.check(setting.read(written(tmp_path, text)))
    assert KEY not in str(error.value) and "\n" not in str(error.value) and str(error.value).endswith("。")


def test_secrets_come_from_elsewhere_and_are_never_shown(tmp_path, monkeypatch):
    (tmp_path / "ding").write_text(f"{SECRET}\n")
    (tmp_path / "ding").chmod(0o644)
    monkeypatch.setenv("GROUP", f"https://ding.office.example/robot/send?access_token={KEY}")
    text = BASE + '[[recipient]]\nname = "群"\nrole = "leader"\nchannel = "env:GROUP"\n'
    settings = setting.read(written(tmp_path, text + f'secret = "file:{tmp_path}/ding"'))
    one = settings.recipients[0]
    assert one.secret == SECRET and KEY in one.channel and channels.kind(one.channel) == "dingtalk"
    assert KEY not in repr(settings) and SECRET not in repr(settings)
    assert settings.base_url == "http://10.1.2.3:8501"
    assert len(settings.remarks) == 1 and "chmod 600" in settings.remarks[0] and "ding" in settings.remarks[0]


def test_the_example_is_right(tmp_path, monkeypatch):
    monkeypatch.setenv("YANPAN_WECOM", f"https://wx.office.example/cgi-bin/webhook/send?key={KEY}")
    (tmp_path / "secret").write_text(SECRET)
    text = (ROOT / "docs" / "push.example.toml").read_text(encoding="utf-8")
    settings = setting.read(written(tmp_path, text.replace("/etc/yanpan/dingtalk.secret", f"{tmp_path}/secret")))
    sender.check(settings)
    assert [channels.kind(one.channel) for one in settings.recipients] == [
        "wecom",
        "dingtalk",
        "feishu",
        "email",
        "webhook",
    ]


@pytest.mark.parametrize(
    ("words", "level", "now", "expected"),
    [
        ({}, "red", "16 09:00", "16 09:00"),
        ({}, "red", "16 22:10", "17 07:30"),
        ({}, "red", "16 03:00", "16 07:30"),
        ({"urgent": True}, "red", "16 22:10", "16 22:10"),
        ({"urgent": True}, "orange", "16 22:10", "17 07:30"),
        ({"quiet": None}, "red", "16 22:10", "16 22:10"),
        ({"digest": "daily 08:30"}, "red", "16 08:00", "16 08:30"),
        ({"digest": "daily 08:30"}, "red", "16 09:00", "17 08:30"),
        ({"digest": "daily 06:00"}, "red", "16 05:00", "16 07:30"),
        ({"digest": "weekly"}, "red", "18 09:00", "23 08:00"),
        ({"digest": "weekly", "urgent": True}, "red", "18 09:00", "18 09:00"),
    ],
)
def test_when_a_message_may_go(words, level, now, expected):
    quiet = setting._quiet(setting.QUIET, "quiet")
    one = setting.Recipient("群", "office", "x", **{"quiet": quiet, **words})
    day = lambda text: datetime.fromisoformat(f"2026-11-{text}")  # noqa: E731
    assert one.release(day(now), level) == day(expected)


# ---------------------------------------------------------------- warnings and cases, told


class Clock:
    def __init__(self, now: datetime = MONDAY):
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def wait(self, **words) -> None:
        self.now += timedelta(**words)


@pytest.fixture
def home(demo_home, tmp_path) -> Path:
    """A home with a copy of the demo city's marts; `warn` writes its warnings."""
    folder = tmp_path / "home"
    (folder / "marts").mkdir(parents=True)
    name = demo_home.current.read_text().strip()
    shutil.copy(demo_home.marts / name, folder / "marts" / name)
    (folder / "marts" / "CURRENT").write_text(name)
    return folder


def a_warning(signal_id: str = "a1", **words) -> dict:
    about = {
        "signal_id": signal_id, "week_start_on": WEEK, "signal_level": "red", "title": f"云溪区和平街道 供暖{signal_id}",
        "kind": "excess", "kinds": "excess", "place_level": "town", "place_code": "990101001", "place_name": "和平街道",
        "county_code": "990101", "issue_code": "1304", "issue_name": "供暖", "unit_name": None, "observed": 107,
        "n_weeks": 1, "rank": 1, "responsible_unit": UNIT, "responsible_basis": "职责清单",
        "sentence": f"云溪区和平街道“供暖”本周 107 件，按往年应在 18 件左右（编号 {signal_id}）。",
    }  # fmt: skip
    return about | words


def warn(home: Path, *signals: dict, last_full_week: date = WEEK) -> None:
    """The marts warn of these and of nothing else."""
    path = home / "marts" / (home / "marts" / "CURRENT").read_text()
    with duckdb.connect(path) as connection:
        connection.execute("delete from signal")
        for one in signals:
            columns, marks = ", ".join(one), ", ".join(f"${name}" for name in one)
            connection.execute(f"insert into signal ({columns}) values ({marks})", one)
        connection.execute("update meta set value = $week where key = 'last_full_week'", {"week": str(last_full_week)})


def recipients(*rows: dict, base_url: str = "http://10.1.2.3:8501") -> setting.Settings:
    quiet = setting._quiet(setting.QUIET, "quiet")
    return setting.Settings(base_url, tuple(setting.Recipient(**{"quiet": quiet, **row}) for row in rows))


def to(receiver: Receiver, name: str = "研判群", role: str = "office", **words) -> dict:
    return {"name": name, "role": role, "channel": receiver.address(f"/{name}{PATHS['wecom']}"), **words}


def heads(receiver: Receiver, name: str = "") -> list[str]:
    """First lines of what a recipient got."""
    mine = [one for one in receiver.got if one["path"].startswith(f"/{quote(name)}")]
    return [one["json"]["text"]["content"].split("\n")[0].removeprefix("【研判】") for one in mine]


def step(signal_id: str, action: str, at: datetime, **words) -> None:
    before = cases.case(signal_id)
    role = words.pop("role", "office")
    cases.act(
        words.pop("signal", a_warning(signal_id)), action, role=role, expected_seq=before.seq,
        request_id=f"{signal_id}-{before.seq}-{action}", at=at, **words,
    )  # fmt: skip


def statuses() -> Counter:
    return Counter(row["status"] for row in outbox.newest())


def test_a_warning_is_told_once_with_sentence_level_unit_and_link(home, receiver):
    warn(home, a_warning("a1"), a_warning("a2", signal_level="blue", county_code="990102"))
    settings = recipients(
        to(receiver), to(receiver, "区领导", "leader", area=("云溪区",)), to(receiver, "红色", levels=("red",)),
        to(receiver, "住建局", "unit", units=(UNIT,)),
    )  # fmt: skip
    clock = Clock()
    for _ in range(3):
        sender.run(settings, clock=clock)
        clock.wait(hours=3)
    assert Counter(len(heads(receiver, name)) for name in ("研判群", "区领导", "红色", "住建局")) == {2: 1, 1: 2, 0: 1}
    assert heads(receiver, "区领导") == ["红色预警 云溪区和平街道 供暖a1"]
    text = receiver.texts()[0]
    for part in (
        "本周 107 件",
        "2026年第46周",
        f"建议承办：{UNIT}（职责清单）",
        "详情：http://10.1.2.3:8501/warning?id=a1",
    ):
        assert part in text
    # the same story a week later is no news; a graver level is, once
    warn(home, a_warning("a1", week_start_on=WEEK + timedelta(7)), a_warning("a2", signal_level="orange"),
         a_warning("a2", signal_level="orange", week_start_on=WEEK + timedelta(7)), last_full_week=WEEK + timedelta(7))  # fmt: skip
    receiver.got.clear()
    for _ in range(2):
        sender.run(settings, clock=clock)
    assert heads(receiver, "研判群") == ["预警升为橙色 云溪区和平街道 供暖a2"]
    assert len(heads(receiver, "区领导")) == 1  # to whom it was not theirs before: new
    assert statuses() == {"sent": len(outbox.newest())}


def test_what_is_being_handled_is_not_told_anew(home, receiver):
    """Nor what an open case covers; what comes again after 销号 is."""
    nested = a_warning("b2", place_code="990101", place_level="county", place_name="云溪区")
    warn(home, a_warning("b1"), nested, a_warning("b3", place_code="990102001", county_code="990102"))
    step("b1", "push", MONDAY - timedelta(days=30), to_unit=UNIT)
    settings, clock = recipients(to(receiver)), Clock()
    sender.run(settings, clock=clock)
    assert [head for head in heads(receiver) if "预警" in head] == ["红色预警 云溪区和平街道 供暖b3"]
    at = MONDAY - timedelta(days=29)
    for action, words in (("sign", {}), ("measure", {"note": "抢修"}), ("reply", {"note": "已修复"})):
        step("b1", action, at, role="unit", unit=UNIT, **words)
    step("b1", "close", at, note="核实", finding="confirmed")
    receiver.got.clear()
    sender.run(settings, clock=clock)
    sender.run(settings, clock=clock)
    assert "销号后又出现（红色） 云溪区和平街道 供暖b1" in heads(receiver)
    assert Counter(heads(receiver)).most_common(1)[0][1] == 1


def test_steps_go_to_whom_they_concern_and_notes_stay_on_the_page(home, receiver):
    warn(home, a_warning("c1"))
    settings = recipients(
        to(receiver), to(receiver, "领导", "leader"), to(receiver, "住建局", "unit", units=(UNIT,)),
        to(receiver, "教育局", "unit", units=(OTHER_UNIT,)),
    )  # fmt: skip
    clock = Clock()
    sender.run(settings, clock=clock)

    def told(action: str, **words) -> dict[str, list[str]]:
        receiver.got.clear()
        clock.wait(minutes=5)
        step("c1", action, clock(), **words)
        sender.run(settings, clock=clock)
        return {name: said for name in ("研判群", "领导", "住建局", "教育局") if (said := heads(receiver, name))}

    theirs = {"role": "unit", "unit": OTHER_UNIT}
    title = "云溪区和平街道 供暖c1"
    assert told("push", to_unit=UNIT) == {"住建局": [f"推送 {title}"]}
    assert "研判中心推送，请云溪区住房和城乡建设局办理。\n下一步：签收，期限 2026年11月17日。" in receiver.texts()[0]
    assert "本周 107 件" in receiver.texts()[0]
    assert told("transfer", to_unit=OTHER_UNIT, note="职责在教育局") == {"教育局": [f"转办 {title}"]}
    assert told("sign", **theirs) == {}
    assert told("measure", note="张三已到现场", **theirs) == {}
    assert told("reply", note="已修复", **theirs) == {"研判群": [f"反馈 {title}"]}
    assert told("return", note="还有两户") == {"教育局": [f"退回重办 {title}"]}
    assert told("reply", note="两户已恢复", **theirs) == {"研判群": [f"反馈 {title}"]}
    assert told("close", note="核实", finding="confirmed") == {"领导": [f"销号 {title}"], "教育局": [f"销号 {title}"]}
    first, second = [row["body"] for row in outbox.newest() if row["event"] == "reply"][::-1]
    assert first.startswith("11月16日 09:25，临江区教育局已反馈") and second.startswith(
        "11月16日 09:35，临江区教育局已反馈"
    )
    for note in ("职责在教育局", "张三", "已修复", "还有两户", "核实"):
        assert note not in "".join(row["body"] + row["subject"] for row in outbox.newest())


THEIRS = {"role": "unit", "unit": UNIT}
HANDLED = (("push", {"to_unit": UNIT}), ("sign", THEIRS), ("measure", {"note": "抢修", **THEIRS}), ("reply", {"note": "已修复", **THEIRS}))  # fmt: skip


def walk(signal_id: str, at: datetime, *steps: tuple[str, dict]) -> None:
    for n, (action, words) in enumerate(steps):
        step(signal_id, action, at + timedelta(minutes=n), **words)


def everybody(receiver: Receiver) -> setting.Settings:
    return recipients(to(receiver), to(receiver, "领导", "leader"), to(receiver, "住建局", "unit", units=(UNIT,)))


def told_to(receiver: Receiver) -> dict[str, list[str]]:
    """Who got which events, by the first words."""
    names = ("研判群", "领导", "住建局")
    return {name: said for name in names if (said := [head.split()[0] for head in heads(receiver, name)])}


def test_many_steps_at_once_are_told_by_the_newest(home, receiver):
    warn(home)
    back = ("return", {"note": "还有两户"})
    walk("y1", MONDAY, *HANDLED, back, HANDLED[3], ("close", {"note": "核实", "finding": "confirmed"}))
    walk("y2", MONDAY, *HANDLED, ("comment", {"role": "leader", "note": "抓紧"}), back)
    walk("y3", MONDAY, *HANDLED[:1], ("comment", {"role": "leader", "note": "抓紧"}), ("dismiss", {"reason": "chance"}))
    walk("y4", MONDAY, *HANDLED[:1], ("dismiss", {"reason": "chance"}), ("reopen", {}), ("remind", {}))
    shown = [
        one["subject"].split()[0]
        for one in sender.preview(everybody(receiver), clock=Clock(MONDAY + timedelta(hours=1)))
    ]
    sender.run(everybody(receiver), clock=Clock(MONDAY + timedelta(hours=1)))
    assert told_to(receiver) == {
        "研判群": ["批示"],
        "领导": ["销号", "误报"],
        "住建局": ["销号", "批示", "退回重办", "误报", "重开", "催办"],
    }
    assert len(shown) == len(receiver.got)


def test_what_is_overtaken_while_it_waits_is_not_sent(home, receiver):
    warn(home, a_warning("z1"), a_warning("z2", place_code="990102001", county_code="990102"))
    settings, night = everybody(receiver), datetime(2026, 11, 16, 22)
    walk("z1", night - timedelta(days=1), *HANDLED[:3])
    walk("z1", night, HANDLED[3], ("comment", {"role": "leader", "note": "抓紧"}))
    assert sender.run(settings, clock=Clock(night + timedelta(minutes=5)))["sent"] == 0
    assert {row["event"] for row in outbox.newest()} == {"reply", "comment", "new"}
    walk("z1", night + timedelta(hours=1), ("close", {"note": "核实", "finding": "confirmed"}))
    walk("z2", night + timedelta(hours=1), ("push", {"to_unit": UNIT}))
    morning = Clock(night + timedelta(hours=10))
    n_shown = len(sender.preview(settings, clock=morning))
    assert sender.run(settings, clock=morning)["suppressed"] == 4  # reply; comment, twice; to the office, the new one
    assert told_to(receiver) == {"领导": ["红色预警", "销号"], "住建局": ["销号", "推送", "即将到期"]}
    assert n_shown == len(receiver.got)


def test_of_the_reminders_that_waited_the_last_is_sent(home):
    warn(home)
    step("x1", "push", MONDAY, to_unit=UNIT)
    port = free_port()
    channel = f"http://127.0.0.1:{port}{PATHS['wecom']}"
    settings = recipients({"name": "住建局", "role": "unit", "units": (UNIT,), "channel": channel})
    for day in (17, 18, 19):
        sender.run(settings, clock=Clock(datetime(2026, 11, day, 9)))
    with receiving(port) as receiver:
        sender.run(settings, clock=Clock(datetime(2026, 11, 19, 16)))
        assert [text.split("\n")[0].split()[0] for text in receiver.texts()] == ["【研判】推送", "【研判】已超期"]
        assert "已超期 2 个工作日" in receiver.texts()[1]


def test_pages_count_the_working_days_that_messages_count(home, receiver, monkeypatch):
    """签收 was due on Friday the 20th: on the weekend it is late and no working day has passed."""
    warn(home)
    step("w1", "push", datetime(2026, 11, 19, 9), to_unit=UNIT)
    said = {}
    for day in (18, 19, 20, 21, 23, 24):
        monkeypatch.setattr(page, "today", lambda day=day: date(2026, 11, day))
        said[day] = casework.days_left(date(2026, 11, 20))
    assert list(said.values()) == [
        "还有 2 个工作日", "还有 1 个工作日", "今天到期", "已超期", "已超期 1 个工作日", "已超期 2 个工作日",
    ]  # fmt: skip
    for day in (23, 24):
        receiver.got.clear()
        sender.run(everybody(receiver), clock=Clock(datetime(2026, 11, day, 9)))
        assert f"，{said[day]}。" in receiver.texts()[-1]


def test_reminders_before_and_after_the_deadline_once_a_day(home, receiver):
    warn(home, a_warning("d1"))
    settings = recipients(to(receiver), to(receiver, "住建局", "unit", units=(UNIT,)))
    step("d1", "push", MONDAY, to_unit=UNIT)  # 签收 by Tuesday the 17th
    seen = []
    for day in range(16, 24):
        for hour in (9, 15):
            receiver.got.clear()
            sender.run(settings, clock=Clock(datetime(2026, 11, day, hour)))
            seen += [(day, hour, head.split()[0]) for head in heads(receiver, "住建局")]
    assert seen == [
        (16, 9, "推送"), (17, 9, "即将到期"), (18, 9, "已超期"), (19, 9, "已超期"), (20, 9, "已超期"), (23, 9, "已超期"),
    ]  # fmt: skip
    # planned in the night, done before the morning: of no use any more
    sender.run(settings, clock=Clock(datetime(2026, 11, 24, 3)))
    step("d1", "sign", datetime(2026, 11, 24, 7), role="unit", unit=UNIT)
    receiver.got.clear()
    sender.run(settings, clock=Clock(datetime(2026, 11, 24, 7, 31)))
    assert statuses()["suppressed"] == 1
    assert [text.split("\n")[1][-19:] for text in receiver.texts()] == [
        "2026年11月19日前处置，已超期 3 个工作日。"[-19:]
    ]


def test_a_case_that_went_to_another_unit_overnight_is_not_told_the_first(home, receiver):
    warn(home, a_warning("e1"))
    settings = recipients(
        to(receiver, "住建局", "unit", units=(UNIT,)), to(receiver, "教育局", "unit", units=(OTHER_UNIT,))
    )
    night = datetime(2026, 11, 16, 22)
    step("e1", "push", night, to_unit=UNIT)
    assert sender.run(settings, clock=Clock(night))["sent"] == 0
    step("e1", "transfer", night + timedelta(minutes=5), to_unit=OTHER_UNIT, note="职责")
    sender.run(settings, clock=Clock(night + timedelta(hours=10)))
    assert "转办" in heads(receiver, "教育局")[0] and heads(receiver, "住建局") == []


def test_quiet_hours_hold_all_but_urgent_red(home, receiver):
    warn(home, a_warning("f1"), a_warning("f2", signal_level="orange"))
    settings = recipients(to(receiver), to(receiver, "值班", urgent=True))
    clock = Clock(datetime(2026, 11, 16, 23))
    for _ in range(8):
        sender.run(settings, clock=clock)
        clock.wait(hours=1)
    assert heads(receiver) == ["红色预警 云溪区和平街道 供暖f1"]  # 值班, until 06:00
    clock.wait(hours=1)
    sender.run(settings, clock=clock)
    assert len(receiver.got) == 4 and len(set(receiver.texts())) == 2


def test_a_digest_is_one_message(home, receiver):
    warn(home, *[a_warning(f"g{n}", rank=n) for n in range(9)])
    settings = recipients(to(receiver, digest="daily 08:30"), to(receiver, "周报", "leader", digest="weekly"))
    clock = Clock()
    assert sender.run(settings, clock=clock)["sent"] == 1  # the week, which began at Monday 08:00
    assert heads(receiver, "周报") == ["2026年第46周（11月9日—11月15日）汇总"]
    week = receiver.texts()[0]
    assert ("预警 9 条（红 9）。\n办理中：没有；超期 0。" in week and "9. 红" in week) or "未完" in week
    clock.wait(days=1)
    assert sender.run(settings, clock=clock)["sent"] == 9
    assert heads(receiver, "研判群") == ["汇总 9 条"] and len(receiver.got) == 2
    text = receiver.texts()[1]
    assert len(text.encode()) <= 2048 and text.endswith("详情：http://10.1.2.3:8501/warnings")
    n_shown = text.count("红色预警")
    assert 0 < n_shown < 9 and f"另有 {9 - n_shown} 条，见详情。" in text


def test_the_week_lists_what_is_alive_and_counts_what_ended(home, receiver):
    places = [("990101001", "990101"), ("990102001", "990102"), ("990103001", "990103"), ("990104001", "990104")]
    warn(home, *[a_warning(f"v{n}", rank=n, place_code=town, county_code=county) for n, (town, county) in enumerate(places)],
         a_warning("v9", rank=9, place_code="990101", place_level="county", signal_level="orange"))  # fmt: skip
    walk("v0", MONDAY - timedelta(days=3), *HANDLED[:2])
    walk("v1", MONDAY - timedelta(hours=1), *HANDLED, ("close", {"note": "核实", "finding": "confirmed"}))
    walk("v2", MONDAY - timedelta(hours=1), *HANDLED[:1], ("dismiss", {"reason": "chance"}))
    sender.run(recipients(to(receiver, digest="weekly")), clock=Clock())
    (text,) = [text for text in receiver.texts() if "汇总" in text]
    assert "预警 3 条（红 2、橙 1）。已结束的不再列出：已销号 1、误报 1。\n办理中：已签收 1；超期 0。" in text
    listed = [line for line in text.split("\n") if line[:3] in ("1. ", "2. ", "3. ", "4. ")]
    assert [line[3:].split("：")[0] for line in listed] == ["红 已签收", "红 待推送", "橙 办理中的同一件事"]
    assert [line.split("编号 ")[1][:2] for line in listed] == ["v0", "v3", "v9"]


def test_long_texts_keep_their_link_and_end_with_a_sentence(home, receiver):
    warn(home, a_warning("h1", sentence="供暖问题集中反映。" * 200))
    sender.run(recipients(to(receiver)), clock=Clock())
    text = receiver.texts()[0]
    assert 1900 < len(text.encode()) <= 2048
    assert text.endswith("供暖问题集中反映。\n（未完，见详情）\n详情：http://10.1.2.3:8501/warning?id=h1")


def test_small_counts_and_secrets_and_persons_are_nowhere(home, receiver, monkeypatch, capfd, caplog):
    small = a_warning("i1", issue_code="1002", observed=7, sentence="某街道“医疗”本周 7 件，应在 1 件左右。")
    warn(home, small, a_warning("i2"))
    receiver.answers.extend([(200, {"errcode": 93000, "errmsg": f"invalid {KEY}"}), "drop"])
    ding = {**to(receiver, "钉钉群"), "channel": receiver.address(PATHS["dingtalk"]), "secret": SECRET}
    sender.run(recipients(to(receiver), ding), clock=Clock())
    with store.reading() as connection:
        rows = [str(value) for row in connection.execute(sa.select(store.delivery)) for value in row]
    everything = "\n".join([*rows, *capfd.readouterr(), caplog.text])
    assert KEY not in everything and SECRET not in everything and "127.0.0.1" not in everything
    sent = "\n".join(receiver.texts())
    assert "不足 10 件" in sent and "本周 7 件" not in sent
    assert redact.residual(pl.Series(receiver.texts())).is_empty()


# ---------------------------------------------------------------- nothing lost, nothing twice


def test_a_receiver_that_is_down_for_an_hour(home):
    warn(home, *[a_warning(f"j{n}") for n in range(3)])
    port, clock = free_port(), Clock()
    settings = recipients({"name": "群", "role": "office", "channel": f"http://127.0.0.1:{port}{PATHS['wecom']}"})
    for _ in range(20):
        sender.run(settings, clock=clock)
        clock.wait(minutes=3)
    rows = outbox.newest()
    assert statuses() == {"pending": 3} and {row["last_error"] for row in rows} == {"连接不上对方。"}
    assert all(5 <= row["attempts"] <= 7 for row in rows)  # at about 0, 1, 3, 7, 15, 31 minutes
    with receiving(port) as receiver:
        receiver.answers.extend([(503, ""), (429, "")])  # and it stutters
        for _ in range(14):
            sender.run(settings, clock=clock)
            clock.wait(minutes=10)
        assert statuses() == {"sent": 3}
        assert Counter(text.split("\n")[0] for text in receiver.texts()[2:]) == Counter(
            f"【研判】红色预警 云溪区和平街道 供暖j{n}" for n in range(3)
        )


def test_after_about_a_day_it_has_failed_and_can_be_sent_again(home):
    warn(home, a_warning("k1"))
    port, clock = free_port(), Clock()
    settings = recipients(
        {"name": "群", "role": "office", "channel": f"http://127.0.0.1:{port}{PATHS['wecom']}", "quiet": None}
    )
    while (statuses() or {"pending": 1})["pending"]:
        sender.run(settings, clock=clock)
        clock.wait(minutes=40)
    assert timedelta(hours=18) < clock() - MONDAY < timedelta(hours=36)
    (row,) = outbox.newest()
    assert row["status"] == "failed" and row["attempts"] == outbox.MAX_ATTEMPTS
    with receiving(port) as receiver:
        sender.run(settings, clock=clock)
        assert receiver.got == []  # not by itself
        assert outbox.resend(row["id"], clock()) is None
        sender.run(settings, clock=clock)
        assert len(receiver.got) == 1 and "已发送" in outbox.resend(row["id"], clock())
        assert "没有编号为 99" in outbox.resend(99, clock())


def test_a_dry_run_writes_and_sends_nothing(home, receiver):
    warn(home, a_warning("l1"))
    shown = sender.preview(recipients(to(receiver)), clock=Clock())
    assert [one["subject"] for one in shown] == ["【研判】红色预警 云溪区和平街道 供暖l1"]
    assert shown[0]["body"].endswith("/warning?id=l1")
    assert receiver.got == [] and outbox.newest() == []


def write_settings(home: Path, receiver: Receiver) -> None:
    written(home, BASE + "quiet = []\n" + ONE.replace("https://qyapi.weixin.qq.com", receiver.address("")))


def pushing(home: Path, *words: str, module: str = "app.push") -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", module, *words], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        encoding="utf-8", env={**os.environ, "YANPAN_HOME": str(home), "OPENBLAS_NUM_THREADS": "1"},
    )  # fmt: skip


def test_two_processes_at_once_one_of_them_killed_in_the_middle(home, receiver):
    """kill -9 while the receiver has a message and has not answered: the other one sends the rest, nothing comes twice."""
    warn(home, *[a_warning(f"m{n}") for n in range(12)])
    write_settings(home, receiver)
    receiver.answers.extend([(200, OK)] * 5 + ["hang"])
    processes = [pushing(home), pushing(home)]
    while all(one.poll() is None for one in processes):
        time.sleep(0.02)
    killed, done = sorted(processes, key=lambda one: one.returncode is not None)
    said, errors = done.communicate()
    assert done.returncode == 0, errors
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    receiver.let_go.set()
    assert Counter(receiver.texts()).most_common(1)[0][1] == 1 and len(receiver.got) == 12
    assert statuses() == {"sent": 11, "sending": 1} and KEY not in said + errors

    settings = setting.read(home)
    later = lambda **words: lambda: datetime.now() + timedelta(**words)  # noqa: E731
    sender.run(settings, clock=later(minutes=1))
    assert statuses() == {"sent": 11, "sending": 1}  # somebody may be at it
    assert sender.run(settings, clock=later(minutes=11))["unclear"] == 1
    (row,) = [row for row in outbox.newest() if row["status"] == "unclear"]
    assert row["last_error"] == outbox.DIED and len(receiver.got) == 12
    outbox.resend(row["id"], datetime.now())
    assert sender.run(settings, clock=later(minutes=12))["sent"] == 1 and len(receiver.got) == 13


def test_many_senders_on_postgresql(home, receiver, postgres_state, monkeypatch):
    monkeypatch.setenv("YANPAN_STATE", postgres_state)
    warn(home, *[a_warning(f"n{n}") for n in range(12)])
    settings = recipients(to(receiver), to(receiver, "日报", digest="daily 08:30"))
    with ThreadPoolExecutor(6) as pool:
        counts = list(pool.map(lambda _: sender.run(settings, clock=Clock()), range(6)))
    assert sum(one["planned"] for one in counts) == 24 and sum(one["sent"] for one in counts) == 12
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda _: sender.run(settings, clock=Clock(MONDAY + timedelta(days=1))), range(6)))
    assert statuses() == {"sent": 24}
    assert Counter(heads(receiver, "研判群")).most_common(1)[0][1] == 1 and len(heads(receiver, "研判群")) == 12
    told = [
        one["json"]["text"]["content"] for one in receiver.got if "%E6%97%A5" in one["path"]
    ]  # 日报: 1 or more parts
    n_told = [
        int(text.split("\n")[0].removeprefix("【研判】汇总 ").removesuffix(" 条") if "汇总" in text else 1)
        for text in told
    ]
    assert sum(n_told) == 12
    receiver.answers.append("drop")
    warn(home, a_warning("n99"))
    assert sender.run(recipients(to(receiver)), clock=Clock(MONDAY + timedelta(days=1)))["unclear"] == 1


def test_what_one_run_answers(home, receiver, capfd):
    """A mistake, a look ahead, a test message, a row that cannot be sent again."""

    def answer(*words: str) -> dict:
        code = push.main(list(words))
        said = json.loads(capfd.readouterr().out)
        assert said.get("exit_code", 0) == code
        return said

    warn(home, a_warning("o1"))
    assert "没有推送设置" in answer()["error"]
    write_settings(home, receiver)
    assert "共 1 条；只是预览" in answer("--dry-run")["text"] and receiver.got == []
    outbox.plan(
        events.collect(setting.read(home), events.scene(versions.current_version()), datetime.now()), datetime.now()
    )
    assert answer("--test")["result"]["sent"] == 1 and "测试消息" in receiver.texts()[0]
    assert statuses() == {"sent": 1, "pending": 1}  # the warning waits
    assert answer()["result"]["sent"] == 1 and "红色预警" in receiver.texts()[1]
    assert "只有未送达和不确定的可以重发" in answer("--resend=1")["error"]
    assert answer()["text"] == "没有要推送的。"


def test_every_few_seconds_until_told_to_stop(home, receiver):
    """Through the command: what stops it stops its other half, too, after the message it is at."""
    warn(home, a_warning("p1"))
    write_settings(home, receiver)
    with pushing(home, "push", "--every=1", "--json", module="pipelines.cli") as process:
        while not receiver.got:
            assert process.poll() is None, process.stderr.read()
            time.sleep(0.02)
        process.terminate()
        said, _ = process.communicate()
    assert process.returncode == 0 and json.loads(said)["sent"] == 1
    assert cli.main(["push", "--every", "5", "--dry-run"]) == 2


# ---------------------------------------------------------------- the log on 预警清单


def test_the_log_says_what_went_where_and_no_address(home, receiver, monkeypatch):
    warn(home, a_warning("q1"), a_warning("q2"))

    def script():
        from datetime import date

        from app import page
        from app.parts import deliveries

        day = date(2026, 11, 15)
        deliveries.log(page.Edition("000001", "安澜市", "990100", day, day, day, None, ""))

    app = AppTest.from_function(script, default_timeout=60)

    def said() -> str:
        assert not app.run().exception
        return "".join(one.proto.body for one in app.get("html"))

    assert "还没有推送过" in said()
    receiver.answers.append("drop")
    sender.run(recipients(to(receiver)), clock=Clock())
    assert "已发送 1 条、不确定是否送达 1 条" in said() and "--resend" in said()
    shown = app.dataframe[0].value
    assert set(shown["status"]) == {"已发送", "不确定是否送达"} and set(shown["channel"]) == {"企业微信"}
    assert set(shown["event"]) == {"新预警"}
    assert KEY not in shown.to_csv() and "127.0.0.1" not in shown.to_csv()
    monkeypatch.setenv("YANPAN_STATE", "nothing at all")
    assert "YANPAN_STATE" in said() and not app.dataframe


def test_events_have_words():
    assert set(events.AUDIENCE) | {"new", "level", "again", "due", "overdue", "week", "test"} == set(EVENTS)
