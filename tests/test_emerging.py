"""New words: found when they come, once, for what they are; and all that must never become one."""

import os
from datetime import date, timedelta
from pathlib import Path

import duckdb
import numpy as np
import polars as pl
import pytest
from scipy.stats import binom

from pipelines import emerging, redact
from pipelines.surveillance import emerging as words

LAST = date(2026, 11, 9)
WEEKS = [LAST - timedelta(weeks=n) for n in range(words.READ_WEEKS - 1, -1, -1)]
PLACES = pl.DataFrame(
    [("1", "安澜市", "city"), ("11", "云溪区", "county"), ("1101", "长宁街道", "town"), ("110101", "义安社区", "community")],
    schema=["place_code", "place_name", "place_level"],
    orient="row",
)  # fmt: skip


def corpus(n_a_week: int = 40, *, seed: int = 0, weeks: list[date] = WEEKS) -> pl.DataFrame:
    """Items whose texts are words drawn from one vocabulary, some frequent and some rare, week after week alike."""
    rng = np.random.default_rng(seed)
    signs = np.array([chr(code) for code in range(0x4E00, 0x4E00 + 3000)])
    fixed = np.random.default_rng(0)
    vocabulary = np.array(["".join(fixed.choice(signs, 2 + n % 2)) for n in range(1500)])
    weight = 1 / (10 + np.arange(1500))
    texts = vocabulary[rng.choice(1500, (len(weeks), n_a_week, 12), p=weight / weight.sum())]
    rows = [
        row(f"{monday}{n:04d}", "".join(texts[week, n]), monday + timedelta(days=n % 7))
        for week, monday in enumerate(weeks)
        for n in range(n_a_week)
    ]
    return pl.DataFrame(rows, infer_schema_length=None)


def row(key: str, text: str, on: date, **changes) -> dict:
    defaults = {
        "event_key": key, "source": "hotline", "registered_on": on, "issue_code": "0101", "county_code": "11",
        "town_code": "1101", "community_code": "110101", "text": text,
    }  # fmt: skip
    return defaults | changes


def with_text(items: pl.DataFrame, *texts: str, week: date = LAST, n: int = 8, **changes) -> pl.DataFrame:
    """The items and `n` more of this week, whose own text has the given ones in the middle."""
    own = corpus(n, seed=sum(map(ord, texts[0])) + week.toordinal(), weeks=[week])
    said = [f"{own['text'][k][:8]}，{texts[k % len(texts)]}，{own['text'][k][8:]}" for k in range(n)]
    added = [
        row(f"added{week}{texts[0]}{k}", text, week + timedelta(days=k % 7), **changes) for k, text in enumerate(said)
    ]
    return pl.concat([items, pl.DataFrame(added, infer_schema_length=None)], how="vertical_relaxed")


def found(items: pl.DataFrame, weeks: list[date] = WEEKS) -> pl.DataFrame:
    return words.find(items, PLACES, weeks=weeks)


def said(rows: pl.DataFrame) -> str:
    return "、".join([*rows["word"], *rows["words"]])


def test_a_quiet_city_has_no_new_words():
    assert found(corpus()).is_empty()


def test_a_new_word_is_found_once_where_and_when_it_comes():
    items = with_text(corpus(), "锦绣花园停工", "听说锦绣花园停工")
    [row] = found(items).to_dicts()
    assert (row["word"], row["week_start_on"], row["n_events"]) == ("锦绣花园停工", LAST, 8)
    assert row["window_weeks"] == 1 and row["n_before"] == row["expected"] == 0
    assert row["first_seen_on"] == LAST and row["issue_code"] == "0101"
    assert (row["place_level"], row["place_code"]) == ("town", "1101")
    assert len(row["examples"].split(",")) == 3 and all(key.startswith("added") for key in row["examples"].split(","))
    assert row["chance_per_year"] < 0.01


def test_words_of_the_same_items_are_one_topic():
    items = with_text(corpus(), "锦绣花园停工，要求退还定金")
    [row] = found(items).to_dicts()
    assert sorted([row["word"], row["words"]]) == ["要求退还定金", "锦绣花园停工"]


def test_a_topic_keeps_its_id_while_it_lasts():
    items = with_text(with_text(corpus(), "锦绣花园停工", week=LAST - timedelta(weeks=1)), "锦绣花园停工")
    rows = found(items)
    assert rows["week_start_on"].to_list() == [LAST - timedelta(weeks=1), LAST]
    assert rows["word_id"].n_unique() == 1 and rows["n_events"].to_list() == [8, 16]


def test_no_name_place_or_date_becomes_a_word():
    never = [
        "张伟强",
        "举报刘洋打人",
        "欧阳建国",
        "长宁街道",
        "义安",
        "2026年11月3日",
        "十一月上旬",
        "〔姓名〕〔手机号〕",
        "的我们",
    ]
    items = corpus(60)
    for text in [*never, "锦绣花园停工"]:
        items = with_text(items, text, n=10)
    assert said(found(items)).strip("、") == "锦绣花园停工"


def test_names_are_told_from_things():
    people = [
        "张伟强",
        "李明",
        "举报刘洋",
        "队长李小明",
        "欧阳建国",
        "司马相",
        "王建国拖欠",
        "赵六打人",
        "老板陈刚跑路",
        "向王强",
    ]
    things = [
        "伊景园",
        "丽发新城",
        "搅拌站",
        "安宁路换热站",
        "车位捆绑",
        "高压线",
        "黄金海岸",
        "马路塌陷",
        "预付卡",
        "紫金家具有限公司",
    ]
    assert [word for word in people if not words.is_name_like(word)] == []
    assert [word for word in things if words.is_name_like(word)] == []


def test_no_fragment_stands_for_a_topic():
    """What begins or ends no word of content is cut off, and what remains without a noun is no word."""
    for text, word in {
        "暖气不热已": "暖气不热",
        "没发": "",
        "一连": "",
        "被要求退不": "",
        "就换热站停电了": "换热站停电",
    }.items():
        trimmed = words._trimmed(text)
        assert (trimmed if words._says_what(trimmed) else "") == word


def test_one_event_in_phrases_that_no_item_has_together_is_one_topic():
    items = corpus()
    for phrase in ("要求复工复建", "塔吊拆走了两台", "售楼处搬空无人"):
        items = with_text(items, f"盛世佳苑，{phrase}", n=8)
    [row] = found(items).to_dicts()
    assert row["word"] == "盛世佳苑" and row["n_events"] == 24


def test_one_letter_sent_again_and_again_is_no_word():
    sent = [row(f"same{k}", "锦绣花园停工，要求退还定金", LAST) for k in range(12)]
    assert found(pl.concat([corpus(), pl.DataFrame(sent)], how="vertical_relaxed")).is_empty()


def test_a_source_just_connected_makes_no_words():
    items = corpus()
    for n in range(3):
        items = with_text(items, "网格巡查上报", week=LAST - timedelta(weeks=n), n=30, source="grid")
    assert found(items).is_empty()


def test_what_comes_every_year_is_not_new():
    items = with_text(corpus(), "暖气不热投诉", n=8)
    assert "暖气不热" in said(found(items))
    assert found(with_text(items, "暖气不热投诉", week=LAST - timedelta(weeks=52), n=8)).is_empty()


def test_too_little_history_says_nothing():
    few = WEEKS[-words.MIN_HISTORY_WEEKS :]
    assert found(with_text(corpus(weeks=few), "锦绣花园停工"), few).schema == words.SCHEMA
    assert found(with_text(corpus(weeks=few), "锦绣花园停工"), few).is_empty()
    assert found(corpus().clear(), WEEKS).is_empty()


def test_later_weeks_leave_earlier_verdicts_unchanged():
    week = LAST - timedelta(weeks=2)
    items = with_text(with_text(corpus(), "锦绣花园停工", week=week), "海棠水厂发黄")
    then = found(items.filter(pl.col("registered_on") < week + timedelta(weeks=1)), WEEKS[:-2])
    assert len(then) == 1
    assert found(items).filter(pl.col("week_start_on") <= week).equals(then)


def test_the_order_of_the_items_does_not_matter():
    items = with_text(corpus(), "锦绣花园停工，要求退还定金")
    assert found(items).equals(found(items.sample(fraction=1, shuffle=True, seed=3)))


def test_p_value_is_that_of_the_conditional_test():
    """8 in the window and 10 before, in 60 and 52 × 60 items: between the binomial tails with 9 and with 10 before."""
    items = corpus().with_columns(pl.col("registered_on").dt.truncate("1w").replace_strict(WEEKS, range(len(WEEKS)), return_dtype=pl.Int64).alias("week"))  # fmt: skip
    sizes, last = words._Sizes(items, len(WEEKS)), len(WEEKS) - 1
    table = np.zeros((1, 1, len(WEEKS)), int)
    table[0, 0, range(14, 64, 5)] = 1  # scattered: no more variable than chance
    table[0, 0, last] = 8
    [verdict] = sizes.test(table, last).to_dicts()
    tails = [len(words.WINDOWS) * binom.sf(7, 8 + before, 1 / 53) for before in (9, 10)]
    assert tails[0] < verdict["p_value"] < tails[1] and verdict["window_weeks"] == 1
    assert verdict["expected"] == pytest.approx(10 / 52) and verdict["n_before"] == pytest.approx(10 / 52)
    bursts = table.copy()
    bursts[0, 0, :64] = 0
    bursts[0, 0, 30] = 10  # the same ten in one week: such a word comes in bursts
    assert sizes.test(bursts, last)["p_value"][0] > 100 * verdict["p_value"]


def test_what_a_build_keeps(demo_home):
    name = demo_home.current.read_text().strip()
    with duckdb.connect(demo_home.marts / name, read_only=True) as connection:
        rows = connection.sql("from emerging").pl()
        shown = "select e.is_counted_only from emerging, unnest(string_split(examples, ',')) as x (k) join event as e on e.event_key = x.k"
        assert not any(flag for (flag,) in connection.execute(shown).fetchall())
        assert set(rows.columns) == set(words.SCHEMA)
        assert rows.is_empty() or rows["n_events"].min() >= words.MIN_ITEMS


def test_a_large_city_is_sampled_and_counted_only_items_are_not_read(monkeypatch):
    """With a third of the items searched, the count of what is found stays exact; an accusation carries no word."""
    items = with_text(with_text(corpus(150), "锦绣花园停工", n=30), "某局收钱办事", n=12)
    keys = np.random.default_rng(1).integers(0, 2**62, len(items)) * 4  # a keyed hash is spread over all numbers
    event = items.with_columns(
        pl.Series("event_key", [f"{key:016x}" for key in keys]),
        pl.lit(None, pl.String).alias("title"),
        pl.col("text").str.contains("某局收钱").alias("is_counted_only"),
    )
    monkeypatch.setattr(emerging, "PER_WEEK", 60)
    with duckdb.connect() as connection:
        for name, frame in (("event", event), ("place", PLACES)):
            connection.register("incoming_frame", frame.to_arrow())
            connection.execute(f"create table {name} as from incoming_frame")
        [row] = emerging.find(connection, pl.DataFrame({"week_start_on": WEEKS})).to_dicts()
        assert emerging.find(
            connection, pl.DataFrame({"week_start_on": []}, schema={"week_start_on": pl.Date})
        ).is_empty()
    assert (row["word"], row["n_events"]) == ("锦绣花园停工", 30)


@pytest.fixture(scope="module")
def messages() -> pl.DataFrame:
    """The real messages of 2019, redacted."""
    folder = Path(os.environ.get("YANPAN_SHARED") or Path(__file__).resolve().parents[2] / "shared") / "data"
    if not folder.is_dir():
        pytest.skip("没有真实数据文件夹")
    read = pl.read_excel(folder / "taidi" / "附件3.xlsx", columns=["留言编号", "留言主题", "留言时间", "留言详情"])
    day = pl.col("留言时间").cast(pl.String).str.replace_all("/", "-").str.extract(r"^(\d{4}-\d{1,2}-\d{1,2})")
    items = read.select(
        pl.col("留言编号").cast(pl.String).alias("event_key"),
        day.str.to_date("%Y-%m-%d").alias("registered_on"),
        pl.concat_str("留言主题", "留言详情", separator="\n", ignore_nulls=True).alias("text"),
    )
    others = {name: value for name, value in row("", "", LAST).items() if name not in items.columns}
    return items.with_columns(
        redact.redact(items["text"])[0], *[pl.lit(value).alias(name) for name, value in others.items()]
    )


@pytest.mark.parametrize(
    ("last", "wanted"), [(date(2019, 11, 18), {"丽发新城", "搅拌站"}), (date(2019, 7, 29), {"伊景园"})]
)
def test_the_two_known_matters_surface_in_the_month_they_begin(messages, last, wanted):
    """In the week from `last`, the latest of their first month to be judged, and hardly any other word before."""
    weeks = pl.date_range(date(2018, 12, 31), last, "1w", eager=True).to_list()
    rows = found(messages, weeks)
    assert all(word in said(rows.filter(pl.col("week_start_on") == last)) for word in wanted)
    assert len(rows.filter(pl.col("week_start_on") < last)) <= 3
