"""Items whose source gave no category: judged by the model in force, kept apart from what was reported, used by the build."""

import json
import random
import re
import shutil
from datetime import date, datetime, timedelta

import duckdb
import pytest
from builders import add_reference, load, make_events

from app import jobs
from pipelines import build, cli, publish, states, unclassified, warehouse
from pipelines.config import SEEDS, Home
from pipelines.dispatch import model
from pipelines.errors import UsageError
from tests.test_views import opened, said

NOW = datetime(2026, 11, 16, 8)
TODAY, LATER = NOW.date(), date(2100, 1, 1)
HEATING, ROAD, PARKING = "1304", "0705", "0703"
TAUGHT = {
    "公用事业>供热>供暖服务": "暖气片不热 室温只有十几度 供暖后家里冰凉 热力公司没有送暖 暖气管道漏水 退还取暖费 供热温度不达标",
    "交通出行>公路管理>农村公路": "村口水泥路塌了 进村公路坑洼 下雨泥泞难走 村道没有硬化 路面开裂颠簸 桥头护栏断了 通村客车进不来",
    "交通出行>停车管理>违停与停车收费": "停车场乱收停车费 车位收费没有公示 停十分钟收十块钱 违停车辆堵住大门 充电车位被占 闸机重复扣费 停车月卡涨价",
}
SHARED = ("请尽快处理", "多次反映没有结果", "已经好几天了", "附近住户都这样", "没有人来看", "希望有个答复")
COLD = "家里暖气片不热，室温只有十几度，热力公司没有送暖"
POTHOLE = "村口水泥路塌了一大块，进村公路坑洼难走"
HEADER = "工单编号,工单类型,问题分类,标题,主要内容,被反映区,被反映街乡镇,受理时间,承办单位"
ROWS = (
    f"A1,投诉,,暖气不热,{COLD}",
    f"A2,投诉,交通出行->停车管理->违停与停车收费,停车,{COLD}",
    "A3,投诉,,看不懂,Lorem ipsum dolor sit amet",
    "A4,投诉,,暖气不热,",
    f"A5,检举控告,,暖气不热,{COLD}",
    "A6,投诉,,某干部,举报干部贪污公款以权谋私",
)


@pytest.fixture(scope="module")
def taught(tmp_path_factory) -> Home:
    """A home with items of three categories, published, and a model taught on them."""
    home = Home(tmp_path_factory.mktemp("未分类"))
    add_reference(home)
    choose = random.Random(5)
    items = [
        {
            "category_raw": category if n % 12 else choose.choice([*TAUGHT]),  # clerks err, too
            "title": None,
            "text": "，".join(
                choose.sample(words.split(), choose.choice((1, 2, 3)))
                + choose.sample(SHARED, 2)
                + ["".join(chr(choose.randrange(0x4E00, 0x9000)) for _ in range(4))]
            ),
            "registered_at": datetime(2026, 9, 28, 9) + timedelta(hours=14 * n),
        }
        for category, words in TAUGHT.items()
        for n in range(72)
    ]
    load(home, make_events(*items))
    build.build(home, today=TODAY)
    model.train(home, now=NOW)
    return home


@pytest.fixture
def home(taught, tmp_path) -> Home:
    shutil.copytree(taught.path, tmp_path / "本单位")
    return Home(tmp_path / "本单位")


def written(tmp_path, name: str, *rows: str):
    """A hotline export; a row: number, purpose, category, title, text."""
    lines = [f"{row},云溪区,和平街道,2026-11-13 09:00:00,云溪区住建局" for row in rows]
    (tmp_path / name).write_text("\n".join([HEADER, *lines]) + "\n", encoding="utf-8")
    return tmp_path / name


def run(home, capsys, *words):
    code = cli.main(["--home", str(home.path), "--json", *map(str, words)])
    out = capsys.readouterr()
    return code, json.loads(out.out), out.err


def answers(home) -> dict[str, list[str | None]]:
    """Item number → the issue code of each answer, the oldest first."""
    found: dict[str, list[str | None]] = {}
    with warehouse.connect(home, read_only=True) as connection:
        for number, code in connection.execute(
            "select item_number, issue_code from core.suggested_issue join core.item_lookup using (event_id)"
            " order by suggested_at, item_number"
        ).fetchall():
            found.setdefault(number, []).append(code)
    return found


def marts(home, statement: str) -> list[tuple]:
    with duckdb.connect(publish.version_file(home, publish.current(home)), read_only=True) as connection:
        return connection.execute(statement).fetchall()


def in_force(home, as_of: date = LATER) -> list[str]:
    """The issues suggested, as the build of a day sees them."""
    with duckdb.connect() as connection:
        connection.execute(f"attach '{home.warehouse}' as warehouse (read_only)")
        connection.execute("set search_path = 'warehouse.core'")
        basis = states.view_as_known(connection, as_of, warehouse="warehouse")
        connection.execute(
            f"create temp table issue_seed as from read_csv('{SEEDS / 'issue.csv'}', all_varchar = true)"
        )
        connection.execute(
            f"create temp table build_parameter as select timestamp '{as_of + timedelta(days=1)}' as as_of_end"
        )
        unclassified.view_as_known(connection, basis)
        return [code for (code,) in connection.execute("select issue_code from known_suggestion order by 1").fetchall()]


def test_an_import_asks_about_what_came_without_a_category(home, tmp_path, capsys):
    first = written(tmp_path, "一.csv", *ROWS)
    code, told, _ = run(home, capsys, "ingest", first)
    assert code == 0 and told["classified"] == {"n_asked": 3, "n_suggested": 2, "model_version": 1}
    assert answers(home) == {"A1": [HEATING], "A3": [None], "A6": ["1407"]}
    with warehouse.connect(home, read_only=True) as connection:
        assert connection.execute("select count(*) from core.event where category_raw is null").fetchall() == [(5,)]
        chances = dict(connection.execute("select issue_code, probability from core.suggested_issue").fetchall())
    assert chances["1407"] is None and 0.5 < chances[HEATING] <= 1 and chances[None] < 1

    # The same bytes and a new state of the same text are no new questions; another text is.
    assert run(home, capsys, "ingest", first)[1]["classified"]["n_asked"] == 0
    assert in_force(home) == [HEATING, "1407"]
    second = written(tmp_path, "二.csv", f"A1,投诉,,村路难走,{POTHOLE}", "A3,求决,,看不懂,Lorem ipsum dolor sit amet")
    batch = run(home, capsys, "ingest", second)[1]
    assert batch["classified"]["n_asked"] == 1 and answers(home)["A1"] == [HEATING, ROAD]
    assert in_force(home) == [ROAD, "1407"]
    assert cli.main(["--home", str(home.path), "ingest", str(written(tmp_path, "三.csv", f"A7,,,,{COLD}"))]) == 0
    assert "；另有 1 件没有分类，其中 1 件按本单位历史给出了建议分类。下一步" in capsys.readouterr().out

    # Taken back: the answer to the first text counts again; with an item go its answers.
    run(home, capsys, "undo", batch["batches"][0]["batch_id"])
    assert answers(home)["A1"] == [HEATING, ROAD] and in_force(home) == [HEATING, HEATING, "1407"]
    run(home, capsys, "undo", told["batches"][0]["batch_id"])
    assert set(answers(home)) == {"A7"}


def test_the_page_of_an_import_says_how_many_got_one(home, tmp_path, capsys, monkeypatch):
    """As `yanpan ingest` answers the job that a page has started."""
    monkeypatch.setenv("YANPAN_HOME", str(home.path))
    told = run(home, capsys, "ingest", written(tmp_path, "一.csv", *ROWS))[1]
    at = f"{datetime.now():%Y-%m-%dT%H:%M:%S}"
    job = jobs.Job(jobs.new_id(), "ingest", "导入 1 个文件", [], status=jobs.DONE, started_at=at, finished_at=at)
    job.folder.mkdir(parents=True)
    jobs._write(job)
    (job.folder / "stdout").write_text(json.dumps(told, default=str), encoding="utf-8")
    page = opened("intake", tab="导入")
    assert not page.exception and "另有 3 件没有分类，其中 2 件按本单位历史给出了建议分类" in said(page)


def test_an_abstention_is_asked_again_by_the_next_model_and_all_on_demand(home, tmp_path, capsys):
    run(home, capsys, "ingest", written(tmp_path, "一.csv", *ROWS))
    assert run(home, capsys, "dispatch", "classify")[1]["n_asked"] == 0
    assert run(home, capsys, "dispatch", "classify", "--all")[1]["n_asked"] == 3
    assert answers(home) == {"A1": [HEATING], "A3": [None], "A6": ["1407"]}  # nothing new to keep
    shutil.copytree(model.folder(home) / "000001", model.folder(home) / "000002")
    model.use(home, 2)
    code, told, _ = run(home, capsys, "dispatch", "classify")
    assert (code, told["n_asked"], told["model_version"]) == (0, 1, 2)
    assert run(home, capsys, "dispatch", "classify", "--all")[1]["n_asked"] == 3
    assert answers(home) == {"A1": [HEATING] * 2, "A3": [None] * 2, "A6": ["1407"] * 2}


def test_a_broken_model_or_library_loses_nothing_of_an_import(home, tmp_path, capsys, monkeypatch):
    (home.reference / "keyword.csv").write_text("issue_code,word\n0000,滑冰场\n", encoding="utf-8")
    code, told, err = run(home, capsys, "ingest", written(tmp_path, "一.csv", *ROWS))
    assert code == 0 and told["total"]["loaded"] == 6 and told["classified"] is None
    assert "导入的数据不受影响" in err and "keyword.csv" in err and not answers(home)
    (home.reference / "keyword.csv").unlink()
    monkeypatch.setenv(unclassified.SETTING, "0")
    assert unclassified.classify(home, now=NOW) is None
    code, told, _ = run(home, capsys, "dispatch", "classify")
    assert code == 2 and "关闭了建议分类" in told["error"]
    monkeypatch.setenv(unclassified.SETTING, "否")
    with pytest.raises(UsageError, match="YANPAN_CLASSIFY"):
        unclassified.is_wanted()
    monkeypatch.delenv(unclassified.SETTING)
    assert run(home, capsys, "dispatch", "classify")[1]["n_suggested"] == 2  # the same command completes
    shutil.rmtree(model.folder(home))
    assert run(home, capsys, "ingest", tmp_path / "一.csv")[1]["classified"] is None
    assert "还没有学过的模型" in run(home, capsys, "dispatch", "classify")[1]["error"]


def test_the_build_uses_what_was_suggested_and_says_so(home, monkeypatch):
    blank = {"category_raw": None, "registered_at": datetime(2026, 11, 4, 9)}
    with warehouse.connect(home) as connection:
        fresh = make_events(
            *({**blank, "title": f"第{n}件", "text": COLD} for n in range(7)),
            *({**blank, "title": f"第{n}件", "text": "Lorem ipsum dolor sit amet"} for n in range(2)),
            {**blank, "title": "某干部", "text": "举报干部贪污公款以权谋私"},
        )
        connection.register("incoming", fresh.with_columns(fresh["event_id"] + 5000).to_arrow())
        connection.execute("insert into core.event by name from incoming")
        connection.execute("update core.batch set n_read = n_read + 10, n_loaded = n_loaded + 10")
        connection.unregister("incoming")
    found = unclassified.classify(home, now=NOW)
    assert found == {"n_asked": 10, "n_suggested": 8, "model_version": 1}

    build.build(home, today=TODAY)
    got = marts(
        home,
        "select title, issue_code, issue_basis, issue_confidence > 0.5, is_counted_only, text is null, unit_name is null"
        " from event where category_raw is null order by all",
    )
    assert sorted(got, key=str) == sorted(
        [(f"第{n}件", HEATING, "suggested", True, False, False, False) for n in range(7)]
        + [(f"第{n}件", "9999", "source", None, False, False, False) for n in range(2)]
        + [(None, "1407", "suggested", None, True, True, True)],
        key=str,
    )
    assert marts(home, "select count(*) from event where category_raw is not null and issue_basis <> 'source'") == [
        (0,)
    ]
    assert marts(home, "select sum(n_suggested) from weekly_counts") == [(8,)]
    told = dict(marts(home, "select key, value from meta"))
    assert (told["n_unclassified"], told["n_suggested"], told["suggested_by"]) == ("10", "8", "1")
    # Missing stays missing where the quality of what came in is told.
    assert marts(home, "select sum(n_missing) from quality_field where field_name = 'category_raw'") == [(10,)]
    assert marts(home, "select sum(n_events) from unresolved_name where outcome = 'unclassified'") == [(10,)]
    # No model learns from what a model said.
    assert len(model._events(home, date.min, 10_000)[0]) == 216

    monkeypatch.setenv("YANPAN_HOME", str(home.path))
    monkeypatch.setattr("app.page.today", lambda: TODAY)
    at = opened("issues", issue=HEATING, weeks="1", week="2026-W45", section="由什么构成")
    assert not at.exception
    assert re.search("<i>系统建议分类</i>供暖，把握 \\d+%", "".join(html.proto.body for html in at.get("html")))
    assert "其中 7 件来源没有分类，按本单位历史建议。" in said(at)
    at = opened("intake", tab="数据质量")
    assert not at.exception
    assert "10 件没有填分类" in said(at) and "8 件按本单位历史给出了建议分类（模型版本 1），其余 2 件" in said(at)


def test_a_past_day_knows_what_was_suggested_by_then(home, monkeypatch):
    with warehouse.connect(home) as connection:
        connection.execute("update core.event set category_raw = null where event_id < 1040")
        connection.execute("update core.batch set known_on = date '2026-11-10'")
    for day in ("2026-11-09", "2026-11-10", "2026-11-15", "2026-11-16"):
        (home.marts / f"asof-{day}.duckdb").touch()
    assert unclassified.classify(home, now=NOW)["n_asked"] == 40
    assert sorted(path.stem for path in home.marts.glob("asof-*")) == ["asof-2026-11-10", "asof-2026-11-15"]
    n = len(in_force(home))
    assert n and not in_force(home, TODAY - timedelta(days=1)) and len(in_force(home, TODAY)) == n
    # A day before anything was known is told from all there is.
    assert len(in_force(home, date(2026, 11, 9))) == n
    monkeypatch.setenv(unclassified.SETTING, "0")
    assert not in_force(home)
