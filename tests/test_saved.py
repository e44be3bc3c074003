"""收藏: kept for whom it is, found again as it was, and nothing in it that is not ours."""

import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import date, datetime
from pathlib import Path
from threading import Barrier, BrokenBarrierError

import pytest
import sqlalchemy as sa
from streamlit.testing.v1 import AppTest

from app.casework import saved, store
from app.casework.cases import Refused
from app.casework.store import dispatch_choice, review, saved_view

APP = Path(__file__).resolve().parents[1] / "app"
NOT_KEPT = {"item", "entry", "dissatisfied_page"}
"""They point at one item, or at a page of a list."""
SAME = {sa.Boolean: True, sa.Integer: 1, sa.Date: date(2026, 11, 9), sa.DateTime: datetime(2026, 11, 9), sa.JSON: {}}
MINE, OTHER = {"role": "office", "unit": None}, {"role": "unit", "unit": "云溪区城管局"}


@pytest.fixture(params=["sqlite", "postgresql"])
def state(request, monkeypatch) -> Iterator[None]:
    """An empty state database of either kind."""
    if request.param == "postgresql":
        monkeypatch.setenv("YANPAN_STATE", request.getfixturevalue("postgres_state"))
    yield
    store.engine().dispose()
    store._engine.cache_clear()


def keep(
    name: str = "每周例会", *, whose: dict = MINE, is_shared: bool = False, request_id: str = "", **query: str
) -> str:
    at = datetime(2026, 11, 16, 9)
    return saved.keep(name, "issues", query, **whose, is_shared=is_shared, request_id=request_id or name, at=at)


def names(**whose) -> list[str]:
    return [view.name for view in saved.of(**whose)]


def test_kept_for_its_owner_and_shared_with_all(state):
    keep("我的", county="990101", weeks="13")
    keep("大家的", is_shared=True)
    keep("单位的", whose=OTHER)
    keep("没选身份的", whose={"role": None, "unit": None})
    assert names(**MINE) == ["我的", "大家的", "没选身份的"]
    assert names(**OTHER) == ["单位的", "大家的", "没选身份的"]
    assert names(role="unit", unit="别的单位") == names(role=None, unit=None) == ["大家的", "没选身份的"]
    mine = saved.of(**MINE)[0]
    assert (mine.page, mine.query, mine.is_shared) == ("issues", {"county": "990101", "weeks": "13"}, False)


def test_a_second_click_is_harmless_whatever_has_happened_since(state):
    assert keep("每周例会", request_id="r") == "每周例会"
    assert keep("", request_id="r") == "每周例会", "the first click has emptied the box"
    assert len(saved.of(**MINE)) == 1


@pytest.mark.parametrize("table", [saved_view, review, dispatch_choice], ids=lambda table: table.name)
def test_two_clicks_at_the_same_moment_are_one(state, table):
    """Each connection has looked and found nothing before either of them writes; SQLite lets one in at a time."""
    both, made = Barrier(2, timeout=2), []

    def row(connection: sa.Connection) -> dict:
        made.append(connection)
        with suppress(BrokenBarrierError):
            both.wait()
        return {column.name: SAME.get(type(column.type), "x") for column in table.columns if not column.nullable and column.name not in ("id", "request_id")}  # fmt: skip

    def click(_n: int) -> object:
        return store.add_once(table, "r", "version" if "version" in table.columns else "name", row)

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(click, range(2))) == ["x", "x"]
    assert len(made) == (2 if store.engine().dialect.name == "postgresql" else 1), "the test is of the race"
    with store.reading() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(table)).scalar() == 1


def test_what_another_constraint_refuses_is_not_taken_for_a_second_click(state):
    with pytest.raises(sa.exc.IntegrityError):
        store.add_once(saved_view, "r", "name", lambda _: {"name": "没有别的列"})


def test_only_the_owner_renames_and_deletes(state):
    keep("大家的", is_shared=True)
    keep("没选身份的", whose={"role": None, "unit": None})
    shared, free = saved.of(**OTHER)
    assert not shared.is_of(**OTHER) and shared.is_of(**MINE) and free.is_of(**OTHER)
    for change in (lambda: saved.remove(shared.id, **OTHER), lambda: saved.rename(shared.id, "改", **OTHER)):
        with pytest.raises(Refused, match="只有收藏它的人"):
            change()
    saved.rename(shared.id, "  周一   用 ", **MINE)
    saved.remove(free.id, **OTHER)
    assert names(**OTHER) == ["周一 用"]
    saved.remove(shared.id, **MINE)
    with pytest.raises(Refused):
        saved.remove(shared.id, **MINE)
    assert names(**MINE) == []


def test_one_click_is_one_row_and_a_name_is_needed(state):
    assert keep("甲", request_id="同一次") == keep("乙", request_id="同一次") == "甲"
    assert names(**MINE) == ["甲"]
    for name, why in (("  ", "起个名字"), ("长" * 41, "最多 40 字")):
        with pytest.raises(Refused, match=why):
            keep(name)


def test_nothing_personal_and_nothing_foreign_is_kept(state):
    said = keep(
        "用户张伟的事 13900001111", county="990101", redirect="//x", unit="住3栋2单元的张伟13900001111", week="2026-W46"
    )
    assert "张伟" not in said and "1390" not in said
    (view,) = saved.of(**MINE)
    assert view.query == {"county": "990101", "week": "2026-W46"}
    assert saved.allowed({"issue": "13900001111", "entry": "3b", "supervision_state": "late", "part": "诉求群体"}) == {
        "supervision_state": "late",
        "part": "诉求群体",
    }


def test_every_filter_of_the_pages_can_be_kept():
    """What a page keeps in its address, a saved page keeps; but for what points at one item."""
    source = "\n".join(path.read_text(encoding="utf-8") for path in sorted(APP.rglob("*.py")))
    asked = set(re.findall(r'choose\((?:[^()]|\([^()]*\))*?key="(\w+)"', source))
    asked |= set(re.findall(r'query_params(?:\.get\(|\[)"(\w+)"', source)) | set(
        re.findall(r'key="(\w+)", bind="query', source)
    )
    assert len(asked) > 40
    assert asked - saved.KEPT - NOT_KEPT == {"signal"}, "signal: a link of an earlier version"
    per_kind = set(re.findall(r'key=f"\{code\}_(\w+)"', (APP / "parts" / "ledger.py").read_text(encoding="utf-8")))
    assert {"period", "subtype", "state", "unit"} <= per_kind
    assert all(saved.LEDGER.fullmatch(f"leader_case_{name}") for name in ("period", "subtype", "state", "unit"))


def link_of(query: dict[str, str]) -> dict[str, str]:
    """What the link of a saved view says while the newest week is 2026-W46."""

    def script(query: dict[str, str]) -> None:
        import streamlit as st

        from app.casework.saved import View
        from app.parts.saved import _query

        st.json(_query(View(1, "例会", "weekly", query, True, None, None), "2026-W46"))

    return json.loads(AppTest.from_function(script, args=(query,)).run().json[0].value)


def test_a_view_of_no_one_week_opens_on_the_newest(state):
    keep("总是最新", week=saved.NEWEST, county="990101")
    kept = saved.of(**MINE)[0].query
    assert link_of(kept) == {"county": "990101", "week": "2026-W46"}, "in the link: no step of its own in the history"
    assert link_of({**kept, "asof": "2026-10-01"}) == {"county": "990101", "asof": "2026-10-01"}, "another day's newest"
    assert link_of({"week": "2026-W40"}) == {"week": "2026-W40"} and link_of({"topic": "a"}) == {"topic": "a"}
