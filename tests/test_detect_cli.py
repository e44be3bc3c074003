"""`yanpan detect`: series in a CSV in, verdicts in a CSV out, and what it says of a file it cannot use."""

import json

import numpy as np
import polars as pl
import pytest

from pipelines import cli
from pipelines.detect_files import OUTPUT_COLUMNS
from pipelines.detectors.farrington import farrington_flexible

NOUFAILY = {
    "control": "N_nb", "b": 5, "w": 3, "noPeriods": 10, "reweight": "TRUE", "pThresholdTrend": 1,
    "pastWeeksNotIncluded": 26, "thresholdMethod": "nbPlugin", "alpha": 0.005, "limit54_cases": 0, "limit54_weeks": 4,
}  # fmt: skip


@pytest.fixture
def counts() -> np.ndarray:
    return np.random.default_rng(8).poisson([0.5, 6, 40], (330, 3))


def write(path, counts: np.ndarray, *, first: int = 1, names=("甲", "乙", "丙"), **more) -> None:
    n = len(counts)
    pl.concat(
        pl.DataFrame({"series": [name] * n, "week": range(first, first + n), "count": counts[:, i], **more})
        for i, name in enumerate(names[: counts.shape[1]])
    ).write_csv(path)


def run(capsys, *arguments) -> tuple[int, dict, str]:
    code = cli.main(["detect", *(str(argument) for argument in arguments), "--json"])
    said = capsys.readouterr()
    return code, json.loads(said.out), said.err


def answers(tmp_path, capsys, method: str, *options, settings: dict | None = None) -> pl.DataFrame:
    out = tmp_path / "结果.csv"
    if settings is not None:
        (tmp_path / "设置.json").write_text(json.dumps(settings), encoding="utf-8")
        options = (*options, "--settings", tmp_path / "设置.json")
    code, result, _ = run(capsys, method, "--input", tmp_path / "计数.csv", *options, "--out", out)
    assert code == 0
    table = pl.read_csv(out)
    assert tuple(table.columns) == OUTPUT_COLUMNS
    assert result["rows"] == len(table) and result["alarms"] == table["alarm"].sum()
    return table


@pytest.mark.parametrize("compat", [False, True])
def test_farrington_writes_what_the_detector_finds(tmp_path, capsys, counts, compat):
    write(tmp_path / "计数.csv", counts)
    flags = ["--compat"] if compat else []
    table = answers(tmp_path, capsys, "farrington", "--weeks", "320,328-330", *flags, settings=NOUFAILY)
    assert table["series"].to_list() == [name for name in ("甲", "乙", "丙") for _ in range(4)]
    assert table["week"].to_list() == [320, 328, 329, 330] * 3
    used = {name: value for name, value in NOUFAILY.items() if "limit" not in name and name != "control"}
    found = farrington_flexible(
        counts, weeks=[319, 327, 328, 329], settings={**used, "reweight": True, "limit54": (0, 4)}, compat=compat
    )
    for column in OUTPUT_COLUMNS[2:]:
        assert table[column].cast(pl.Float64).to_numpy() == pytest.approx(
            found[column].T.ravel().astype(float), rel=1e-12
        ), column


def test_weeks_without_history_are_left_empty(tmp_path, capsys, counts):
    write(tmp_path / "计数.csv", counts[:300])
    table = answers(tmp_path, capsys, "farrington", "--weeks", "10,300")
    assert table["alarm"].null_count() == 3 == table["expected"].null_count()
    assert table.filter(pl.col("week") == 300)["alarm"].null_count() == 0


def test_series_of_different_length_and_interleaved_rows(tmp_path, capsys, counts):
    write(tmp_path / "一.csv", counts[:, :1])
    write(tmp_path / "二.csv", counts[30:, 1:2], first=31, names=("乙",))
    both = pl.concat([pl.read_csv(tmp_path / "一.csv"), pl.read_csv(tmp_path / "二.csv")])
    both.sample(fraction=1, shuffle=True, seed=1).write_csv(tmp_path / "计数.csv")
    table = answers(tmp_path, capsys, "farrington", "--weeks", "330")
    for name, one in (("甲", counts[:, :1]), ("乙", counts[30:, 1:2])):
        alone = farrington_flexible(one, weeks=[len(one) - 1])
        assert table.filter(pl.col("series") == name)["expected"][0] == pytest.approx(alone["expected"][0, 0])


def test_population_and_dates_are_used(tmp_path, capsys, counts):
    days = np.datetime64("2017-01-02") + 7 * np.arange(330)
    population = np.full(330, 1000.0)
    population[-1] = 2000
    write(tmp_path / "计数.csv", counts[:, 2:], date=days, population=population)
    plain = answers(tmp_path, capsys, "farrington", "--weeks", "330")
    offset = answers(tmp_path, capsys, "farrington", "--weeks", "330", settings={"populationOffset": True})
    assert offset["expected"][0] == pytest.approx(2 * plain["expected"][0], rel=1e-6)
    by_date = farrington_flexible(counts[:, 2:], dates=days, weeks=[329])
    assert plain["expected"][0] == pytest.approx(by_date["expected"][0, 0])


@pytest.mark.parametrize(
    ("method", "settings"),
    [
        ("ears", {"method": "C2", "baseline": 10, "minSigma": 0.5, "alpha": 0.01}),
        ("bayes", {"method": "bayes2", "alpha": 0.05}),
        ("bayes", {"method": "rki3", "alpha": None}),
        ("cusum", {"trans": "rossi", "m": "glm", "start": 209}),
    ],
)
def test_the_other_detectors(tmp_path, capsys, counts, method, settings):
    counts[-1] += 30
    write(tmp_path / "计数.csv", counts)
    table = answers(tmp_path, capsys, method, "--weeks", "209-330", settings=settings)
    assert len(table) == 3 * 122 and table["upperbound"].null_count() == 0
    assert table.filter(pl.col("week") == 330)["alarm"].to_list() == [1, 1, 1]
    assert table["trendUsed"].null_count() == len(table)


GOOD = "series,week,count\n甲,1,2\n甲,2,0\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("series,week\n甲,1\n", ("表头", "缺 count")),
        ("series,week,count\n", ("只有表头",)),
        ("", ("读不出来",)),
        (GOOD + "甲,3,-1\n", ("第 4 行“count”列", "“-1”", "0 到 10 亿")),
        (GOOD + "甲,3,1.5\n", ("第 4 行“count”列", "“1.5”")),
        (GOOD + "甲,3,\n", ("第 4 行“count”列", "空值")),
        (GOOD + "甲,三,1\n乙,四,1\n", ("第 4 行“week”列", "“三”（共 2 行）")),
        (GOOD + ",3,1\n", ("第 4 行“series”列", "空值")),
        (GOOD + "甲,2,1\n", ("第 4 行“week”列", "第 2 周出现两次")),
        (GOOD + "甲,5,1\n", ("第 4 行“week”列", "第 5 周之前缺 2 周", "没有事项的周写 0")),
        ("series,week,count,population\n甲,1,2,0\n", ("第 2 行“population”列", "大于 0")),
        ("series,week,count,date\n甲,1,2,2026/1/5\n", ("第 2 行“date”列", "2026-06-29")),
        ("series,week,count,date\n甲,1,2,2026-01-05\n甲,2,2,2026-01-13\n", ("第 3 行“date”列", "相差 8 天")),
    ],
)
def test_a_wrong_file_is_said_and_nothing_written(tmp_path, capsys, text, said):
    path, out = tmp_path / "计数.csv", tmp_path / "结果.csv"
    path.write_text(text, encoding="utf-8")
    code, result, told = run(capsys, "farrington", "--input", path, "--out", out)
    assert code == 3 and not out.exists()
    assert all(words in result["error"] for words in ("计数.csv", "发现", "应为", *said)), result["error"]
    assert "Traceback" not in told


@pytest.mark.parametrize(
    ("method", "text", "said"),
    [
        ("farrington", "{", "读不出来"),
        ("farrington", "[1]", "不是一个对象"),
        ("farrington", '{"thersholdMethod": "nbPlugin"}', "不认识的设置"),
        ("farrington", '{"alpha": "小"}', "键“alpha”：发现\"小\"，应为数"),
        ("farrington", '{"b": 2.5}', "应为整数"),
        ("farrington", '{"limit54": 5}', "[件数, 周数]"),
        ("farrington", '{"alpha": 2}', "设置 alpha：收到 2"),
        ("farrington", '{"populationOffset": true}', "没有 population 列"),
        ("ears", '{"method": "C4"}', "C1、C2、C3"),
        ("bayes", '{"method": "rki1", "alpha": 0.1}', "没有这个设置"),
        ("cusum", '{"start": 1}', "应在 2 到 2 之间"),
    ],
)  # fmt: skip
def test_wrong_settings_are_said(tmp_path, capsys, method, text, said):
    path, settings, out = tmp_path / "计数.csv", tmp_path / "设置.json", tmp_path / "结果.csv"
    path.write_text(GOOD, encoding="utf-8")
    settings.write_text(text, encoding="utf-8")
    code, result, _ = run(capsys, method, "--input", path, "--settings", settings, "--out", out)
    assert code == 3 and said in result["error"], result["error"]
    assert result["error"].endswith("。") and not out.exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--weeks", "一"), "588,600"),
        (("--weeks", "9-2"), "580-624"),
        (("--weeks", "2,7"), "第 7 周不在文件里"),
    ],
)
def test_wrong_weeks_are_said(tmp_path, capsys, options, said):
    path = tmp_path / "计数.csv"
    path.write_text(GOOD, encoding="utf-8")
    code, result, _ = run(capsys, "farrington", "--input", path, *options, "--out", tmp_path / "结果.csv")
    assert code == 2 and said in result["error"]
    code, result, _ = run(capsys, "farrington", "--input", path, "--out", path)
    assert code == 2 and "会覆盖原文件" in result["error"]
    assert path.read_text(encoding="utf-8") == GOOD


def test_equal_to_r_through_the_command(tmp_path, capsys, shared_detect):
    """The whole way, CSV to CSV: no alarm differs and every bound is R's to 1e-9."""
    read = lambda name: pl.read_csv(shared_detect / name, null_values=["NA"], infer_schema_length=None)  # noqa: E731
    series = read("series.csv.gz").filter(pl.col("dataset") == "newport_states")
    series.select(
        "series", pl.col("k").alias("week"), pl.col("observed").alias("count"), "population", "date"
    ).write_csv(tmp_path / "计数.csv")
    reference = read("farrington_ref.csv.gz").filter(pl.col("dataset") == "newport_states")
    for row in read("farrington_controls.csv").iter_rows(named=True):
        part = reference.filter(pl.col("control") == row["control"])
        if part.is_empty():
            continue
        weeks = ",".join(str(k) for k in sorted(part["k"].unique()))
        table = answers(tmp_path, capsys, "farrington", "--weeks", weeks, "--compat", settings=row)
        both = part.join(table, left_on=["series", "k"], right_on=["series", "week"], suffix="_ours")
        assert len(both) == len(part)
        assert (both["alarm"] == both["alarm_ours"]).all()
        assert both["upperbound"].is_null().equals(both["upperbound_ours"].is_null())
        assert ((both["upperbound_ours"] - both["upperbound"]).abs() <= 1e-9 * both["upperbound"]).drop_nulls().all()
