"""A view of a business system's database: read as it is, by real servers, and nothing of its address shown."""

import gc
import logging
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import psycopg
import pymysql
import pytest
from servers import free_port, program, run_as, server_folder

from pipelines import warehouse
from pipelines.cli import main
from pipelines.config import Home
from pipelines.errors import SourceError
from pipelines.ingest import ingest, recognise_file
from pipelines.sources import reading
from pipelines.sources.reading import database

SECRET = "p@ss:wörd/%秘"
SECRET_IN_ADDRESS = "p%40ss%3Aw%C3%B6rd%2F%25%E7%A7%98"
COLUMNS = (
    "工单编号",
    "工单标题",
    "工单内容",
    "来电人电话",
    "推送时间",
    "承办单位",
    "问题分类",
    "问题点位",
    "工单状态",
    "办结时间",
)
N_MANY = 45_000  # more than two blocks


class Server(NamedTuple):
    address: str  # of its view, without a password
    engine: str

    def with_password(self) -> str:
        return self.address.replace("reader@", f"reader:{SECRET_IN_ADDRESS}@")

    def view(self, name: str, *, password: bool = True) -> str:
        address = self.with_password() if password else self.address
        return address.replace("view=%E5%B7%A5%E5%8D%95", f"view={name}")


def rows() -> list[tuple]:
    return [
        (
            "990101202401050001",
            "暖气不热",
            "家里暖气不热",
            "19900001234",
            "2024-01-05 08:00:00",
            "某局",
            "城乡建设>供热",
            "安澜市云溪区和平街道",
            "已办结",
            "2024-01-06 09:30:00",
        ),
        (
            "990101202401050002",
            "路灯不亮",
            "路灯，不亮\n三天了",
            "19900001235",
            "2024-01-05 09:00:00",
            "某局",
            "城乡建设>照明",
            "安澜市云溪区和平街道",
            "办理中",
            None,
        ),
        (
            "990101202401050003",
            "噪声",
            "夜间施工",
            None,
            "2024-01-05 10:00:00",
            "",
            "生态环境>噪声",
            "安澜市云溪区和平街道",
            "办理中",
            None,
        ),
    ]


def fill(cursor, quote: str, kinds: dict[str, str]) -> None:
    """The table behind the view, of the kinds of columns an office has, and an odd view or two."""
    names = [f"{quote}{name}{quote}" for name in COLUMNS]
    kind_of = {"工单内容": "text", "推送时间": kinds["time"], "办结时间": kinds["time"]}
    columns = ", ".join(
        f"{name} {kind_of.get(plain, 'varchar(200)')}" for name, plain in zip(names, COLUMNS, strict=True)
    )
    cursor.execute(f"create table 底表 ({columns})")
    cursor.executemany(f"insert into 底表 values ({', '.join(['%s'] * len(COLUMNS))})", rows())
    cursor.execute("create view 工单 as select * from 底表")
    cursor.execute("create view 空表 as select * from 底表 where 1 = 0")
    cursor.execute(f"create view 倒序 as select * from 底表 order by {names[0]} desc")
    cursor.execute("create table 不许看 (甲 int)")
    cursor.execute("create table 无关 (甲 int, 乙 int)")


@pytest.fixture(scope="session")
def postgres(postgres_server) -> Server:
    owner, port = postgres_server
    with psycopg.connect(f"{owner} dbname=postgres", autocommit=True) as connection:
        connection.execute('create database "office"')
    with (
        psycopg.connect(f"{owner} dbname=office", autocommit=True) as connection,
        connection.cursor() as cursor,
    ):
        fill(cursor, '"', {"time": "timestamp"})
        cursor.execute(psycopg.sql.SQL("create role reader login password {}").format(SECRET))
        cursor.execute('create schema "接口"')
        cursor.execute(
            'create view "接口"."V_Order" as select "工单编号", "工单标题", "工单内容", "来电人电话",'
            " case \"工单编号\" when '990101202401050001' then timestamptz '2024-01-05 00:00:00+00'"
            " else timestamptz 'infinity' end as \"推送时间\","
            ' "承办单位", "问题分类", "问题点位", "工单状态", "办结时间" from 底表'
        )
        cursor.execute(
            "create table 很多 as select (990101202400000000 + n)::bigint as 工单编号, '标题' || n as 工单标题, '内容' as 工单内容,"
            " '19900001234' as 来电人电话, timestamp '2024-01-05 08:00:00' + n * interval '1 second' as 推送时间, '某局' as 承办单位,"
            " '城乡建设>供热' as 问题分类, '云溪区' as 问题点位, '办理中' as 工单状态, null::timestamp as 办结时间"
            f" from generate_series(1, {N_MANY}) as n"
        )
        cursor.execute('grant usage on schema "接口" to reader')
        cursor.execute('grant select on 底表, 工单, 空表, 倒序, 无关, 很多, "接口"."V_Order" to reader')
    return Server(f"postgresql://reader@127.0.0.1:{port}/office?view=%E5%B7%A5%E5%8D%95", "postgresql")


@pytest.fixture(scope="session")
def mariadb() -> Iterator[Server]:
    install, mariadbd = program("mariadb-install-db"), program("mariadbd")
    with server_folder() as (folder, user):
        run_as(
            user,
            [
                install,
                "--no-defaults",
                f"--datadir={folder}/data",
                "--auth-root-authentication-method=normal",
                "--skip-test-db",
                f"--tmpdir={folder}",  # two installations at once trip over each other's files in /tmp
            ],
        )
        port = free_port()
        command = [
            mariadbd,
            "--no-defaults",
            f"--datadir={folder}/data",
            f"--socket={folder}/socket",
            f"--port={port}",
            "--bind-address=127.0.0.1",
            f"--pid-file={folder}/pid",
            "--character-set-server=utf8mb4",
            f"--tmpdir={folder}",
            "--skip-log-error",
        ]
        with subprocess.Popen(
            command,
            cwd="/",
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            **({"user": user} if os.geteuid() == 0 else {}),
        ) as process:
            try:
                for _ in range(1200):
                    assert process.poll() is None
                    if (folder / "socket").exists():
                        break
                    time.sleep(0.1)
                with (
                    closing(
                        pymysql.connect(unix_socket=f"{folder}/socket", user="root", charset="utf8mb4", autocommit=True)
                    ) as connection,
                    connection.cursor() as cursor,
                ):
                    cursor.execute("create database office character set utf8mb4")
                    cursor.execute("use office")
                    fill(cursor, "`", {"time": "datetime"})
                    cursor.execute("create user reader@'127.0.0.1' identified by %s", (SECRET,))
                    for name in ("底表", "工单", "空表", "倒序", "无关"):
                        cursor.execute(f"grant select on office.{name} to reader@'127.0.0.1'")
                yield Server(f"mysql://reader@127.0.0.1:{port}/office?view=%E5%B7%A5%E5%8D%95", "mysql")
            finally:
                process.terminate()
                process.wait(30)


@pytest.fixture(params=["postgres", "mariadb"])
def server(request) -> Server:
    return request.getfixturevalue(request.param)


@pytest.fixture(autouse=True)
def _no_password_in_the_environment(monkeypatch):
    for name in ("PGPASSWORD", "PGPASSFILE", "MYSQL_PWD"):
        monkeypatch.delenv(name, raising=False)


def query(home: Home, text: str) -> list[tuple]:
    with warehouse.connect(home, read_only=True) as connection:
        return connection.execute(text).fetchall()


def test_a_view_is_one_batch_and_unchanged_content_is_already_loaded(server, empty_home, capfd, caplog):
    caplog.set_level(logging.DEBUG)
    batch = ingest([Path(server.with_password())], empty_home)[0]
    assert (batch["status"], batch["layout"], batch["encoding"], batch["n_loaded"]) == (
        "loaded",
        "short",
        server.engine,
        3,
    )
    assert batch["file_name"] == "数据库 127.0.0.1/office 工单"
    assert "来电人电话" in batch["dropped_columns"]
    assert batch["file_bytes"] > 0
    assert query(
        empty_home,
        "select item_number, registered_at::varchar, closed_at::varchar, unit_name, text from core.event join core.item_lookup using (event_id) order by 1",
    ) == [
        ("990101202401050001", "2024-01-05 08:00:00", "2024-01-06 09:30:00", "某局", "家里暖气不热"),
        ("990101202401050002", "2024-01-05 09:00:00", None, "某局", "路灯，不亮 三天了"),
        ("990101202401050003", "2024-01-05 10:00:00", None, None, "夜间施工"),
    ]
    again = ingest([Path(server.view("倒序"))], empty_home)[0]  # the same content in another order
    assert (again["status"], again["batch_id"]) == ("already_loaded", batch["batch_id"])
    said = "".join(capfd.readouterr()) + caplog.text + str(query(empty_home, "from core.batch"))
    assert not any(secret in said for secret in (SECRET, SECRET_IN_ADDRESS, "reader", "19900001234"))


def test_identifying_columns_never_leave_the_database(server, monkeypatch):
    asked = []
    real = database.View.blocks

    def blocks(self, columns):
        for rows in real(self, columns):
            asked.append(rows.columns)
            yield rows

    monkeypatch.setattr(database.View, "blocks", blocks)
    plan = recognise_file(Path(server.with_password()))
    assert len([rows for rows, _ in reading.read(plan.tables[0], list(plan.wanted))]) == 1
    assert len(asked) == 2 and not any("来电人电话" in columns for columns in asked)
    shown = plan.tables[0].preview.rows[1]
    assert set(shown) == {database.UNSEEN}
    assert SECRET_IN_ADDRESS not in repr(plan)


def test_the_password_may_come_from_elsewhere(server, empty_home, monkeypatch, tmp_path):
    with pytest.raises(SourceError, match=r"用户名或密码不被接受.*PGPASSWORD"):
        ingest([Path(server.address)], empty_home)
    monkeypatch.setenv("PGPASSWORD" if server.engine == "postgresql" else "MYSQL_PWD", SECRET)
    assert ingest([Path(server.address)], empty_home)[0]["n_loaded"] == 3
    if server.engine == "postgresql":
        monkeypatch.delenv("PGPASSWORD")
        passfile = tmp_path / "pgpass"
        passfile.write_text(
            "127.0.0.1:*:office:reader:" + SECRET.replace("\\", "\\\\").replace(":", "\\:") + "\n", encoding="utf-8"
        )
        passfile.chmod(0o600)
        monkeypatch.setenv("PGPASSFILE", str(passfile))
        assert ingest([Path(server.address)], empty_home)[0]["status"] == "already_loaded"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda server: server.with_password().replace(SECRET_IN_ADDRESS, "guess-1"), "用户名或密码不被接受"),
        (lambda server: server.with_password().replace("reader:", "stranger:"), "用户名或密码不被接受"),
        (lambda server: server.with_password().replace("/office", "/nowhere"), "没有这个数据库|不允许这个用户"),
        (lambda server: server.view("没有"), "没有这个视图"),
        (lambda server: server.view("没有模式.工单"), "没有这个视图|读取这个视图的权限"),
        (lambda server: server.view("不许看"), "没有读取(这个视图|它)的权限"),
        (lambda server: server.view("空表"), "没有数据行"),
        (lambda server: server.view("无关"), "不认识的表头"),
        (lambda server: server.with_password().replace("127.0.0.1", "no-such-host.invalid"), "连不上数据库服务器"),
        (lambda server: server.with_password().partition("?")[0], "view="),
    ],
    ids=["password", "user", "database", "view", "schema", "permission", "empty", "headers", "host", "no-view"],
)
def test_what_goes_wrong_is_one_sentence_without_credentials(server, empty_home, change, says):
    address = change(server)
    with pytest.raises(SourceError, match=says) as caught:
        ingest([Path(address)], empty_home)
    error: BaseException | None = caught.value
    while error is not None:  # nor in what a log of the whole error would show
        assert not any(secret in str(error) for secret in (SECRET, SECRET_IN_ADDRESS, "guess-1"))
        error = error.__cause__
    assert "\n" not in str(caught.value)
    with warehouse.connect(empty_home) as connection:
        assert connection.sql("select count(*) from core.batch").fetchall() == [(0,)]


@pytest.mark.parametrize("engine", ["postgresql", "mysql"])
def test_no_server_there(empty_home, engine):
    with pytest.raises(SourceError, match="连不上数据库服务器"):
        ingest([Path(f"{engine}://reader:{SECRET_IN_ADDRESS}@127.0.0.1:{free_port()}/office?view=v")], empty_home)


def test_an_unknown_kind_of_address_shows_nothing_of_it(empty_home, capsys):
    address = f"oracle://reader:{SECRET_IN_ADDRESS}@127.0.0.1/office?view=v"
    assert main(["ingest", address, "--home", str(empty_home.path)]) == 3
    said = "".join(capsys.readouterr())
    assert "不认识的数据库地址" in said
    assert SECRET_IN_ADDRESS not in said


def test_the_command_takes_an_address(server, empty_home, capsys):
    assert main(["ingest", server.with_password(), "--home", str(empty_home.path)]) == 0
    said = "".join(capsys.readouterr())
    assert "数据库 127.0.0.1/office 工单" in said and SECRET_IN_ADDRESS not in said


def test_a_view_in_a_schema_with_zoned_and_endless_times(postgres, empty_home):
    batch = ingest([Path(postgres.view("接口.V_Order"))], empty_home)[0]
    assert (batch["n_read"], batch["n_loaded"], batch["n_rejected"]) == (3, 1, 2)
    assert query(empty_home, "select registered_at::varchar from core.event") == [("2024-01-05 08:00:00",)]
    assert query(empty_home, "select distinct rule from core.rejected_row") == [("bad_registered_at",)]


def test_large_numbers_arrive_whole_and_in_blocks(postgres):
    plan = recognise_file(Path(postgres.view("很多")))
    blocks = [rows for rows, _ in reading.read(plan.tables[0], list(plan.wanted))]
    assert [len(rows) for rows in blocks] == [20_000, 20_000, 5_000]
    numbers = sorted(number for rows in blocks for number in rows["工单编号"].to_list())
    assert numbers[0] == "990101202400000001" and len(set(numbers)) == N_MANY


def test_what_changes_while_it_is_read_is_not_seen(postgres, empty_home):
    """The rows counted for the batch's number and the rows read are of one moment."""
    address = postgres.view("很多")
    plan = recognise_file(Path(address))
    owner = address.partition("?")[0].replace(f"reader:{SECRET_IN_ADDRESS}", "owner:owner-secret")
    with psycopg.connect(owner, autocommit=True) as connection:
        connection.execute("update 很多 set 承办单位 = '另一局'")
        try:
            seen = {unit for rows, _ in reading.read(plan.tables[0], list(plan.wanted)) for unit in rows["承办单位"]}
            assert seen == {"某局"}
            assert recognise_file(Path(address)).batch_id != plan.batch_id
        finally:
            connection.execute("update 很多 set 承办单位 = '某局'")
    assert recognise_file(Path(address)).batch_id == plan.batch_id


def test_the_session_cannot_write(postgres):
    facts = reading.inspect(Path(postgres.with_password()))
    assert facts.view is not None
    with pytest.raises(Exception, match="read-only"):
        facts.view._connection.exec_driver_sql("create table 新表 (甲 int)")
    facts.view.close()


@pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning"
)  # SQLAlchemy drops a dead cursor unclosed
def test_a_connection_lost_on_the_way_is_said_and_nothing_is_loaded(postgres, empty_home, monkeypatch):
    address = postgres.view("很多")
    owner = address.partition("?")[0].replace(f"reader:{SECRET_IN_ADDRESS}", "owner:owner-secret")
    real = database.read

    def cut(table, wanted):
        with psycopg.connect(owner, autocommit=True) as connection:
            connection.execute("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'reader'")
        yield from real(table, wanted)

    monkeypatch.setattr(database, "read", cut)
    with pytest.raises(SourceError, match="读取途中连接中断"):
        ingest([Path(address)], empty_home)
    gc.collect()
    assert query(empty_home, "select count(*) from core.event") == [(0,)]
