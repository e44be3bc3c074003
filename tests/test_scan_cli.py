"""`yanpan detect scan` over files, as somebody without our warehouse uses it."""

import json
from pathlib import Path

import polars as pl
import pytest

from tests.test_cli import yanpan

CASES = "place,date,count\n" + "".join(
    f"p{place},2026-0{month}-{day:02},1\n" for place in range(6) for month in (1, 2, 3) for day in (3, 10, 17, 24)
)


def files(tmp_path: Path, *, cases: str = CASES, places: str | None = None, **settings) -> list[str]:
    own = "place,x,y\n" + "".join(f"p{place},{place * 2},0\n" for place in range(6))
    for name, text in (("cases.csv", cases), ("places.csv", places or own), ("set.json", json.dumps(settings))):
        (tmp_path / name).write_text(text, encoding="utf-8")
    return [
        "detect", "scan", "--cases", str(tmp_path / "cases.csv"), "--places", str(tmp_path / "places.csv"),
        "--settings", str(tmp_path / "set.json"), "--out", str(tmp_path / "out.csv"),
    ]  # fmt: skip


@pytest.mark.parametrize("statistic", ["permutation", "poisson"])
def test_a_planted_cluster_is_the_first_line(tmp_path, statistic):
    places = "place,x,y,population\n" + "".join(f"p{place},{x},0,100\n" for place, x in enumerate((0, 2, 4, 5, 9, 11)))
    more = "p2,2026-03-24,9\np3,2026-03-23,8\n"
    command = files(
        tmp_path, cases=CASES + more, places=places, max_radius=2.5, max_weeks=3, replications=99, seed=1,
        statistic=statistic,
    )  # fmt: skip
    code, answer, _ = yanpan(tmp_path / "home", *command)
    assert code == 0 and answer["cases"] == 89
    first = pl.read_csv(tmp_path / "out.csv").row(0, named=True)
    assert (first["places"], first["start"], first["end"]) in (
        ("p2;p3", "2026-03-18", "2026-03-24"),
        ("p3;p2", "2026-03-18", "2026-03-24"),
    )
    assert (first["observed"], first["p_value"], first["recurrence_interval"]) == (19, 0.01, 700.0)


def test_week_numbers_do_as_well(tmp_path):
    cases = "place,week\n" + "".join(f"p{place},{week}\n" for place in range(6) for week in range(1, 9)) + "p1,8\n" * 9
    code, _, _ = yanpan(tmp_path / "home", *files(tmp_path, cases=cases, max_radius=1, max_weeks=2, replications=19))
    first = pl.read_csv(tmp_path / "out.csv").row(0, named=True)
    assert code == 0 and (first["center"], first["start"], first["end"], first["observed"]) == ("p1", 8, 8, 10)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"cases": "place,week\nnix,1\n"}, "“nix”"),
        ({"cases": "place,date\np1,昨天\n"}, "第 2 行“date”列"),
        ({"cases": "place,week,count\np1,1,-2\n"}, "第 2 行“count”列"),
        ({"cases": "place\np1\n"}, "week 或 date"),
        ({"cases": "place,week\np1,1\np1,2\n", "max_weeks": 5}, "只有 2 期"),
        ({"places": "place,x\np1,1\n"}, "place,lon,lat"),
        ({"places": "place,x,y\np1,a,1\n"}, "第 2 行“x”列"),
        ({"places": "place,x,y\np1,1,1\np1,2,1\n"}, "出现多次"),
        ({"radius": 3}, "不认识的设置"),
        ({"replications": 0}, "不小于 1"),
        ({"statistic": "bernoulli"}, "permutation 或 poisson"),
        ({"statistic": "poisson"}, "population"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(tmp_path, change, said):
    code, answer, _ = yanpan(tmp_path / "home", *files(tmp_path, **change))
    assert code == 3 and said in answer["error"]
    assert not (tmp_path / "out.csv").exists()


def test_both_files_are_needed(tmp_path):
    code, answer, _ = yanpan(tmp_path / "home", "detect", "scan", "--out", str(tmp_path / "out.csv"))
    assert code == 2 and "--places" in answer["error"]
