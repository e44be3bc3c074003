"""A build that looks only at what has changed says what a full build says."""

import csv
import os
import random
import signal
import subprocess
import sys
import threading
import time
from datetime import date, datetime, timedelta
from pathlib import Path

import duckdb
import pytest
from builders import add_reference, load, make_events

from pipelines import build, ingest, matters, publish, refresh, surveillance
from pipelines.config import Home
from pipelines.surveillance import clusters

SEED = int(os.environ.get("YANPAN_SEED", "1"))
ROOT = Path(__file__).resolve().parents[1]
FIRST = date(2026, 8, 3)  # a Monday
HEADER = ("工单编号", "工单类型", "问题分类", "主要内容", "被反映区", "被反映街乡镇", "村/社区", "受理时间", "承办单位",
          "办理时限", "办结时间", "工单状态", "是否解决", "是否满意", "是否重复诉求")  # fmt: skip
PLACES = [
    ("云溪区", "和平街道", "柳岸社区"),
    ("云溪区", "东门街道", ""),
    ("临川县", "石桥镇", "石桥村"),
    ("临川县", "", ""),
]
BUILD = (
    "import sys; from datetime import date; from pathlib import Path; from pipelines import build, refresh;"
    " from pipelines.config import Home; refresh.FEWEST_ITEMS = 0;"
    " build.build(Home(Path(sys.argv[1])), today=date.fromisoformat(sys.argv[2]))"
)


class Office:
    """Items and the files it exports of them: new ones, and old ones again with what has become of them."""

    def __init__(self, seed: int) -> None:
        self.chance, self.n_files = random.Random(seed), 0
        self.rows: dict[str, dict[str, str]] = {}

    def receive(self, n: int, since: date, days: int) -> list[str]:
        fresh = []
        for _ in range(n):
            number, place = f"AL{len(self.rows):06}", self.chance.choice(PLACES)
            category = self.chance.choice(("城乡建设>供热管理", "交通出行>公交服务", "没见过>的分类"))
            text = f"{place[1]}暖气不热，家里只有{number[-2:]}度"
            if place == PLACES[1] and category == "城乡建设>供热管理":
                text = self.chance.choice(
                    ("文昌标准厂房工地旁边的换热站停了", "住在文昌标准厂房工地对面，换热站停了三天")
                )
            at = datetime.combine(since, datetime.min.time()) + timedelta(
                days=self.chance.randrange(days), minutes=self.chance.randrange(1440)
            )
            due = at + timedelta(days=self.chance.choice((2, 5, 40)))
            self.rows[number] = dict(zip(HEADER, (
                number, self.chance.choice(("投诉", "求助", "建议")), category, text, *place, str(at), self.chance.choice(("云溪区住建局", "临川县交通局")),
                self.chance.choice(("", str(due))), "", "处理中", "", "", self.chance.choice(("是", "否")),
            ), strict=True))  # fmt: skip
            fresh.append(number)
        return fresh

    def close(self, n: int, on: date) -> list[str]:
        closed = self.chance.sample([number for number, row in self.rows.items() if not row["办结时间"]], n)
        for number in closed:
            self.rows[number] |= {
                "办结时间": f"{on} 15:00:00", "工单状态": "已办结", "是否解决": self.chance.choice(("是", "否")),
                "是否满意": self.chance.choice(("", "满意", "不满意")),
            }  # fmt: skip
        return closed

    def export(self, numbers: list[str], folder: Path) -> Path:
        self.n_files += 1
        path = folder / f"工单{self.n_files}.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, HEADER)
            writer.writeheader()
            writer.writerows(self.rows[number] for number in numbers)
        return path


def differences(one: Path, other: Path) -> list[tuple]:
    """Tables of two versions that do not hold the same rows, in whatever order; floats to nine digits.

    The numbers of kpi_cell are names the version gives: they are replaced by what they stand for.
    """
    found = []
    with duckdb.connect() as connection:
        connection.execute(f"attach '{one}' as a (read_only); attach '{other}' as b (read_only)")
        columns = connection.execute(
            "select database_name, table_name, column_name, data_type from duckdb_columns()"
            " where schema_name = 'main' and database_name in ('a', 'b') order by all"
        ).fetchall()
        a, b = ([row[1:] for row in columns if row[0] == name] for name in ("a", "b"))
        assert a == b
        for table in dict.fromkeys(row[0] for row in a):
            shown = [
                f"printf('%.9g', {name})" if kind == "DOUBLE" else f'"{name}"'
                for of, name, kind in a
                if of == table and name != "cell_id"
            ]
            source = "{0}.main." + table
            if table in ("kpi_period", "kpi_days"):
                source += " join {0}.main.kpi_cell using (cell_id)"
                shown += ["county_code", "unit_name", "issue_group"]
            if table == "meta":
                source += " where key not in ('version', 'built_at')"
            first, second = (f"select {', '.join(shown)} from {source.format(name)}" for name in ("a", "b"))
            for these, those in ((first, second), (second, first)):
                if rows := connection.execute(f"({these} except all {those}) limit 3").fetchall():
                    found.append((table, rows))
    return found


@pytest.fixture
def home(empty_home, monkeypatch) -> Home:
    monkeypatch.setattr(refresh, "FEWEST_ITEMS", 0)
    monkeypatch.setattr(refresh, "MOST_ITEMS", 0.6)
    add_reference(empty_home)
    return empty_home


def test_whatever_comes_the_result_is_that_of_a_full_build(home, tmp_path, monkeypatch):
    monkeypatch.setattr(matters, "LEAST_CORPUS", 1)
    monkeypatch.setattr(matters, "_half", lambda day: FIRST + timedelta(days=56) if day.year == FIRST.year else FIRST)
    monkeypatch.setattr(clusters, "MIN_STUDY_WEEKS", 6)
    for name in ("MAX_SHARE", "MIN_TEXT", "JOIN"):  # so that so few items make matters
        monkeypatch.setattr(surveillance.matters, name, 0.5)
    office = Office(SEED)
    day = FIRST + timedelta(days=84)

    def take_in(numbers: list[str]) -> str:
        return ingest.ingest([office.export(numbers, tmp_path)], home, today=day)[0]["batch_id"]

    office.receive(260, FIRST, 84)
    office.close(90, FIRST + timedelta(days=60))
    take_in(list(office.rows))
    assert build.build(home, today=day)["full_because"] == "没有可以接着算的版本"
    n_changed = []
    for _ in range(2):
        day += timedelta(days=office.chance.choice((1, 7, 8)))
        last = take_in(office.receive(12, day - timedelta(days=9), 9) + office.close(15, day - timedelta(days=1)))
        moved, again = office.chance.sample(sorted(office.rows), 2)
        office.rows[moved] |= {"受理时间": f"{FIRST + timedelta(days=18)} 08:00:00", "村/社区": "云水社区"}
        take_in([moved, again])
        small, whole = (build.build(home, today=day, is_full=is_full) for is_full in (False, True))
        assert differences(*(publish.version_file(home, one["version"]) for one in (small, whole))) == []
        with duckdb.connect(publish.version_file(home, small["version"]), read_only=True) as connection:
            [made_of] = connection.execute(
                "select (select count(*) from basis.scan), (select count(*) from basis.title),"
                " (select count(*) from basis.title_gram), (select count(*) from recurrence)"
            ).fetchall()
        assert all(made_of), made_of
        n_changed.append(small["n_changed"])
    assert all(n and 29 <= n < 160 for n in n_changed), n_changed
    # What concerns all items makes all anew, and so does a day before.
    ingest.undo(home, last)
    assert build.build(home, today=day)["full_because"] == "有批次撤回"
    assert build.build(home, today=day - timedelta(days=1))["full_because"] == "截至日早于正在使用的版本"


def test_a_spot_is_found_anew_where_what_is_read_of_its_items_changed():
    rows = [
        ("a", "0501", "111", 113.1, "甲", "in_progress"), ("a", "0501", "111", 113.1, "甲", "closed"),  # only what is not read
        ("b", "0501", "112", 113.1, "甲", "closed"), ("b", "0501", "112", 113.1, "乙", "closed"),  # another unit
        ("c", "0502", None, 113.1, "甲", "closed"), ("c", "0503", None, 113.3, "甲", "closed"),  # another place
        ("d", "0504", "114", 113.1, "甲", "closed"),  # new
    ]  # fmt: skip
    with duckdb.connect() as connection:
        connection.execute(
            "create temp table touched_item (event_key varchar, issue_code varchar, community_code varchar, lon double,"
            " unit_name varchar, status varchar, lat double default 30.0)"
        )
        names = "event_key, issue_code, community_code, lon, unit_name, status"
        connection.executemany(f"insert into touched_item ({names}) values (?, ?, ?, ?, ?, ?)", rows)
        refresh._find_spots(connection, "select issue_code, community_code, lon, lat, unit_name from event")
        found = connection.execute("from touched_spot order by all").fetchall()
    assert found == [
        ("0501", "112", None, None), ("0502", None, 113.1, 30.0), ("0503", None, 113.3, 30.0), ("0504", "114", None, None),
    ]  # fmt: skip


def test_only_a_version_of_some_size_made_by_this_program_from_this_reference_is_followed(home, monkeypatch):
    load(home, make_events(n=3))
    build.build(home, today=date(2026, 11, 16))
    assert refresh.start(home) == publish.version_file(home, 1)
    before = refresh.facts(home.reference, home, "known")
    (home.reference / "correction.csv").write_text("source\n", encoding="utf-8")
    assert [name for name, now in refresh.facts(home.reference, home, "known").items() if now != before[name]] == [
        "reference"
    ]
    monkeypatch.setattr(refresh, "FEWEST_ITEMS", 4)
    assert refresh.start(home) is None
    monkeypatch.setattr(refresh, "FEWEST_ITEMS", 0)
    with duckdb.connect(publish.version_file(home, 1)) as connection:
        connection.execute("drop table basis.fact")
    assert refresh.start(home) is None


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no SIGKILL")
def test_killed_while_it_follows_and_read_all_the_while(home, tmp_path):
    """Builds of one file after the other, killed at random moments: whoever reads finds one version, whole."""
    office, day, chance = Office(5), FIRST + timedelta(days=84), random.Random(5)
    ingest.ingest([office.export(office.receive(200, FIRST, 84), tmp_path)], home, today=day)
    build.build(home, today=day)
    seen, is_over = [], threading.Event()

    def read() -> None:
        while not is_over.is_set():
            version = publish.current(home)
            with duckdb.connect(publish.version_file(home, version or 0), read_only=True) as connection:
                facts = dict(connection.execute("from meta").fetchall())
                counts = connection.execute(
                    "select (select count(*) from event), (select count(*) from item_fact),"
                    " (select sum(n_events) from weekly_counts)"
                ).fetchall()[0]
            seen.append((int(facts["version"]) == version, {*counts, int(facts["n_events"])}))
            time.sleep(0.05)

    reader = threading.Thread(target=read)
    reader.start()
    ingest.ingest([office.export(office.receive(9, day - timedelta(days=3), 3), tmp_path)], home, today=day)
    for seconds in (chance.uniform(1.5, 3.0), 300.0):
        process = subprocess.Popen([sys.executable, "-c", BUILD, str(home.path), str(day)], cwd=ROOT)
        try:
            assert process.wait(seconds) == 0
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    is_over.set()
    reader.join()
    assert (publish.current(home) or 0) >= 2
    assert len(seen) > 5 and all(is_one and len(counts) == 1 for is_one, counts in seen)
    last = publish.current(home) or 0
    whole = build.build(home, today=day, is_full=True)["version"]
    assert differences(publish.version_file(home, last), publish.version_file(home, whole)) == []
