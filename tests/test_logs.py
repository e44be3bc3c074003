"""No log, of whatever library, holds what was read; a log store gets one JSON object a line."""

import json
import logging
import os
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest
import sqlalchemy as sa

from pipelines import logs, runs
from pipelines.errors import SourceError, UsageError

ROOT = Path(__file__).resolve().parents[1]
SECRETS = ("欧阳建国", "13912345678", "11010519491231002X", "临江路十八号", "GD2026XYZ01")
HOSTILE = "欧阳建国 13912345678 11010519491231002X 住临江路十八号 GD2026XYZ01"
HEADER = "工单编号,受理时间,问题分类,被反映区,被反映街乡镇,工单状态,主要内容"


def run(code: str, kind: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=False, encoding="utf-8",
        env={**os.environ, logs.SETTING: kind, "PYTHONUTF8": "1", "HOSTILE": HOSTILE},
    )  # fmt: skip


def calm(text: str) -> None:
    assert not [secret for secret in SECRETS if secret in text], text


def test_a_record_tells_kind_and_place_and_quotes_nothing(capsys):
    handler = logs.handler("json")
    try:
        try:
            date.fromisoformat(HOSTILE)
        except ValueError as error:
            raise KeyError(HOSTILE) from error
    except KeyError as error:
        record = logs._Record(
            "app.x", logging.ERROR, __file__, 1, "failed: %s, number %s", (error, "13912345678"),
            (KeyError, error, error.__traceback__),
        )  # fmt: skip
    for form in (handler.format(record), logging.Formatter("%(message)s").format(record)):
        calm(form)
        assert "KeyError" in form and "→ ValueError" in form and "test_logs.py" in form
    line = json.loads(handler.format(record))
    assert (
        line["message"] == "failed: KeyError, number 〔数字〕"
        and line["error"] == "KeyError"
        and line["level"] == "error"
    )
    assert {"at", "level", "logger", "message", "version", "process", "error", "where"} == set(line)


def test_words_of_the_system_and_our_own_sentences_are_told():
    engine = sa.create_engine("sqlite://")
    with engine.connect() as connection:
        for statement, kept in (("select * from no_table where x = :x", "no such table"), ("select :x +", None)):
            with pytest.raises(sa.exc.OperationalError) as caught:
                connection.execute(sa.text(statement), {"x": HOSTILE})
            calm(logs.about(caught.value))
            assert kept is None or kept in logs.about(caught.value)
    engine.dispose()
    assert logs.about(PermissionError(13, "Permission denied", HOSTILE)) == "PermissionError: Permission denied"
    ours = SourceError("表.csv", found="甲", expected="乙", next_step="丙。")
    assert logs.about(ours) == str(ours) and logs.about(ValueError(HOSTILE)) == "ValueError"


def test_another_word_than_text_or_json_is_refused(monkeypatch):
    monkeypatch.setenv(logs.SETTING, "xml")
    with pytest.raises(UsageError, match="text 或 json"):
        logs.kind()


@pytest.mark.parametrize("kind", logs.KINDS)
def test_what_nobody_catches_is_told_without_its_words(kind):
    code = "import os; from pipelines import logs; logs.set_up(); import warnings; warnings.warn(os.environ['HOSTILE'])\nint(os.environ['HOSTILE'])"
    done = run(code, kind)
    calm(done.stdout + done.stderr)
    assert done.returncode == 1 and "ValueError" in done.stderr and "UserWarning" in done.stderr
    if kind == "json":
        assert [json.loads(line)["level"] for line in done.stderr.splitlines()] == ["warning", "critical"]
    else:
        assert "Traceback (most recent call last):" in done.stderr  # by which app.jobs and the inbox know a crash


def test_a_page_that_fails_is_logged_without_its_words():
    """Through the server's own handler, Streamlit's logger and uvicorn's."""
    code = """
import logging, os
from datetime import date
from streamlit.logger import get_logger
from app import server
early = get_logger("streamlit.early")
server.log_in_our_form()
try:
    date.fromisoformat(os.environ["HOSTILE"])
except ValueError as error:
    server.say_sorry(error)
    early.error("Uncaught app execution", exc_info=error)
    get_logger("streamlit.late").error("Uncaught app execution", exc_info=error)
    logging.getLogger("uvicorn.error").error("Exception in ASGI application", exc_info=error)
"""
    done = run(code, "json")
    calm(done.stderr)
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    failed = {line["logger"]: line for line in lines if line.get("error") == "ValueError"}
    assert {"app.server", "streamlit.early", "streamlit.late", "uvicorn.error"} <= set(failed)


def test_hostile_rows_leave_no_trace_in_what_an_import_says(tmp_path):
    """Each cell holds what should not be there; wrong rows, an unknown header, a file cut in a quotation."""
    good = "GD2026XYZ01,2026-03-01 09:00:00,城乡建设>供热管理,云溪区,和平街道,办理中,暖气不热"
    cells = good.split(",")
    rows = [",".join([*cells[:n], HOSTILE, *cells[n + 1 :]]) for n in range(len(cells))]
    files = {
        "坏行.csv": [HEADER, *rows, good],
        "没有表头.csv": [HOSTILE.replace(" ", ",")] * 3,
        "没合上.csv": [HEADER, good, f'"{HOSTILE}'],
    }
    for name, lines in files.items():
        (tmp_path / name).write_text("\n".join(lines), encoding="utf-8")
        done = subprocess.run(
            [sys.executable, "-m", "pipelines.cli", "ingest", str(tmp_path / name), "--home", str(tmp_path / "home")],
            cwd=ROOT, capture_output=True, check=False, encoding="utf-8", env={**os.environ, logs.SETTING: "json"},
        )  # fmt: skip
        calm(done.stderr + done.stdout)
        assert done.stderr and all({"at", "message"} <= set(json.loads(line)) for line in done.stderr.splitlines())
    ran = runs.last(tmp_path / "home")["ingest"]
    assert ran["exit_code"] == 3 and ran["succeeded_at"]
