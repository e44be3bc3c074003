"""「个人信息」: what never came in, and what the second look found."""

from datetime import date

import polars as pl
import pytest
from builders import add_reference, load, make_events
from streamlit.testing.v1 import AppTest

from app import page
from app.parts.protection import figures
from pipelines import build
from pipelines.config import ROOT

MONDAY_AFTER = date(2026, 11, 16)


def opened(home, monkeypatch) -> AppTest:
    monkeypatch.setenv("YANPAN_HOME", str(home.path))
    monkeypatch.setattr(page, "today", lambda: MONDAY_AFTER)
    at = AppTest.from_file(str(ROOT / "app" / "main.py"), default_timeout=60).run()
    at.query_params["tab"] = "个人信息"
    at.switch_page("views/intake.py").run()
    assert not at.exception, at.exception
    return at


def said(at: AppTest) -> str:
    return "".join(element.proto.body for element in at.get("html"))


def test_clean_city_says_what_was_dropped_and_that_nothing_is_left(demo_home, monkeypatch):
    at = opened(demo_home, monkeypatch)
    text = said(at)
    for expected in ("手机号", "楼栋房号", "读取时丢弃的列", "手机号码", "0 处", "复查"):
        assert expected in text or any(expected in metric.label for metric in at.metric), expected
    assert {"复查的表", "复查的列", "复查的格", "发现"} <= {metric.label for metric in at.metric}
    assert [metric.value for metric in at.metric if metric.label == "发现"] == ["0"]


def test_a_hint_is_listed_with_its_shape_and_without_its_value(empty_home, monkeypatch):
    load(empty_home, make_events(text="联系人：王小明"), make_events(n=40))
    add_reference(empty_home)
    build.build(empty_home, today=MONDAY_AFTER)
    at = opened(empty_home, monkeypatch)
    listed = next(table.value for table in at.dataframe if "shape" in table.value.columns)
    assert listed["personal_kind"].to_list() == ["姓名"] * len(listed)
    assert "王小明" not in said(at) and not listed["shape"].str.contains("王").any()


@pytest.mark.parametrize(("n", "expected"), [(0, 0), (3, 3)])
def test_a_column_with_two_kinds_counts_once(n, expected):
    scan = pl.DataFrame(
        {
            "storage": ["marts"] * 3,
            "table_name": ["event", "event", "batch"],
            "column_name": ["text", "text", "layout"],
            "n_cells": [10, 10, 5],
            "n_cells_found": [n, 0, 0],
        }
    )
    assert figures(scan) == {"复查的表": 2, "复查的列": 2, "复查的格": 15, "发现": expected}
