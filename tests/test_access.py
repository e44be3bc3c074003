"""Accounts, logins, the audit log and the mark: who may, who may no longer, what was noted; on both databases."""

import asyncio
import io
import json
import sqlite3
import time
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import date, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import docx
import openpyxl
import pypdfium2
import pytest
import sqlalchemy as sa
import xlsxwriter
from PIL import Image
from pptx import Presentation

from app import server, versions
from app.access import __main__ as command
from app.access import accounts, audit, roles, settings, signin, stamp
from app.access.accounts import Refused
from app.access.scope import Scope
from app.casework import retention, store, workflow
from app.casework.store import Unavailable

ISSUER = "https://id.example"
SECRETS = """[auth]
redirect_uri = "https://yanpan.example/oauth2callback"
cookie_secret = "0123456789abcdef0123456789abcdef"
client_id = "yanpan"
client_secret = "s"
server_metadata_url = "https://id.example/.well-known/openid-configuration"
"""


@pytest.fixture(params=["sqlite", "postgresql"])
def state(request, monkeypatch) -> Iterator[str]:
    """An empty state database of either kind."""
    if request.param == "postgresql":
        monkeypatch.setenv("YANPAN_STATE", request.getfixturevalue("postgres_state"))
    yield request.param
    store.engine().dispose()
    store._engine.cache_clear()


@pytest.fixture
def secrets(tmp_path, monkeypatch) -> Path:
    """A file with a login."""
    path = tmp_path / "secrets.toml"
    path.write_text(SECRETS)
    path.chmod(0o600)
    monkeypatch.setenv("YANPAN_SECRETS", str(path))
    return path


def grant(subject: str, role: str, **more) -> accounts.Account:
    return accounts.grant(ISSUER, subject, role=role, by="1", **more)


# ---------------------------------------------------------------- accounts


def test_who_comes_for_the_first_time_waits(state):
    first = accounts.known(ISSUER, "u1", "张三")
    assert (first.role, first.is_open) == (None, False)
    assert accounts.known(ISSUER, "u1", "张三").id == first.id, "one row, however often"
    assert accounts.known("https://other.example", "u1", "张三").id != first.id, "another issuer's u1 is somebody else"
    assert grant("u1", "clerk").id == first.id
    assert accounts.known(ISSUER, "u1", "改了名").name == "张三", "the name is given here, not there"
    assert accounts.scope_of(accounts.known(ISSUER, "u1", "")) is None


def test_what_an_account_can_be_given(state):
    assert accounts.scope_of(grant("a", "analyst", places=["990101", "990102"])) == Scope(
        "county", ("990101", "990102")
    )
    assert accounts.scope_of(grant("b", "leader", places=["990101001"])) == Scope("town", ("990101001",))
    assert accounts.scope_of(grant("c", "unit", unit="云溪区教育局")) == Scope("unit", ("云溪区教育局",))
    for role, places, unit, said in (
        ("unit", [], None, "哪个单位"),
        ("unit", ["990101"], "甲", "按单位"),
        ("admin", ["990101"], None, "看全市"),
        ("leader", ["990101", "990101001"], None, "或一个镇街"),
        ("leader", ["990101001", "990101002"], None, "或一个镇街"),
        ("leader", [], "甲", "不按单位"),
        ("king", [], None, "没有角色"),
    ):
        with pytest.raises(Refused, match=said):
            grant("d", role, places=places, unit=unit)
    assert not accounts.by_subject("d"), "nothing half-written"


def test_a_unit_also_sees_what_was_handed_to_it(state):
    row = {"signal_id": "s9", "seq": 1, "action": "push", "status": "pushed", "role": "office", "to_unit": "甲局", "at": audit.now(),
           "note": "", "request_id": "r", "snapshot": {}}  # fmt: skip
    with store.writing() as connection:
        connection.execute(store.case_action.insert().values(row))
    assert accounts.scope_of(grant("u", "unit", unit="甲局")) == Scope("unit", ("甲局",), ("s9",))
    assert accounts.scope_of(grant("v", "unit", unit="乙局")) == Scope("unit", ("乙局",))


def test_the_last_administrator_stays(state):
    one, clerk = grant("one", "admin"), grant("clerk", "clerk")
    with pytest.raises(Refused, match="最后一个管理员"):
        accounts.disable(one.id, by="1")
    grant("two", "admin")
    login = accounts.arrive("token", one.id)
    assert login.is_new and not login.is_ended
    assert accounts.disable(one.id, by="1").is_disabled and accounts.arrive("token", one.id).is_ended
    assert not accounts.by_id(one.id).is_open and accounts.by_id(clerk.id).is_open
    assert accounts.grant(ISSUER, "one", role="leader", by="1").is_open, "opened again, as something else"


def test_a_login_that_was_ended_stays_ended(state):
    one = grant("one", "leader")
    assert accounts.arrive("token", one.id).is_new
    assert not accounts.arrive("token", one.id).is_new
    accounts.leave("token")
    assert accounts.arrive("token", one.id).is_ended, "whoever has a copy of the cookie"
    assert not accounts.arrive("another", one.id).is_ended


DIRECTORY = """[directory]
claim = "groups"
[directory.grants]
"leaders" = { role = "leader" }
"heads" = { role = "leader" }
"yunxi" = { role = "clerk", places = ["990101"] }
"housing" = { role = "unit", unit = "甲局" }
"""


@pytest.fixture
def directory(state) -> accounts.Directory:
    home = versions.home()
    home.mkdir(exist_ok=True)
    (home / "access.toml").write_text(DIRECTORY, encoding="utf-8")
    found = settings.read().directory
    assert found
    return found


def come(
    subject: str, directory: accounts.Directory | None, *groups: str, iat: float | None = None
) -> accounts.Account:
    """At a login of just now, or of then."""
    token = {"groups": list(groups), "iat": time.time() if iat is None else iat}
    return accounts.by_directory(accounts.known(ISSUER, subject, subject), token, directory)


def test_the_office_s_directory_gives_role_and_scope(directory):
    assert come("a", directory, "others", "leaders").role == "leader"
    assert accounts.scope_of(come("b", directory, "yunxi")) == Scope("county", ("990101",))
    assert accounts.scope_of(come("c", directory, "housing")) == Scope("unit", ("甲局",))
    assert come("d", directory, "leaders", "heads").role == "leader", "two groups that say the same"
    assert not come("e", directory, "others").is_open and not come("f", None, "leaders").is_open
    one = accounts.known(ISSUER, "g", "g")
    assert accounts.by_directory(one, {"groups": "leaders"}, directory).is_open, "a claim may be one word"
    for strange in (
        {},
        {"groups": None},
        {"groups": [["leaders"], 1]},
        {"groups": {"leaders": True}},
        {"group": "leaders"},
    ):
        assert not accounts.by_directory(accounts.known(ISSUER, "h", "h"), strange, directory).is_open


def test_who_leaves_a_group_loses_what_it_gave(directory):
    first = come("a", directory, "leaders")
    assert come("a", directory, "leaders") == first and come("a", directory, "yunxi").places == ("990101",)
    gone = come("a", directory)
    assert (gone.role, gone.places, gone.is_from_directory, gone.is_open) == (None, (), False, False)
    come("b", directory, "leaders")
    assert not come("b", None).is_open, "nor does it stay when the setting is taken away"
    said = [row["object"] for row in audit.rows(account=audit.DIRECTORY)][::-1]
    assert said[:3] == [
        f"登录服务 {first.id}：领导",
        f"登录服务 {first.id}：材料员 990101",
        f"登录服务 {first.id}：不再有角色",
    ]


def test_an_older_login_does_not_give_back_what_was_taken_away(directory, monkeypatch):
    before = time.time() - 60
    assert come("a", directory, "leaders", iat=before).is_open, "the first time there is nothing to give back"
    assert come("a", directory, "leaders", iat=before).is_open, "another window of the same login"
    later = audit.now() + timedelta(seconds=30)
    monkeypatch.setattr(audit, "now", lambda: later)
    assert not come("a", directory, iat=time.time() + 30).is_open
    assert not come("a", directory, "leaders", iat=before).is_open, "a browser that kept its old cookie"
    assert come("a", directory, "leaders", iat=time.time() + 60).is_open


def test_a_contradiction_lets_nobody_in(directory):
    assert come("a", directory, "yunxi").is_open
    with pytest.raises(Refused, match="不能确定"):
        come("a", directory, "yunxi", "leaders")
    assert not accounts.by_subject("a")[0].is_open, "nor in another window"


def test_what_was_given_here_holds(directory):
    grant("a", "analyst", places=["990102"])
    assert come("a", directory, "leaders").places == ("990102",)
    assert come("a", directory, "leaders", "yunxi").role == "analyst", "here it is plain"
    grant("b", "admin")
    accounts.disable(grant("a", "admin").id, by="1")
    assert come("a", directory, "leaders").is_disabled
    come("c", directory, "leaders")
    assert not grant("c", "clerk").is_from_directory and come("c", directory).role == "clerk"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[directory]\nclaim = "groups"', "应有 claim"),
        ('[directory]\nclaim = ""\ngrants = {}', "应有 claim"),
        (DIRECTORY + 'x = "leader"', "“x”应写成"),
        (DIRECTORY + 'x = { role = "king" }', "“x”：没有角色“king”"),
        (DIRECTORY + 'x = { role = "unit" }', "“x”：承办单位的账号要写明是哪个单位"),
        (DIRECTORY + 'x = { role = "admin", places = ["990101"] }', "管理员看全市"),
        (DIRECTORY + 'x = { role = "leader", place = "990101" }', "“x”应写成"),
    ],
)
def test_a_directory_that_cannot_be_meant_is_said(tmp_path, text, said):
    home = tmp_path / "home"
    home.mkdir(exist_ok=True)
    (home / "access.toml").write_text(text, encoding="utf-8")
    with pytest.raises(settings.BadSetting, match=said):
        settings.read()


# ---------------------------------------------------------------- the log


@pytest.fixture
def in_beijing() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as there:
        there.setenv("TZ", "Asia/Shanghai")
        time.tzset()
        yield
    time.tzset()


def test_the_log_is_told_in_the_time_of_the_place(state, in_beijing, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(audit, "now", lambda: datetime(2026, 11, 21, 17, 30))
    audit.note("login", "", account="1")
    (row,) = audit.rows(first_on=date(2026, 11, 22), last_on=date(2026, 11, 22))
    assert row["at"] == datetime(2026, 11, 22, 1, 30) and not audit.rows(last_on=date(2026, 11, 21))
    assert audit.broken()[1] is None and audit.zone() == "UTC+8"
    assert command.main(["audit", "--csv", str(tmp_path / "log.csv")]) == 0
    assert "2026-11-22 01:30:00" in capsys.readouterr().out
    head, line = (tmp_path / "log.csv").read_text(encoding="utf-8-sig").splitlines()
    assert head.split(",")[1] == "时间（UTC+8）" and "2026-11-22" in line and "01:30" in line


def test_the_log_is_append_only_and_says_when_it_was_changed(state):
    for n in range(4):
        audit.note("export", f"weekly 文件{n}.xlsx", account="7", role="leader", version="12")
    audit.note("refused", "intake", account="8", role="clerk")
    assert [row["object"] for row in audit.rows(account="7", limit=2)] == ["weekly 文件3.xlsx", "weekly 文件2.xlsx"]
    assert len(audit.rows(action="refused")) == 1 and not audit.rows(last_on=audit.now().date() - timedelta(days=1))
    n, wrong, seal = audit.broken()
    assert (n, wrong, len(seal)) == (5, None, 64)
    for statement in ("update audit set object = 'x'", "delete from audit"):
        with pytest.raises(sa.exc.IntegrityError), store.writing() as connection:
            connection.exec_driver_sql(statement)
    with store.writing() as connection:  # as somebody with the database's own password could
        if state == "sqlite":
            connection.exec_driver_sql("drop trigger audit_no_update")
        else:
            connection.exec_driver_sql("alter table audit disable trigger audit_append_only")
        connection.exec_driver_sql("update audit set object = 'weekly 别的.xlsx' where id = 2")
    assert audit.broken()[1] == 2


def test_the_seals_hold_after_a_purge(state, monkeypatch):
    with monkeypatch.context() as long_ago:
        long_ago.setattr(audit, "now", lambda: datetime(2025, 1, 2))
        for n in range(3):
            audit.note("login", str(n), account="1")
    audit.note("login", "new", account="1")
    assert retention.purge("audit", date(2026, 1, 1), really=True) == 3
    assert [row["action"] for row in audit.rows()] == ["purge", "login"] and audit.broken()[:2] == (2, None)


def test_nothing_about_an_item_gets_into_the_log():
    said = ["990101", "1304", "hotline", "2026-W46", "3b09f1c2d4e5a687", "张伟", "幸福里3栋", 13, None]
    assert [value for value in said if signin._is_code(value)] == ["990101", "1304", "hotline", "2026-W46"]


def test_commands(state, secrets, capsys):
    def run(*words: str) -> tuple[int, dict]:
        code = command.main(list(words))
        return code, json.loads(capsys.readouterr().out)

    assert run("list")[1]["text"].startswith("还没有账号")
    code, answer = run("grant", "--role=admin", "--name=王五", "--", "u5")
    assert code == 0 and answer["result"]["name"] == "王五" and answer["result"]["issuer"] == ISSUER
    assert run("grant", "--role=unit", "--", "u6")[0] == 2
    assert "最后一个管理员" in run("disable", "--", "u5")[1]["error"]
    assert run("verify")[1]["result"]["n_rows"] == 1
    assert run("audit", "--action=account")[1]["result"]["rows"][0]["account"] == "command"


# ---------------------------------------------------------------- what roles may


def test_roles_are_the_office_s():
    """Written down apart from the table: what each kind of user came for, and what it must not have."""
    pages = {code: set(role.pages) for code, role in roles.ROLES.items()}
    assert all(page in server.PAGES for some in pages.values() for page in some), "known to the server"
    assert pages["unit"] == {"warnings", "warning", "service", "ledgers", "about", "help"}
    assert {
        code for code in pages if "accounts" in pages[code] or "audit" in pages[code] or "intake" in pages[code]
    } == {"admin"}
    assert {code for code in pages if "dispatch" in pages[code]} == {"analyst", "clerk", "admin"}
    assert all("about" in some for some in pages.values())
    may = {code: set(role.may) for code, role in roles.ROLES.items()}
    assert not may["admin"] & {"items", "export", "case", "issue"}
    assert {code for code in may if "case" in may[code]} == {"leader", "analyst", "unit"}
    assert (
        {code for code in may if "admin" in may[code]} == {code for code in may if "intake" in may[code]} == {"admin"}
    )
    assert {role.acts_as for role in roles.ROLES.values()} <= {None, *workflow.ROLES}


# ---------------------------------------------------------------- is this login still good?


@pytest.fixture
def leader(secrets, monkeypatch) -> Iterator[signin.Reader]:
    one = grant("one", "leader")
    for kept in (signin._found, signin._active, signin._written):
        kept.clear()
    monkeypatch.setattr(signin, "BELIEVED", 0)  # as if it were asked later
    accounts.arrive("token", one.id)
    yield signin.Reader(str(one.id), one.name, one.role, None, "token")
    store.engine().dispose()
    store._engine.cache_clear()


def back(**columns: timedelta) -> None:
    """The login is as much older."""
    with store.writing(is_asked=False) as connection:
        given = {name: audit.now() - by for name, by in columns.items()}
        connection.execute(store.login.update().where(store.login.c.id == "token").values(given))


def test_an_idle_login_ends(leader):
    assert signin.check(leader, is_active=True) == leader
    signin._active.clear()
    back(seen_at=timedelta(minutes=29))
    assert signin.check(leader, unless_idle=True)
    back(seen_at=timedelta(minutes=31))
    assert signin.check(leader), "the wall goes on by itself"
    for how in ({"is_active": True}, {"unless_idle": True}):
        with pytest.raises(signin.Out, match="30 分钟没有操作"):
            signin.check(leader, **how)


def test_a_long_login_ends(leader, tmp_path):
    back(at=timedelta(hours=12, minutes=1))
    with pytest.raises(signin.Out, match="满 12 小时"):
        signin.check(leader)
    home = tmp_path / "home"
    home.mkdir(exist_ok=True)
    (home / "access.toml").write_text("absolute_hours = 24")
    assert signin.check(leader)


def test_a_disabled_account_is_out_and_another_role_holds_at_once(leader):
    grant("one", "clerk", places=["990101"])
    now = signin.check(leader)
    assert (now.role, now.scope) == ("clerk", Scope("county", ("990101",)))
    accounts.disable(int(leader.account), by="1")
    with pytest.raises(signin.Out, match="停用"):
        signin.check(leader)


def test_what_was_looked_up_is_believed_for_less_than_a_minute():
    assert signin.BELIEVED < 60


# ---------------------------------------------------------------- settings


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({'client_id = "yanpan"': ""}, "缺少 client_id"),
        ({"0123456789abcdef0123456789abcdef": "short"}, "cookie_secret 太短"),
        ({"https://yanpan.example/": "http://yanpan.example/"}, "明文"),
        ({"/oauth2callback": "/back"}, "redirect_uri"),
        ({"[auth]": "[auth"}, "不是 UTF-8 的 TOML"),
    ],
)
def test_a_wrong_login_is_no_login_at_all(secrets, change, said, capsys):
    text = SECRETS
    for old, new in change.items():
        text = text.replace(old, new)
    secrets.write_text(text)
    assert server.main(["--host", "0.0.0.0"]) == 2
    printed = capsys.readouterr().err
    assert said in printed and "0123456789abcdef" not in printed, "no secret in a message"


def test_others_must_not_read_the_secrets(secrets, capsys):
    secrets.chmod(0o644)
    assert server.main([]) == 2 and "chmod 600" in capsys.readouterr().err


def test_without_a_login_this_machine_alone(capsys):
    assert server.main(["--host", "0.0.0.0"]) == 2 and "没有启用登录" in capsys.readouterr().err
    assert signin.who() is signin.LOCAL and signin.LOCAL.may("export") and signin.LOCAL.scope is None


def test_a_server_with_a_login_does_not_lose_it_with_its_file(secrets):
    assert settings.auth()
    secrets.unlink()
    assert settings.auth(), "nobody becomes this machine's own user"


def test_bad_limits_are_said(tmp_path):
    home = tmp_path / "home"
    home.mkdir(exist_ok=True)
    (home / "access.toml").write_text("idle_minutes = 0")
    with pytest.raises(settings.BadSetting, match="5 到 1440"):
        settings.read()


# ---------------------------------------------------------------- the mark

MARK = "内部资料　张三（分析员）　2026-11-22 18:03"


def saved(save) -> bytes:
    made = io.BytesIO()
    save(made)
    return made.getvalue()


def test_word_says_who_took_it():
    document = docx.Document()
    document.add_paragraph("正文")
    document.sections[0].different_first_page_header_footer = True
    found = docx.Document(io.BytesIO(stamp.stamped(saved(document.save), ".docx", MARK))).sections[0]
    assert MARK in found.header.paragraphs[-1].text and MARK in found.first_page_header.paragraphs[-1].text


def test_slides_say_who_took_them():
    deck = Presentation()
    for _ in range(2):
        deck.slides.add_slide(deck.slide_layouts[6])
    found = Presentation(io.BytesIO(stamp.stamped(saved(deck.save), ".pptx", MARK)))
    assert all(MARK in [shape.text_frame.text for shape in slide.shapes] for slide in found.slides)


def test_a_workbook_says_who_took_it_and_keeps_the_rest():
    made = io.BytesIO()
    with xlsxwriter.Workbook(made) as book:
        for name in ("数据", "口径"):
            sheet = book.add_worksheet(name)
            sheet.write_row(0, 0, ["甲", 3])
        book.worksheets()[0].set_header("&L标题&R&9 ")
        chart = book.add_chart({"type": "column"})
        chart.add_series({"values": "=数据!$B$1:$B$1"})
        book.worksheets()[0].insert_chart("D1", chart)
    marked = stamp.stamped(made.getvalue(), ".xlsx", MARK)
    found = openpyxl.load_workbook(io.BytesIO(marked))
    first, second = found.worksheets
    assert [cell.value for cell in first["A"]] == ["甲", None, MARK] and second.max_row == 1
    assert first.oddHeader.left.text == "标题" and first.oddHeader.center.text == second.oddHeader.right.text == MARK
    assert (
        zipfile.ZipFile(io.BytesIO(marked)).namelist() == zipfile.ZipFile(made).namelist() and len(first._charts) == 1
    )


def test_a_pdf_says_who_took_it_on_every_page():
    empty = pypdfium2.PdfDocument.new()
    for size in ((595, 842), (842, 595)):
        empty.new_page(*size)
    found = pypdfium2.PdfDocument(stamp.stamped(saved(empty.save), ".pdf", MARK))
    assert [page.get_textpage().get_text_range().strip() for page in found] == [MARK.replace("\u3000", "　")] * 2


def test_a_picture_says_who_took_it():
    white = Image.new("RGB", (1600, 900), "#123456")
    found = Image.open(io.BytesIO(stamp.stamped(saved(lambda file: white.save(file, "png")), ".png", MARK)))
    assert found.size == white.size and found.mode == "RGB"
    lower, upper = found.crop((0, 840, 800, 900)), found.crop((0, 0, 1600, 800))
    assert len(lower.getcolors(10_000)) > 10 and len(upper.getcolors()) == 1
    assert MARK in stamp.stamped(b'<svg viewBox="0 0 9 9"></svg>', ".svg", MARK).decode()
    assert stamp.stamped(b"a,b\n", ".csv", MARK) == b"a,b\n"


def test_what_carries_no_mark_is_known_by_its_digest_and_what_carries_one_by_it(leader):
    from app import downloads

    given = {"page": "weekly", "version": "3", "role": "leader", "is_allowed": True}
    taken = {}
    for name, is_marked, content in (
        ("表.csv", True, b"a,b"),
        ("定稿.svg", False, b"<svg></svg>"),
        ("图.svg", True, b"<svg></svg>"),
    ):
        taken[name] = downloads._taken(lambda of=content: of, name, reader=leader, is_marked=is_marked, **given)
    assert taken["表.csv"] == b"a,b" and taken["定稿.svg"] == b"<svg></svg>" != taken["图.svg"], (
        "programs read it as it is"
    )
    noted = [row["object"] for row in audit.rows(action="export")]
    digests = [sha256(taken[name]).hexdigest()[:16] for name in ("定稿.svg", "表.csv")]
    assert noted == ["weekly 图.svg", f"weekly 定稿.svg {digests[0]}", f"weekly 表.csv {digests[1]}"]


def test_who_has_left_takes_nothing(leader, monkeypatch):
    """The button of a page drawn before; and a role that takes nothing away."""
    from app import downloads

    given = {"page": "weekly", "version": "3", "role": "leader", "is_marked": True}
    content = downloads._taken(lambda: b"a", "表.csv", reader=leader, is_allowed=True, **given)
    assert (
        content == b"a" and audit.rows(action="export")[0]["object"] == f"weekly 表.csv {sha256(b'a').hexdigest()[:16]}"
    )
    with pytest.raises(signin.Out, match="不能"):
        downloads._taken(lambda: b"a", "表.csv", reader=leader, is_allowed=False, **given)
    accounts.leave("token")
    with pytest.raises(signin.Out, match="退出"):
        downloads._taken(lambda: b"a", "表.csv", reader=leader, is_allowed=True, **given)
    assert len(audit.rows(action="export")) == 1


# ---------------------------------------------------------------- the server's door


def asked(path: str, kind: str = "http", answer: list | None = None, **headers: str) -> dict:
    """What Guard answers, with an application behind it that answers 200 and these headers."""
    sent: list[dict] = []

    async def behind(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": answer or []})

    async def send(message):
        sent.append(message)

    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    given = {"type": kind, "method": "GET", "path": path, "headers": raw, "query_string": b"", "extensions": {}}
    guard = server.Guard(behind, **server.guarded())
    with ThreadPoolExecutor(1) as pool:  # a thread of its own: a browser's tests have a loop in this one
        pool.submit(asyncio.run, guard(given, None, send)).result()
    started = sent[0]
    found = {"status": started.get("status") or started.get("code")}
    for name, value in started.get("headers", []):
        found.setdefault(name.decode(), []).append(value.decode())
    return found


def test_answers_to_its_own_names_alone(secrets):
    assert asked("/", host="yanpan.example")["status"] == 200 and asked("/", host="127.0.0.1:8501")["status"] == 200
    assert asked("/", host="evil.example")["status"] == 400
    assert asked("/", host="yanpan.example")["strict-transport-security"] == ["max-age=31536000"]


def test_no_other_site_opens_a_connection(secrets):
    def of(**headers: str) -> int:
        return asked("/_stcore/stream", "websocket", host="yanpan.example", **headers)["status"]

    assert of(origin="https://yanpan.example") == 200
    assert of(origin="https://evil.example") != 200 and of() != 200


def test_cookies_are_secure_and_the_page_asked_for_is_found_again(secrets):
    cookie = [(b"set-cookie", b"_streamlit_user=x; HttpOnly")]
    assert asked("/x", answer=cookie, host="yanpan.example")["set-cookie"] == ["_streamlit_user=x; HttpOnly; Secure"]
    kept = asked("/auth/login", host="yanpan.example", referer="https://yanpan.example/warning?id=s1")["set-cookie"][0]
    back = [(b"location", b"/")]
    there = asked("/oauth2callback", answer=back, host="yanpan.example", cookie=kept.split(";")[0])
    assert there["location"] == ["/warning?id=s1"]
    for strange in (
        "https://evil.example/warning",
        "https://yanpan.example//evil.example",
        "https://yanpan.example/auth/logout",
    ):
        assert "set-cookie" not in asked("/auth/login", host="yanpan.example", referer=strange)
    assert asked("/oauth2callback", answer=back, host="yanpan.example", cookie="yanpan_back_to=%2F%2Fevil")[
        "location"
    ] == ["/"]


def test_a_state_of_the_last_release_is_brought_up_to_date(tmp_path, monkeypatch):
    """Opened by the release before, with a case in it; then by this one."""
    monkeypatch.setattr(store, "REVISION", "0006")
    with store.writing() as connection:
        connection.exec_driver_sql(
            "insert into saved_view (name, page, query, is_shared, saved_at, request_id) values ('a','weekly','{}',1,'2026-01-01','r')"
        )
    store.engine().dispose()
    store._engine.cache_clear()
    monkeypatch.undo()
    monkeypatch.setenv("YANPAN_HOME", str(tmp_path / "home"))
    audit.note("login", "", account="1")
    with closing(sqlite3.connect(tmp_path / "home" / store.FILE)) as connection:
        assert connection.execute("select name from saved_view").fetchall() == [("a",)]
    store.engine().dispose()
    store._engine.cache_clear()


def test_what_cannot_be_noted_does_not_happen(leader, monkeypatch):
    from app import downloads

    def full(*_words, **_more):
        raise Unavailable("磁盘已满")

    monkeypatch.setattr(audit.store, "writing", full)
    given = {"page": "weekly", "version": "3", "role": "leader", "is_marked": True, "is_allowed": True}
    with pytest.raises(Unavailable):
        downloads._taken(lambda: b"a", "表.csv", reader=leader, **given)
