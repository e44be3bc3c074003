"""The closed loop: who may do what, nothing lost, nothing twice, nothing changed afterwards; on both databases."""

import os
import shutil
import signal as signals
import sqlite3
import subprocess
import sys
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import date, datetime, timedelta
from pathlib import Path
from threading import Barrier

import duckdb
import polars as pl
import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from servers import free_port

from app import versions
from app.casework import cases, rehearse, store, workflow
from app.casework.cases import Conflict, Refused, Unavailable
from tests.test_cli import yanpan

ROOT = Path(__file__).resolve().parents[1]
UNIT, OTHER = "云溪区住房和城乡建设局", "安澜市供热公司"
SIGNAL = {
    "signal_id": "s1",
    "title": "云溪区和平街道 供暖",
    "sentence": "云溪区和平街道“供暖”本周 50 件，按往年和近期水平应在 10 件左右。",
    "signal_level": "red",
    "kind": "excess",
    "week_start_on": date(2026, 11, 9),
    "place_code": "990101001",
    "county_code": "990101",
    "issue_code": "1304",
    "unit_name": None,
    "matter_id": None,
}
MONDAY = datetime(2026, 11, 16, 9)
WORDS = {"note": "说明", "reason": "chance", "finding": "confirmed"}
# What each role may do in each status, written down apart from the program's table.
MAY = {
    ("new", "office"): "push dismiss",
    ("pushed", "office"): "transfer dismiss remind",
    ("signed", "office"): "transfer dismiss remind",
    ("handling", "office"): "transfer dismiss remind",
    ("replied", "office"): "return close dismiss",
    ("closed", "office"): "reopen",
    ("false_alarm", "office"): "reopen",
    ("pushed", "unit"): "sign object",
    ("signed", "unit"): "measure object",
    ("handling", "unit"): "measure reply",
    ("new", "leader"): "comment",
    ("pushed", "leader"): "remind comment",
    ("signed", "leader"): "remind comment",
    ("handling", "leader"): "remind comment",
    ("replied", "leader"): "comment",
    ("closed", "leader"): "reopen comment",
    ("false_alarm", "leader"): "reopen comment",
}
LEADS_TO = {
    "push": "pushed", "sign": "signed", "measure": "handling", "reply": "replied", "return": "handling",
    "transfer": "pushed", "object": "new", "close": "closed", "dismiss": "false_alarm", "reopen": "pushed",
}  # fmt: skip
WAY = {
    "new": "", "pushed": "push", "signed": "push sign", "handling": "push sign measure",
    "replied": "push sign measure reply", "closed": "push sign measure reply close", "false_alarm": "dismiss",
}  # fmt: skip
BY = {"sign": "unit", "measure": "unit", "reply": "unit", "object": "unit", "comment": "leader"}


@pytest.fixture(params=["sqlite", "postgresql"])
def state(request, monkeypatch) -> Iterator[str]:
    """An empty state database of either kind."""
    if request.param == "postgresql":
        monkeypatch.setenv("YANPAN_STATE", request.getfixturevalue("postgres_state"))
    yield request.param
    forget()


@pytest.fixture
def sqlite() -> Iterator[None]:
    yield
    forget()


def forget() -> None:
    """What a restart of the program does."""
    if store._engine.cache_info().currsize:
        store.engine().dispose()
    store._engine.cache_clear()


@contextmanager
def disposing(engine: sa.Engine) -> Iterator[sa.Engine]:
    """A way into the database that is not casework's."""
    yield engine
    engine.dispose()


def warning(signal_id: str = "s1", **other) -> dict:
    return SIGNAL | {"signal_id": signal_id} | other


def take(action: str, signal_id: str = "s1", *, role: str | None = None, **other) -> cases.Case:
    """One step with all that may be asked for, as the state is now."""
    role = role or BY.get(action, "office")
    before = other.pop("expected_seq", None)
    signal = other.pop("signal", warning(signal_id))
    given_words = {
        "unit": UNIT,
        "to_unit": {"push": UNIT, "transfer": OTHER}.get(action),
        "request_id": uuid.uuid4().hex,
        "at": MONDAY,
        **WORDS,
        **other,
    }
    seq = cases.case(signal_id).seq if before is None else before
    return cases.act(signal, action, role=role, expected_seq=seq, **given_words)


def walk(status: str, signal_id: str = "s1", **other) -> None:
    for action in WAY[status].split():
        take(action, signal_id, **other)


# ---------------------------------------------------------------- who may do what


def test_every_status_role_and_action(sqlite):
    """All 252 combinations: what may be done leads where it should, everything else is refused and leaves no trace."""
    for status in workflow.STATUSES:
        untouched = f"{status}-0"
        walk(status, untouched)
        before = cases.case(untouched)
        assert before.status == status
        for role in workflow.ROLES:
            may = MAY.get((status, role), "").split()
            own = {"own_unit": before.to_unit, "actor_unit": UNIT}
            assert set(workflow.allowed(status, role, **own)) == set(may), (status, role)
            for action in workflow.ACTIONS:
                if action in may:
                    one = f"{status}-{role}-{action}"
                    walk(status, one)
                    # a dismissed warning was never with a unit: reopening it has to name one
                    after = take(action, one, role=role, **({"to_unit": UNIT} if action == "reopen" else {}))
                    assert after.status == LEADS_TO.get(action, status), (status, role, action)
                    assert after == cases.case(one)
                else:
                    with pytest.raises(Refused, match=r"^[^A-Za-z]*。$"):
                        take(action, untouched, role=role)
        assert cases.case(untouched) == before


def test_a_unit_acts_on_its_own_cases_alone(sqlite):
    take("push")
    with pytest.raises(Refused, match=f"现由{UNIT}承办，{OTHER}不能办理“签收”"):
        take("sign", unit=OTHER)
    with pytest.raises(Refused, match="不能办理"):
        take("sign", unit=None)
    take("transfer")
    with pytest.raises(Refused, match=f"现由{OTHER}承办"):
        take("sign")
    assert take("sign", unit=OTHER).to_unit == OTHER
    assert take("object", unit=OTHER).to_unit is None
    assert workflow.allowed("new", "unit", own_unit=None, actor_unit=None) == []


@pytest.mark.parametrize(
    ("status", "action", "lacking", "said"),
    [
        ("new", "push", {"to_unit": None}, "须选定承办单位"),
        ("new", "dismiss", {"reason": None}, "须选一个原因"),
        ("new", "dismiss", {"reason": "no such"}, "须选一个原因"),
        ("new", "dismiss", {"reason": "other", "note": " "}, "写明"),
        ("pushed", "transfer", {"note": ""}, "转办的原因"),
        ("pushed", "transfer", {"to_unit": UNIT}, "另一个单位"),
        ("pushed", "object", {"note": ""}, "理由"),
        ("signed", "measure", {"note": "\n"}, "措施"),
        ("handling", "reply", {"note": ""}, "办理结果"),
        ("replied", "return", {"note": ""}, "原因和要求"),
        ("replied", "close", {"note": ""}, "核查发现"),
        ("replied", "close", {"finding": None}, "属实或部分属实"),
        ("replied", "close", {"finding": "unfounded"}, "误报"),
        ("replied", "close", {"note": "长" * 2001}, "最多 2000 字"),
        ("false_alarm", "reopen", {}, "须选定承办单位"),
        ("new", "push", {"to_unit": "云溪区住建局 13912345678"}, "不能是个人"),
        ("new", "push", {"role": "mayor"}, "没有"),
        ("new", "eat", {}, "没有"),
    ],
)
def test_what_has_to_be_said(sqlite, status, action, lacking, said):
    walk(status)
    before = cases.case("s1")
    with pytest.raises(Refused, match=said):
        take(action, **lacking)
    assert cases.case("s1") == before


def test_state_and_history_of_a_whole_case(state):
    at = MONDAY
    for action in ["push", "comment", "sign", "measure", "reply", "return", "measure", "reply", "close"]:
        take(action, at=at, note=f"关于{action}")
        at += timedelta(days=1)
    told = cases.history("s1")
    assert told["seq"].to_list() == list(range(1, 10))
    assert told["status"].to_list() == (
        ["pushed", "pushed", "signed", "handling", "replied", "handling", "handling", "replied", "closed"]
    )
    assert told["actor_unit"].to_list() == [None, None, UNIT, UNIT, UNIT, None, UNIT, UNIT, None]
    assert set(told["to_unit"]) == {UNIT}
    # signing was due on Tuesday the 17th and came on Wednesday; the comment in between was not waited for
    assert told.row(2, named=True)["was_due_on"] == date(2026, 11, 17)
    assert told["is_late"].to_list() == [None, None, True, False, False, False, None, False, False]
    assert told["finding"].to_list() == [None] * 8 + ["confirmed"]
    take("comment", at=at)
    [now] = cases.current(["s1"], on=date(2026, 12, 1)).to_dicts()
    assert (now["status"], now["finding"], now["last_action"]) == ("closed", "confirmed", "comment")
    assert (now["opened_at"], now["ended_at"]) == (MONDAY, MONDAY + timedelta(days=8))
    assert (now["title"], now["week_start_on"], now["due_on"]) == (SIGNAL["title"], date(2026, 11, 9), None)
    assert cases.history("s1")["finding"].to_list()[-1] is None  # the remark found nothing itself
    [then] = cases.current(on=date(2026, 11, 18)).to_dicts()
    assert (then["status"], then["ended_at"]) == ("signed", None)
    assert cases.current(["nobody acted on this"]).is_empty()
    assert cases.current(f"x{n}" for n in range(40_000)).is_empty()


@settings(
    max_examples=20,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    st.lists(
        st.tuples(st.sampled_from(sorted(workflow.ROLES)), st.sampled_from(sorted(workflow.ACTIONS)), st.booleans()),
        max_size=25,
    )
)
def test_any_course_of_clicks_is_its_history(sqlite, clicks):
    """Model: the status after each accepted click; a click on an old page is a conflict, whatever it is."""
    name = uuid.uuid4().hex
    status, accepted = "new", []
    for role, action, is_fresh in clicks:
        try:
            take(action, name, role=role, to_unit=UNIT, expected_seq=len(accepted) - (not is_fresh))
        except Conflict:
            assert not is_fresh
        except Refused:
            is_elsewhere = role == "unit" and status == "new"
            assert is_fresh and (
                action not in MAY.get((status, role), "").split() or is_elsewhere or action == "transfer"
            )
        else:
            assert is_fresh and action in MAY[status, role].split()
            status = LEADS_TO.get(action, status)
            accepted.append((action, status))
    assert cases.history(name).select("action", "status").rows() == accepted


# ---------------------------------------------------------------- at once, twice, killed


def test_the_second_of_two_is_told_what_the_first_did(state):
    walk("replied")
    seen = cases.case("s1").seq
    take("close", expected_seq=seen, at=datetime(2026, 11, 20, 10, 32, 5))
    with pytest.raises(Conflict, match=r"^这条预警刚刚（10:32）已由研判中心销号，现在是“已销号”") as caught:
        take("close", expected_seq=seen, at=datetime(2026, 11, 20, 10, 33))
    assert caught.value.case == cases.case("s1") and caught.value.case.status == "closed"
    with pytest.raises(Conflict, match=r"^这条预警已于 2026-11-20 10:32 由研判中心销号"):
        take("dismiss", expected_seq=seen, at=datetime(2026, 11, 21, 9))
    assert len(cases.history("s1")) == 5
    with pytest.raises(Conflict, match="刷新"):
        take("push", "s2", expected_seq=3)


def test_the_same_click_twice_is_one_action(state):
    for _ in range(2):
        case = take("push", request_id="click", expected_seq=0)
        assert (case.status, case.seq) == ("pushed", 1)
    take("sign", expected_seq=1)
    assert take("push", request_id="click", expected_seq=0).status == "signed"  # a repeat that comes late
    assert len(cases.history("s1")) == 2


@pytest.mark.parametrize("is_same_click", [False, True])
def test_eight_at_once(state, is_same_click):
    """Eight close the same case at one moment: one does, seven hear of it; one click sent eight times is one action."""
    walk("replied")
    start = Barrier(8)

    def close(n: int) -> str:
        start.wait()
        try:
            return take("close", expected_seq=4, request_id="one click" if is_same_click else f"click {n}").status
        except Conflict as conflict:
            return conflict.case.status + "!"

    with ThreadPoolExecutor(8) as pool:
        answers = sorted(pool.map(close, range(8)))
    assert answers == (["closed"] * 8 if is_same_click else ["closed"] + ["closed!"] * 7)
    assert len(cases.history("s1")) == 5


WORKER = """
import sys
from app.casework import cases
name, n = sys.argv[1], int(sys.argv[2])
print("ready", flush=True)
sys.stdin.readline()
won = 0
for turn in range(n):
    for case in (f"own {name}", "shared"):
        signal = {"signal_id": case, "signal_level": "red"}
        while True:
            seq = cases.case(case).seq
            click = f"{case} {name} {turn} {seq}"
            try:
                cases.act(signal, "comment", role="leader", note=click, expected_seq=seq, request_id=click)
            except cases.Conflict:
                continue
            print(click, flush=True)
            break
"""


def start_worker(name: str, n: int) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-c", WORKER, name, str(n)], cwd=ROOT, env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8",
    )  # fmt: skip


def test_processes_at_once_and_one_killed(state):
    """Three processes meet an empty database, create it, write to one case; one is killed: all that was answered is there."""
    workers = [start_worker(name, 3) for name in ("甲", "乙")] + [start_worker("丙", 100_000)]
    try:
        for one in workers:
            assert one.stdout.readline() == "ready\n"
        for one in workers:  # all at once
            one.stdin.write("go\n")
            one.stdin.flush()
        answered = [line.rstrip("\n") for one in workers[:2] for line in one.stdout]
        assert len(answered) == 2 * 3 * 2 and all(one.wait(10) == 0 for one in workers[:2])
        workers[2].send_signal(signals.SIGKILL)
        of_killed = workers[2].stdout.read().split("\n")
        answered += [line for line in of_killed[:-1] if line]
    finally:
        for one in workers:
            one.kill()
            one.wait()
            one.stdin.close()
            one.stdout.close()
    written = []
    for name in cases.current()["signal_id"]:
        told = cases.history(name)
        assert told["seq"].to_list() == list(range(1, len(told) + 1))  # no gap, nothing half
        written += told["note"].to_list()
    assert len(written) == len(set(written))
    assert set(answered) <= set(written)
    assert len(set(written) - set(answered)) <= 1  # what was written when it died, before it could say so
    assert take("push", "shared").status == "pushed"  # and no lock is left behind
    if state == "sqlite":
        with closing(sqlite3.connect(Path(os.environ["YANPAN_HOME"]) / store.FILE)) as connection:
            assert connection.execute("pragma integrity_check").fetchall() == [("ok",)]


# ---------------------------------------------------------------- the database


FORBIDDEN = {
    "sqlite": ["insert or replace into case_action select * from case_action"],
    "postgresql": ["truncate case_action"],
}


def test_what_was_done_cannot_be_changed(state):
    take("push")
    for statement in ["update case_action set note = 'x'", "delete from case_action", *FORBIDDEN[state]]:
        with (
            disposing(sa.create_engine(store.address())) as other,
            other.connect() as connection,
            pytest.raises(sa.exc.IntegrityError, match="append-only"),
        ):
            connection.exec_driver_sql(statement)
    assert cases.history("s1")["note"].to_list() == ["说明"]


def settings_of_alembic(connection: sa.Connection | None = None) -> Config:
    known = Config()
    known.set_main_option("script_location", str(store.MIGRATIONS))
    known.attributes["connection"] = connection
    return known


REVISIONS = sorted(one.revision for one in ScriptDirectory.from_config(settings_of_alembic()).walk_revisions())


@pytest.mark.parametrize("revision", [None, *REVISIONS])
def test_each_earlier_revision_is_brought_up_to_date_and_keeps_its_rows(state, revision):
    assert REVISIONS[-1] == store.REVISION
    row = {
        "signal_id": "s1", "seq": 1, "action": "push", "status": "pushed", "role": "office", "to_unit": UNIT, "at": MONDAY,
        "note": "早先", "request_id": "早先", "snapshot": {"title": "早先的"},
    }  # fmt: skip
    if revision:
        Path(os.environ["YANPAN_HOME"]).mkdir(exist_ok=True)
        with disposing(sa.create_engine(store.address())) as earlier, earlier.begin() as connection:
            command.upgrade(settings_of_alembic(connection), revision)
            connection.execute(store.case_action.insert().values(row))
    assert take("sign" if revision else "push").seq == (2 if revision else 1)
    with disposing(sa.create_engine(store.address())) as other, other.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), store.metadata) == []
        assert MigrationContext.configure(connection).get_current_revision() == store.REVISION


def test_a_newer_database_is_left_alone_and_said(state):
    take("push")
    with disposing(sa.create_engine(store.address())) as other, other.begin() as connection:
        connection.exec_driver_sql("update alembic_version set version_num = '9999'")
    forget()
    assert "更新的程序" in (store.problem() or "")
    for ask in (cases.current, lambda: cases.history("s1"), lambda: take("sign", expected_seq=1)):
        with pytest.raises(Unavailable, match="结构 9999，本程序只到"):
            ask()


def test_what_is_wrong_with_the_database_is_one_sentence_without_its_password(sqlite, monkeypatch, tmp_path, caplog):
    junk, folder = tmp_path / "junk.sqlite", tmp_path / "a file"
    junk.write_bytes(b"this is no database, " * 300)
    folder.write_text("no folder")
    address = tmp_path / "address"
    address.write_text(f"postgresql://office:s3cret@127.0.0.1:{free_port()}/state\n")
    wrong = {
        f"sqlite:///{junk}": "junk.sqlite",
        f"sqlite:///{folder}/state.sqlite": "a file",
        f"file:{address}": "127.0.0.1/state",
        f"file:{tmp_path}/none": "读不出来",
        "mysql://office:s3cret@127.0.0.1/state": "不是可用的数据库地址",
        "s3cret": "不是可用的数据库地址",
        "sqlite://": "不是可用的数据库地址",
    }
    for setting, said in wrong.items():
        monkeypatch.setenv("YANPAN_STATE", setting)
        sentence = store.problem() or ""
        assert said in sentence and sentence.endswith("。") and "\n" not in sentence, setting
        assert "s3cret" not in sentence + caplog.text
    address.write_text(f"sqlite:///{tmp_path}/good.sqlite")
    monkeypatch.setenv("YANPAN_STATE", f"file:{address}")
    assert store.problem() is None and (tmp_path / "good.sqlite").exists()


def test_a_full_disk_loses_nothing_and_is_said(sqlite):
    take("push")
    with store.reading() as connection:
        pages = connection.exec_driver_sql("pragma page_count").scalar_one()
        connection.exec_driver_sql(f"pragma max_page_count = {pages}")  # of this connection, which the pool gives again
    with pytest.raises(Unavailable, match="检查数据库或磁盘"):
        for _ in range(200):
            take("comment", note="批" * 2000)
    told = cases.history("s1")
    assert told["seq"].to_list() == list(range(1, len(told) + 1))


# ---------------------------------------------------------------- notes, deadlines


def test_personal_data_never_reaches_the_database(sqlite):
    number, card = "13912345678", "990101199001011230"
    case = take("push", note=f"请联系 {number}，证件 {card}，电话有人接听。")
    assert case.status == "pushed"
    [note] = cases.history("s1")["note"]
    assert note == "请联系 〔手机号〕，证件 〔证件号〕，电话有人接听。"
    forget()
    for file in Path(os.environ["YANPAN_HOME"]).glob("state.sqlite*"):
        assert number.encode() not in file.read_bytes() and card.encode() not in file.read_bytes()


def test_a_name_in_a_note_is_masked_and_the_units_name_stays(sqlite):
    take("push", note="已派人到张伟家，与李建国沟通；住建局请分管同志过问，安景路12号。")
    [note] = cases.history("s1")["note"]
    assert note == "已派人到〔姓名〕家，与〔姓名〕沟通；住建局请分管同志过问，安景路〔楼栋房号〕。"


def test_the_state_is_for_its_user_alone(sqlite):
    take("push")
    files = list(Path(os.environ["YANPAN_HOME"]).glob("state.sqlite*"))
    assert {"state.sqlite", "state.sqlite-wal", "state.sqlite-shm"} <= {file.name for file in files}
    assert all(file.stat().st_mode & 0o077 == 0 for file in files if not file.name.endswith(".lock"))
    for file in files:
        file.chmod(0o644)
    forget()
    take("sign")
    assert Path(os.environ["YANPAN_HOME"], "state.sqlite").stat().st_mode & 0o077 == 0


def test_deadlines_are_working_days_of_the_calendar(sqlite):
    eve = datetime(2026, 9, 30, 15)  # before the National Day holiday; the Saturday after it is a working day
    assert take("push", at=eve).due_on == date(2026, 10, 8)
    assert take("sign", at=eve).due_on == date(2026, 10, 10)
    assert take("measure", at=eve).due_on == date(2026, 10, 15)
    assert take("remind", at=eve).due_on == date(2026, 10, 15)
    assert take("reply", at=eve).due_on == date(2026, 10, 20)
    assert take("return", at=datetime(2026, 10, 20, 9)).due_on == date(2026, 10, 29)  # counted anew
    assert take("measure", at=datetime(2026, 10, 20, 9)).due_on == date(2026, 10, 29)
    assert workflow.add_workdays(date(2035, 10, 5), 1) == date(2035, 10, 8)  # not published yet: Monday to Friday
    assert workflow.workdays_between(date(2026, 9, 30), date(2026, 10, 10)) == 3
    assert workflow.workdays_between(date(2026, 10, 10), date(2026, 9, 30)) == -3


def test_the_office_sets_its_own_limits(sqlite):
    path = Path(os.environ["YANPAN_HOME"]) / workflow.SETTINGS
    path.parent.mkdir(exist_ok=True)
    path.write_text("[limits]\nsign = 2\n[limits.red]\nsign = 1\nreply = 3\n", encoding="utf-8")
    assert workflow.limits("blue", path.parent) == workflow.LIMITS | {"sign": 2}
    assert workflow.limits("red", path.parent) == workflow.LIMITS | {"reply": 3}
    path.write_text("[limits]\nsign = 5\n", encoding="utf-8")
    with pytest.raises(Refused, match=r"red 一级的期限应依次不短于前一步.*5、3、7、10"):
        take("push")
    assert cases.current().is_empty()


@pytest.mark.parametrize(
    "text",
    [
        "[limits]\nsign = 0", "[limits]\nsign = true", "[limits]\nsign = '1'", "[limits]\nreplied = 5", "[limits.green]\nsign = 1",
        "limits = 3", "[limit]\nsign = 1", "[limits\n", "[limits]\nred = 5", b"\xff\xfe[",
    ],
)  # fmt: skip
def test_a_wrong_setting_is_said(tmp_path, text):
    (tmp_path / workflow.SETTINGS).write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(workflow.BadSetting, match=r"^办理期限设置 .*casework\.toml.*。$"):
        workflow.limits("red", tmp_path)


# ---------------------------------------------------------------- what is told of all cases


def test_what_is_due_and_for_whom(sqlite):
    for status in ("pushed", "signed", "replied", "closed", "new"):
        walk(status, status)
    walk("signed", "objected")
    take("object", "objected")
    due = cases.due_list(date(2026, 11, 18))
    assert due.select("signal_id", "step", "role", "unit", "due_on", "is_overdue", "workdays_left").rows() == [
        ("objected", "push", "office", None, date(2026, 11, 17), True, -1),
        ("pushed", "sign", "unit", UNIT, date(2026, 11, 17), True, -1),
        ("signed", "measure", "unit", UNIT, date(2026, 11, 19), False, 1),
    ]
    assert "replied" in cases.due_list(date(2026, 11, 27))["signal_id"]
    assert cases.due_list(date(2026, 11, 13)).is_empty()


PLACES = pl.DataFrame(
    {
        "place_code": ["990100", "990101", "990101001", "990101001001", "990101002"],
        "parent_code": [None, "990100", "990101", "990101001", "990101"],
    }
)
ISSUES = pl.DataFrame({"issue_code": ["1304", "1301", "0501"], "group_code": ["13", "13", "05"]})


@pytest.mark.parametrize(
    ("other", "is_covered"),
    [
        ({}, True),
        ({"place_code": "990101001001"}, True),
        ({"place_code": "990100"}, True),
        ({"place_code": "990101002"}, False),
        ({"issue_code": "13"}, True),
        ({"issue_code": "1301"}, False),
        ({"issue_code": "0501"}, False),
        ({"signal_level": "orange"}, True),
        ({"signal_level": "red"}, False),  # graver than the case: news
        ({"matter_id": "m1"}, True),
        ({"matter_id": "m2"}, False),
        ({"unit_name": UNIT, "issue_code": None, "kind": "overdue"}, False),
    ],
)
def test_what_is_being_handled_is_not_raised_again(sqlite, other, is_covered):
    open_case = {"signal_level": "orange", "matter_id": "m1"}
    fresh = pl.DataFrame([warning("new one") | {"signal_level": "blue"} | other])
    assert cases.covered(fresh, PLACES, ISSUES) == {}
    take("push", signal=warning(**open_case))
    assert cases.covered(fresh, PLACES, ISSUES) == ({"new one": "s1"} if is_covered else {})
    for action in ["sign", "measure", "reply", "close"]:
        take(action, signal=warning(**open_case))
    assert cases.covered(fresh, PLACES, ISSUES) == {}  # it is over


def test_a_warning_about_a_unit_is_covered_by_one_of_its_own_kind(sqlite):
    about = {"unit_name": OTHER, "issue_code": None, "kind": "overdue"}
    take("push", signal=warning(**about))
    fresh = pl.DataFrame([warning("same", **about), warning("other", **about | {"kind": "returns"}), warning("issue")])
    assert cases.covered(fresh, PLACES, ISSUES) == {"same": "s1"}


def test_again_after_it_was_closed(sqlite):
    walk("closed")  # on Monday, 16 November
    walk("handling", "open")
    listed = [date(2026, 11, 9), date(2026, 11, 16), date(2026, 11, 23)]
    for week in listed:
        told = pl.DataFrame({"signal_id": ["s1", "open"], "week_start_on": [week, week]})
        assert cases.recurring(told) == ({"s1": date(2026, 11, 16)} if week > date(2026, 11, 16) else {})


def test_measured_precision(sqlite):
    assert cases.precision() == {"n_judged": 0, "n_true": 0, "n_false": 0, "share": None, "low": None, "high": None}
    for n in range(9):
        walk("closed", f"true {n}", finding="partly" if n % 2 else "confirmed")
    walk("false_alarm", "false", at=MONDAY + timedelta(days=30))
    walk("closed", "again")
    take("reopen", "again")
    walk("handling", "open")
    found = cases.precision()
    assert (found["n_judged"], found["n_true"], found["n_false"], found["share"]) == (10, 9, 1, 0.9)
    z, n, p = 1.959963984540054, 10, 0.9  # Wilson's formula, written out
    middle, half = (
        (p + z * z / 2 / n) / (1 + z * z / n),
        z / (1 + z * z / n) * (p * (1 - p) / n + z * z / 4 / n / n) ** 0.5,
    )
    assert (found["low"], found["high"]) == pytest.approx((middle - half, middle + half), abs=1e-9)
    assert cases.precision(since=date(2026, 12, 1))["n_judged"] == 1


# ---------------------------------------------------------------- the demo's cases


@pytest.fixture
def played(demo_home, tmp_path, monkeypatch) -> Iterator[Path]:
    """A copy of the demo home, to play in."""
    home = tmp_path / "演练 home"
    for name in ("marts", "demo"):
        shutil.copytree(demo_home.path / name, home / name)
    monkeypatch.setenv("YANPAN_HOME", str(home))
    yield home
    forget()


def test_the_demo_shows_handled_cases_and_its_true_precision(played):
    code, done, _ = yanpan(played, "demo", "--casework")
    assert code == 0 and done["n_cases"] > 0 and done["n_left"] == 0
    first = cases.current()
    assert len(first) == done["n_cases"] and first["seq"].sum() == done["n_actions"]
    told = {name: cases.history(name) for name in first["signal_id"]}
    with duckdb.connect(versions.current_version(), read_only=True) as connection:
        weeks = dict(connection.execute("select signal_id, min(week_start_on) from signal group by 1").fetchall())
        truth = connection.execute(
            "select signal_id, bool_or(t.event_id is not null) from signal as s left join place as p using (place_code)"
            " left join read_csv($truth, all_varchar = true) as t on s.issue_code in (t.issue_code, t.issue_code[:2])"
            " and (starts_with(t.place_code, s.place_code) or starts_with(s.place_code, t.place_code)"
            "      or s.place_level = 'city')"
            " and t.starts_on::date <= s.week_start_on + 6 and s.week_start_on <= t.ends_on::date + 14 group by 1",
            {"truth": str(played / "demo" / "truth.csv")},
        )
        is_true = dict(truth.fetchall())
    for name, status in first.select("signal_id", "status").rows():
        assert told[name]["at"].is_sorted() and told[name]["at"][0].date() >= weeks[name] + timedelta(days=7)
        assert status not in workflow.ENDED or (status == "closed") == is_true[name]
    assert cases.precision()["n_judged"] == first["status"].is_in(workflow.ENDED).sum()

    assert rehearse.rehearse() == done  # again: nothing is added
    assert cases.current().equals(first)
    touched = first["signal_id"][0]
    take("comment", touched)
    assert rehearse.rehearse()["n_cases"] == done["n_cases"]
    assert cases.case(touched).seq == first["seq"][0] + 1


def test_a_home_with_other_data_is_not_played_in(played, empty_home):
    strange = played / "demo" / "hotline"
    one = sorted(strange.iterdir())[0]
    one.rename(played / one.name)  # a file that was loaded is none of the demo's now
    code, answer, _ = yanpan(played, "demo", "--casework")
    assert code == 3 and one.name in answer["error"] and "没有写入" in answer["error"]
    assert not list(played.glob("state*"))


def test_an_empty_home_is_not_played_in(empty_home):
    with pytest.raises(rehearse.NotTheDemo, match=r"^这里没有已发布的演示城市.*yanpan build。$"):
        rehearse.rehearse()
    assert not list(empty_home.path.iterdir())
