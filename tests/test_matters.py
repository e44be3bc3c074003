"""Same concrete object, same problem: which items are one matter, how rare it is, how it is called."""

import random
import shutil
from datetime import date, datetime, timedelta

import duckdb
import polars as pl
import pytest
from builders import load, make_events
from test_layouts import proposed

from pipelines import build, ingest, layouts, matters, publish
from pipelines.layouts import files
from pipelines.surveillance import matters as method

NOTHING = pl.DataFrame(schema=method.ASSIGNED), pl.DataFrame(schema=method.MERGED)
ESTATES = [
    a + b
    for a in ["锦绣", "翠湖", "云顶", "橡树", "兰亭", "书香", "碧水", "银河", "梧桐", "江滨"]
    for b in ("花园", "名邸", "家园", "公馆")
]
TROUBLES = [
    "物业收了维修基金一直没有公示账目", "楼道堆放杂物多次反映没有人来清理", "地下车库渗水严重车位没法停车",
    "电梯三天两头停运老人上下楼不方便", "门口路灯坏了晚上漆黑一片不敢出门", "垃圾桶满了没有人清运气味很大",
]  # fmt: skip
SITE = [
    "文昌标准厂房工地夜间打桩居民无法入睡",
    "文昌标准厂房工地凌晨浇筑混凝土吵得睡不着",
    "住在文昌标准厂房工地旁边每晚都是机器声",
]


def items_of(*rows: dict, **same) -> pl.DataFrame:
    """Items with defaults; `registered_on` gives the week."""
    default = {
        "registered_on": date(2026, 1, 5), "source": "hotline", "county_code": "990101", "town_code": "990101001",
        "community_code": None, "issue_code": "0501", "group_code": "05", "title": None, "text": "",
    }  # fmt: skip
    filled = [{"event_key": f"{k:016x}", **default, **same, **row} for k, row in enumerate(rows)]
    schema_overrides = {"community_code": pl.String, "title": pl.String}
    return pl.DataFrame(filled, infer_schema_length=None, schema_overrides=schema_overrides).with_columns(
        pl.col("registered_on").dt.truncate("1w").alias("week_start_on")
    )


def in_order(items: pl.DataFrame) -> list[pl.DataFrame]:
    """As `assign` takes them, in two parts."""
    ordered = items.sort(method.ORDER, nulls_last=True)
    return [ordered[: len(ordered) // 2], ordered[len(ordered) // 2 :]]


def ordinary(weeks: int, a_week: int = 30, seed: int = 1) -> list[dict]:
    """Complaints in standard phrases about all estates, in three towns of two counties."""
    draw = random.Random(seed)
    towns = [("990101", "990101001"), ("990101", "990101002"), ("990102", "990102001")]
    rows = []
    for k in range(weeks * a_week):
        county, town = towns[k % 3]
        text = f"来电人反映，{draw.choice(ESTATES)}{draw.choice(TROUBLES)}，希望相关部门尽快处理。"
        day = date(2026, 1, 5) + timedelta(weeks=k // a_week, days=draw.randrange(7))
        rows.append(
            {"registered_on": day, "county_code": county, "town_code": town, "text": text, "issue_code": "0201"}
        )
    return rows


def site(n: int, first: date, **same) -> list[dict]:
    return [
        {"registered_on": first + timedelta(days=k), "text": f"市民称，{SITE[k % 3]}，要求责令整改。"} | same
        for k in range(n)
    ]


def matter_of(items: pl.DataFrame, known=NOTHING, **choices) -> pl.DataFrame:
    assigned, merged = method.assign(in_order(items), *known, place_names=[], **choices)
    return items.join(method.resolve(assigned, merged).select("event_key", "matter_id"), on="event_key")


def largest_share(items: pl.DataFrame, word: str) -> float:
    """Of the items that hold the word, the share in the matter with most of them."""
    counts = items.filter(pl.col("text").str.contains(word))["matter_id"].value_counts()["count"]
    return counts.max() / counts.sum()


def test_many_ways_of_telling_one_object_are_one_matter():
    rows = ordinary(20) + site(12, date(2026, 4, 6))
    found = matter_of(items_of(*rows))
    told = found.filter(pl.col("text").str.contains("文昌标准厂房"))
    assert told["matter_id"].n_unique() == 1
    assert found.filter(pl.col("matter_id") == told["matter_id"][0]).height == 12


def test_standard_phrases_do_not_chain():
    """The phrase is everywhere, the estates differ: no matter of many estates."""
    found = matter_of(items_of(*ordinary(30)))
    estate = found["text"].str.extract(f"({'|'.join(ESTATES)})")
    per_matter = (
        found.with_columns(estate.alias("estate")).group_by("matter_id").agg(pl.len(), pl.col("estate").n_unique())
    )
    late = per_matter.filter(pl.col("len") >= method.MIN_EVENTS)
    assert late.filter(pl.col("estate") > 3).is_empty(), late.sort("len").tail(3)


def test_form_letters_about_different_objects_are_different_matters():
    letter = "尊敬的领导，我们是{}的全体业主，开发商擅自变更规划侵占绿地，请求依法查处并公开结果。"
    towns = ["990101001", "990101002", "990102001", "990102002"]
    rows = [
        {"text": letter.format(estate), "town_code": towns[k % 4], "county_code": towns[k % 4][:6],
         "registered_on": date(2026, 4, 6) + timedelta(days=k % 14)}
        for k, estate in enumerate(ESTATES[:8] * 3)
    ]  # fmt: skip
    found = matter_of(items_of(*ordinary(14), *rows)).filter(pl.col("text").str.contains("变更规划"))
    estate = found["text"].str.extract("我们是(.{4})的")
    assert found.with_columns(estate.alias("estate")).group_by("matter_id").agg(pl.col("estate").n_unique())[
        "estate"
    ].max() <= 2  # fmt: skip


@pytest.mark.parametrize(
    "elsewhere", [{"county_code": "990102", "town_code": "990102001"}, {"issue_code": "0302", "group_code": "03"}]
)
def test_another_county_or_another_group_of_issues_is_another_matter(elsewhere):
    rows = ordinary(20) + site(6, date(2026, 4, 6)) + site(6, date(2026, 4, 6), **elsewhere)
    found = matter_of(items_of(*rows)).filter(pl.col("text").str.contains("文昌标准厂房"))
    assert found.group_by("matter_id").agg(pl.col("county_code").n_unique(), pl.col("group_code").n_unique()).select(
        pl.max("county_code", "group_code")
    ).row(0) == (1, 1)  # fmt: skip


def test_after_half_a_year_of_silence_it_is_a_new_matter():
    rows = ordinary(60, 10) + site(6, date(2026, 3, 2)) + site(6, date(2026, 3, 2) + timedelta(weeks=30))
    found = matter_of(items_of(*rows)).filter(pl.col("text").str.contains("文昌标准厂房"))
    assert found.group_by("matter_id").agg(pl.len())["len"].to_list() == [6, 6]


def test_one_week_at_a_time_gives_what_a_full_run_gives_in_any_order_of_rows():
    items = items_of(*ordinary(40), *site(15, date(2026, 4, 6)), *site(9, date(2026, 6, 1), issue_code="0502"))
    whole = method.assign(in_order(items), *NOTHING, place_names=[])
    known = NOTHING
    for week in items["week_start_on"].unique().sort():
        window = items.filter(
            pl.col("week_start_on").is_between(week - timedelta(weeks=method.WINDOW_WEEKS), week)
        ).sample(fraction=1, shuffle=True, seed=7)
        known = tuple(
            pl.concat([old, new])
            for old, new in zip(known, method.assign(in_order(window), *known, place_names=[]), strict=True)
        )
    assert known[0].equals(whole[0]) and known[1].equals(whole[1])


def test_later_weeks_change_nothing_that_was_said_before():
    items = items_of(*ordinary(30), *site(15, date(2026, 4, 6)))
    cut = date(2026, 4, 20)
    before = method.assign(in_order(items.filter(pl.col("week_start_on") < cut)), *NOTHING, place_names=[])
    whole = method.assign(in_order(items), *NOTHING, place_names=[])
    for part, all_of_it in zip(before, whole, strict=True):
        assert part.equals(all_of_it.filter(pl.col("week_start_on") < cut))


def test_what_merged_twice_ends_in_the_last():
    week = date(2026, 1, 5)
    assigned = pl.DataFrame(
        [("a", week, "m1"), ("b", week, "m2"), ("c", week, "m3")], schema=method.ASSIGNED, orient="row"
    )
    merged = pl.DataFrame([(week, "m3", "m2"), (week + timedelta(7), "m2", "m1")], schema=method.MERGED, orient="row")
    assert method.resolve(assigned, merged)["matter_id"].to_list() == ["m1", "m1", "m1"]


def weekly(*counts: tuple[str, int, int], weeks: int = 60) -> tuple[pl.DataFrame, list[date]]:
    """Assigned items: matter, number of the week, how many."""
    mondays = [date(2025, 1, 6) + timedelta(weeks=k) for k in range(weeks)]
    rows = [(f"{m}{w}{k}", mondays[w], m) for m, w, n in counts for k in range(n)]
    return pl.DataFrame(rows, schema=method.ASSIGNED, orient="row"), mondays


def by_week(assigned: pl.DataFrame, mondays: list[date]) -> pl.DataFrame:
    with duckdb.connect() as connection:
        connection.register("assigned", assigned.to_arrow())
        connection.execute("create temp table resolved_item as from assigned")
        return matters.by_week(connection, mondays).pl()


def test_rarity_by_hand():
    """52 weeks of history with ten matters that reached 3, five 4 and one 40: 4 is reached 6 times a year."""
    small = [(f"s{k}", k * 4, 3) for k in range(10)] + [(f"m{k}", k * 8, 4) for k in range(5)] + [("big", 30, 40)]
    assigned, mondays = weekly(*small, ("new", 56, 4), ("fast", 56, 15))
    found = by_week(assigned, mondays).filter(pl.col("week_start_on") == mondays[56])
    assert dict(found.select("matter_id", "n_recent").iter_rows()) == {"fast": 15}  # "new" has not five yet
    assert found["is_alarm"].to_list() == [True] and found["n_so_far"].item() == 15 and found["expected"].item() == 0
    counted = pl.DataFrame({"matter_id": ["new"], "week_start_on": [mondays[56]], "n_recent": [4]})
    history = by_week(assigned, mondays)
    assert history.filter(pl.col("matter_id") == "big")["is_alarm"].item()
    rare = method.rarity(pl.concat([counted, assigned.group_by("matter_id", "week_start_on").agg(
        pl.len().cast(pl.Int64).alias("n_recent"))]), mondays)  # fmt: skip
    # weeks 0 … 52 are looked at: all 16 matters began by then
    assert rare.filter(pl.col("week_start_on") == mondays[56], pl.col("n_recent") == 4)["chance_per_year"].item() == (
        pytest.approx(6 * 52 / 53)
    )  # fmt: skip


def test_short_history_is_not_judged():
    assigned, mondays = weekly(("a", 10, 30), ("b", 2, 4))
    found = by_week(assigned, mondays)
    assert found["chance_per_year"].to_list() == [None] and found["is_alarm"].to_list() == [False]


def test_titles_say_object_and_problem_and_no_name_or_place():
    rows = [
        {"title": "关于和平街道文昌标准厂房工地夜间施工噪声的投诉", "text": "您好，〔姓名〕反映文昌标准厂房工地夜间施工噪声太大。电话〔手机号〕"},
        {"title": "投诉文昌标准厂房工地夜间施工噪声", "text": "A市文昌标准厂房工地夜间施工噪声扰民，请回复。"},
    ] * 3  # fmt: skip
    said = items_of(*rows).with_columns(pl.lit("m").alias("matter_id"))
    assert method.titles(said, ["和平街道"])["title"].to_list() == ["文昌标准厂房工地夜间施工噪声"]
    [one] = method.describe(said).to_dicts()
    assert (one["place_level"], one["place_code"], one["n_events"]) == ("town", "990101001", 6)


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("位于文昌标准厂房工地已连续6天夜间施工，影响居民休息", "文昌标准厂房工地夜间施工"),
        ("丽景嘉园旁边的文昌标准厂房工地臭水流了8天", "文昌标准厂房工地臭水流"),
        ("附近为碧水名邸，共12处", "碧水名邸"),
        ("在建工地扬尘严重，为何无人过问", "在建工地扬尘严重"),
        ("文昌路乱停车3辆", "文昌路乱停车"),
        ("来电3次", None),
    ],
)
def test_titles_have_no_figure_and_begin_with_the_object(text, title):
    said = items_of(*[{"text": f"来电人反映，{text}。"}] * 5).with_columns(pl.lit("m").alias("matter_id"))
    found = method.titles(said, [])
    assert found["title"].item() == title
    assert bool(found["is_name"].item()) == (title == "碧水名邸")  # alone it says no problem: the issue is added


@pytest.mark.parametrize(
    ("texts", "words", "title"),
    [
        (["打江滨路换热站电话没有人接", "江滨路换热站供热范围内{estate}暖气不热"], ["暖气", "不热"], "江滨路换热站暖气不热"),
        (["朝晖水厂供水的{estate}一连9天水质发黄", "{estate}放水，问朝晖水厂是不是管网改造"], ["水质发黄"], "朝晖水厂水质发黄"),
        (["盛世佳苑停工后开发商伟业置业有限公司售楼处搬空", "购买盛世佳苑〔楼栋房号〕，工地停工7周"], ["停工"], "盛世佳苑停工"),
        (["龙湾机械厂设备被拉走，拖欠工资9200元", "龙湾机械厂停产，拖欠工资三个月"], ["拖欠工资"], "龙湾机械厂拖欠工资"),
        (["养鸡场距住户只有80米，鸡粪露天堆", "村里养鸡场距住户只有40米，鸡粪露天堆"], ["鸡粪"], "鸡粪露天堆"),
    ],
)  # fmt: skip
def test_titles_join_the_shared_object_and_the_words_of_the_issue(texts, words, title):
    """Told in two standard phrases beside other matters in which neither object nor estates are rare or common."""
    estates = [ESTATES[k % len(ESTATES)] for k in range(10)]
    told = [{"text": f"来电人反映，{texts[k % 2].format(estate=estates[k])}，希望尽快处理。"} for k in range(10)]
    others = [{"text": f"来电人反映，{estate}{trouble}。"} for estate in ESTATES for trouble in TROUBLES]
    matter = ["m"] * len(told) + [f"o{k % 40}" for k in range(len(others))]
    said = items_of(*told, *others).with_columns(pl.Series("matter_id", matter))
    titles = method.titles(said, [], {"0501": words})
    assert titles.filter(pl.col("matter_id") == "m")["title"].item() == title


def test_a_matter_is_called_after_its_first_items():
    said = items_of(*site(method.TITLE_ITEMS + 5, date(2026, 1, 5))).with_columns(matter_id=pl.lit("a"))
    first = method.first_items(said.sample(fraction=1, shuffle=True, seed=3))
    wanted = said.sort("registered_on", "event_key").head(method.TITLE_ITEMS)
    assert first["event_key"].to_list() == wanted["event_key"].to_list()


def test_what_is_common_may_be_counted_in_parts():
    said = items_of(*site(6, date(2026, 1, 5)), *[{"text": f"锦绣花园{TROUBLES[0]}。"}] * 6)
    parts = [said[:6].with_columns(matter_id=pl.lit("a")), said[6:].with_columns(matter_id=pl.lit("b"))]
    assert method.corpus_of(parts, []) == method.corpus_of([pl.concat(parts)], [])


def test_fewer_than_five_are_not_shown():
    rows = items_of(*site(4, date(2026, 1, 5))).with_columns(pl.lit("m").alias("matter_id"))
    assert method.describe(rows).is_empty()


# --- in a build ------------------------------------------------------------------------------------------------------


def loaded(home, rows: list[dict]) -> None:
    shared = {"category_raw": "城乡建设>施工噪声", "title": None}
    load(home, make_events(*[
        shared | {"registered_at": datetime.combine(row["registered_on"], datetime.min.time()), "text": row["text"]}
        for row in rows
    ]))  # fmt: skip


def test_a_build_keeps_the_weeks_done_and_says_the_same_without(empty_home):
    loaded(empty_home, ordinary(32, 12) + site(12, date(2026, 7, 6)))
    build.build(empty_home, today=date(2026, 8, 20))
    file = empty_home.path / "cache" / "matters.parquet"
    kept = pl.read_parquet(file)
    with duckdb.connect(str(publish.version_file(empty_home, publish.current(empty_home))), read_only=True) as marts:
        published = {name: marts.sql(f"from {name}").pl() for name in ("matter", "matter_week", "event_matter")}
        weeks = pl.DataFrame({"week_start_on": marts.sql("from matter_week").pl()["week_start_on"].unique().sort()})
        assert published["matter"]["n_events"].max() == 12

        def found(**choices) -> list[pl.DataFrame]:
            tables = matters.find(marts, weeks, empty_home, **choices)
            whole = {name: table if isinstance(table, pl.DataFrame) else table.pl() for name, table in tables.items()}
            return [whole["matter"], whole["event_matter"], whole["matter_week"].select("matter_id", "n_so_far")]

        whole = found()
        assert whole[0].equals(published["matter"]) and whole[1].equals(published["event_matter"])
        # As after a batch that came in or was taken back, as after a kill, and with no file at all.
        older = kept.filter(pl.col("week_start_on") < date(2026, 6, 1))
        older.write_parquet(file)
        assert all(a.equals(b) for a, b in zip(whole, found(is_kept=False), strict=True))
        assert pl.read_parquet(file).equals(older)  # a replay leaves it alone
        assert all(a.equals(b) for a, b in zip(whole, found(), strict=True))
        assert pl.read_parquet(file).equals(kept)
        file.write_bytes(file.read_bytes()[:100])
        assert all(a.equals(b) for a, b in zip(whole, found(), strict=True))
        file.unlink()
        assert all(a.equals(b) for a, b in zip(whole, found(), strict=True))
        assert pl.read_parquet(file).equals(kept)


def test_a_title_stays_while_corpus_and_first_items_are_the_same(empty_home, monkeypatch):
    loaded(empty_home, ordinary(32, 12) + site(12, date(2026, 7, 6)))
    named, titled = [], method._titled
    monkeypatch.setattr(method, "_titled", lambda *given: named.append(1) or titled(*given))
    monkeypatch.setattr(matters, "READ_TITLES", 1)
    build.build(empty_home, today=date(2026, 8, 20))
    n_matters = len(named)
    assert n_matters
    file = publish.version_file(empty_home, publish.current(empty_home))
    with duckdb.connect() as connection:
        connection.execute(f"attach '{file}' as marts (read_only); attach '{file}' as before (read_only); use marts")
        connection.execute(
            "create temp table changed_item as select ('0x' || event_key)::ubigint as event_id, event_key from event"
        )
        weeks = pl.DataFrame(
            {"week_start_on": connection.sql("from matter_week").pl()["week_start_on"].unique().sort()}
        )

        def found() -> pl.DataFrame:
            named.clear()
            return matters.find(connection, weeks, empty_home, is_followed=True)["matter"]

        assert found().equals(connection.sql("from matter").pl()) and not named
        monkeypatch.setattr(method, "TITLE_ITEMS", 3)  # other first items of all
        assert len(found()) == len(named) == n_matters


def test_a_matter_is_described_anew_where_an_item_came_left_or_changed(empty_home, tmp_path):
    loaded(empty_home, ordinary(32, 12) + site(12, date(2026, 7, 6)))
    build.build(empty_home, today=date(2026, 8, 20))
    file = publish.version_file(empty_home, publish.current(empty_home))
    before = shutil.copy(file, tmp_path / "before.duckdb")
    with duckdb.connect() as connection:
        connection.execute(f"attach '{file}' as marts (read_only); attach '{before}' as before; use marts")
        connection.execute("update before.matter set n_sources = 99")  # by which one sees what is taken over
        connection.execute("create temp table changed_item (event_id ubigint)")
        weeks = connection.sql("select distinct week_start_on from matter_week order by 1").pl()

        def n_sources() -> list[int]:
            return matters.find(connection, weeks, empty_home, is_followed=True)["matter"]["n_sources"].to_list()

        assert n_sources() == [99]
        connection.execute("insert into changed_item select ('0x' || min(event_key))::ubigint from event_matter")
        assert n_sources() == [1]
        connection.execute("truncate changed_item")
        connection.execute(
            "delete from before.event_matter where event_key = (select min(event_key) from event_matter)"
        )
        assert n_sources() == [1]


def test_real_messages(shared_files, empty_home):
    """Two matters on which independent teams agree, in messages of a whole year without places or issues."""
    path = shared_files / "taidi" / "附件3.xlsx"
    proposal = proposed(path)
    layouts.save(empty_home, "真实", proposal["source"], files.from_json(proposal["layout"]))
    ingest.ingest([path], empty_home, layout="真实", today=date(2020, 2, 3))
    with duckdb.connect(str(empty_home.warehouse), read_only=True) as connection:
        said = connection.sql(
            "select lower(printf('%016x', event_id)) as event_key, registered_at::date as registered_on, title, text, source, "
            "date_trunc('week', registered_at)::date as week_start_on, null::varchar as county_code, 'x' as issue_code, "
            "null::varchar as town_code, null::varchar as community_code, 'x' as group_code from core.event"
        ).pl()
    found = matter_of(said)
    weeks = pl.date_range(said["week_start_on"].min(), said["week_start_on"].max(), "1w", eager=True).to_list()
    grown = by_week(found.select(list(method.ASSIGNED)), weeks)
    largest = found["matter_id"].value_counts(sort=True)["matter_id"].head(5).to_list()
    for name, begins in (("丽发新城", date(2019, 11, 1)), ("伊景园", date(2019, 7, 1))):
        told = found.filter(pl.concat_str("title", "text", ignore_nulls=True).str.contains(name))
        [matter, n] = told["matter_id"].value_counts(sort=True).row(0)
        assert len(told) > 55 and n >= 0.8 * len(told) and matter in largest
        alarms = grown.filter(pl.col("matter_id") == matter, pl.col("is_alarm"), pl.col("week_start_on") >= begins)
        assert alarms["week_start_on"].min() <= begins + timedelta(days=30)
        [title] = method.titles(method.first_items(found.filter(pl.col("matter_id") == matter)), [])["title"]
        assert name in title and len(title) <= 24
