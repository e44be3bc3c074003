"""Files nobody has seen: what is proposed, what may be kept, and what then happens to every row."""

import json
import random
import re
import subprocess
import sys
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from unseen import HEFEI, UNSEEN, identity, mobile, person, write_book, write_csv

from pipelines import layouts, reference, totals, warehouse
from pipelines.config import ROOT
from pipelines.errors import SourceError, UsageError
from pipelines.ingest import ingest
from pipelines.layouts import categories, files, headers, profile
from pipelines.layouts.proposal import Choices
from pipelines.sources import SOURCES, events, parsing, reading

TODAY = date(2024, 6, 30)

# What a person who knows the file would say; every other column is dropped.
MEANT = {
    "东莞诉求": (
        "hotline",
        {
            "诉求标题": "title",
            "处理部门": "unit_name",
            "镇街": "town_name",
            "事项": "category_top",
            "事项二级分类": "category_middle",
            "红黄牌": "severity",
            "满意度": "satisfaction",
            "诉求类型": "purpose",
            "受理时间": "registered_at",
        },
    ),
    "惠州事件": (
        "grid",
        {
            "事件编号": "item_number",
            "受理时间": "registered_at",
            "事件来源": "channel",
            "事件类型1": "category_top",
            "事件类型2": "category_middle",
            "严重程度": "severity",
            "发生地点": "place",
            "诉求目的": "purpose",
            "诉求人数": "persons",
            "是否群体性": "is_group",
        },
    ),
    "上海网格": (
        "grid",
        {
            "taskid": "item_number",
            "description": "text",
            "discovertime": "registered_at",
            "infobcname": "category_top",
            "infoscname": "category_middle",
            "infotypename": "purpose",
            "streetname": "town_name",
            "communityname": "community_name",
            "executedeptname": "unit_name",
        },
    ),
    "宁波来电": (
        "hotline",
        {
            "来电编号": "item_number",
            "来电形式": "channel",
            "呼入时间": "registered_at",
            "来电目的": "purpose",
            "内容分类": "category",
            "处理状态": "status_word",
            "答复单位": "unit_name",
            "答复时间": "replied_at",
            "热点问题": "title",
        },
    ),
    "城管案卷": (
        "grid",
        {
            "序号": "line_number",
            "案卷编号": "item_number",
            "上报时间": "registered_at",
            "立案时间": "accepted_at",
            "结案时间": "closed_at",
            "大类名称": "category_top",
            "小类名称": "category_middle",
            "单元网格": "grid_name",
            "所属街道": "town_name",
            "事项状态": "status_word",
            "主管部门": "unit_name",
            "经度": "lon",
            "纬度": "lat",
        },
    ),
    "重庆工单": (
        "hotline",
        {
            "工单编号": "item_number",
            "诉求标题": "title",
            "市民诉求": "text",
            "工单创建时间": "registered_at",
            "承办部门": "unit_name",
            "诉求分类": "category",
            "应办结时间": "due_at",
            "办结时间": "closed_at",
        },
    ),
    "常州语义": (
        "hotline",
        {
            "case_no": "item_number",
            "service_object_type": "purpose",
            "area_code_area": "county_name",
            "area_code_street": "town_name",
            "case_content": "text",
            "type3": "category",
            "create_time": "registered_at",
        },
    ),
    "信访库表": (
        "petition",
        {
            "xfjbh": "item_number",
            "xfrq": "occurred_at",
            "djsj": "registered_at",
            "xfxs": "channel",
            "xfrs": "persons",
            "gkxx": "text",
            "xfjzt": "status_word",
            "nrfldm": "category",
            "xbjzsj": "due_at",
            "bjbz": "is_closed",
            "lmbz": "is_group",
            "qgccbz": "is_first",
        },
    ),
    "open data requests": (
        "hotline",
        {
            "Unique Key": "item_number",
            "Created Date": "registered_at",
            "Closed Date": "closed_at",
            "Agency Name": "unit_name",
            "Complaint Type": "category_top",
            "Descriptor": "category_middle",
            "Borough": "county_name",
            "Status": "status_word",
            "Due Date": "due_at",
            "Latitude": "lat",
            "Longitude": "lon",
        },
    ),
    "没有含义的列名": (
        "hotline",
        {
            "字段1": "item_number",
            "字段2": "registered_at",
            "字段3": "town_name",
            "字段4": "text",
            "字段8": "status_word",
            "字段9": "unit_name",
        },
    ),
}
PERSONAL = {
    "惠州事件": {"当事人"},
    "宁波来电": {"来电号码", "来电人"},
    "城管案卷": {"监督员"},
    "重庆工单": {"联系方式"},
    "常州语义": {"service_object_name"},
    "信访库表": {"xm", "lxdh", "zdrybz"},
    "open data requests": {"Requestor Email"},
    "没有含义的列名": {"字段5", "字段6", "字段7"},
}


def proposed(path: Path, **choices) -> layouts.Proposal:
    source = choices.pop("source", None)
    return layouts.propose(reading.inspect(path), source=source, choices=Choices(**choices))


def kept(proposal: layouts.Proposal) -> dict[str, str | None]:
    return {one["header"]: one["field"] for one in proposal["columns"] if one["action"] == "keep"}


def loaded(path: Path, home, **choices) -> dict:
    """Proposed, saved, and taken in without naming the layout; the batch."""
    proposal = proposed(path, **choices)
    assert not proposal["missing"], proposal["missing"]
    name = "本单位"
    layouts.save(home, name, proposal["source"], files.from_json(proposal["layout"]))
    batch = ingest([path], home, today=TODAY)[0]
    assert batch["layout"] == name
    assert batch["n_read"] == sum(batch[f"n_{part}"] for part in ("loaded", "rejected", "duplicate", "out_of_scope"))
    return batch


def core(home, columns: str) -> list[tuple]:
    with warehouse.connect(home, read_only=True) as connection:
        return connection.sql(f"select {columns} from core.event order by source_row").fetchall()


# --- proposals -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", UNSEEN)
def test_an_unseen_layout_is_read_as_a_person_would(tmp_path, name):
    proposal = proposed(write_csv(tmp_path / f"{name}.csv", UNSEEN[name]))
    source, columns = MEANT[name]
    assert (proposal["kind"], proposal["source"]) == ("events", source)
    assert kept(proposal) == columns
    assert {one["header"] for one in proposal["columns"] if one["is_identifying"]} == PERSONAL.get(name, set())
    assert all(one["reason"] for one in proposal["columns"])
    assert all(0.5 <= one["confidence"] <= 1 for one in proposal["columns"] if one["action"] == "keep")


def test_the_source_is_known_without_the_file_name(tmp_path):
    for name in ("东莞诉求", "上海网格", "宁波来电", "城管案卷", "信访库表"):
        assert proposed(write_csv(tmp_path / "导出.csv", UNSEEN[name]))["source"] == MEANT[name][0], name


def test_a_second_petition_vocabulary_reversed_paths_and_a_total_row(tmp_path, empty_home):
    path = write_book(tmp_path / "列表.xlsx", HEFEI, title="信访件列表", last=["合计", None, 180])
    proposal = proposed(path)
    assert proposal["source"] == "petition" and proposal["header_row"] == 2
    assert {"登记部门", "姓名", "住址", "登记人"} <= {
        one["header"] for one in proposal["columns"] if one["action"] == "drop"
    }
    layout = proposal["layout"]
    assert (layout["category_separators"], layout["unit_separators"]) == (["_"], ["/"])
    assert layout["reversed_paths"] == ["unit_name"]
    assert all(one["how"] == "known" for one in proposal["status_words"]) and len(proposal["status_words"]) == 5
    batch = loaded(path, empty_home)
    assert batch["n_loaded"] == 120
    totals_said = json.loads(batch["control_totals"])
    counted = core(empty_home, "sum(persons) over (), unit_name, category_raw, county_name, status")
    assert [(one["column"], one["stated"], one["counted"]) for one in totals_said] == [("信访人数", 180, counted[0][0])]
    assert any("自报合计" in note for note in batch["notes"]) == (counted[0][0] != 180)
    assert {row[1][:3] for row in counted} == {"云溪区", "临川县", "南湖区"} and all(
        "/" not in row[1] for row in counted
    )
    assert all(row[2].count(">") == 2 for row in counted)
    assert {row[4] for row in counted} == {"accepted", "transferred", "closed"}


@pytest.mark.parametrize("name", [name for name in UNSEEN if name != "东莞诉求"])
def test_an_unseen_file_loads_and_adds_up(tmp_path, empty_home, name):
    batch = loaded(write_csv(tmp_path / f"{name}.csv", UNSEEN[name], encoding="gb18030"), empty_home)
    assert batch["source"] == MEANT[name][0]
    assert batch["n_loaded"] == batch["n_read"] == 120


def test_a_file_without_numbers_is_confirmed_before_it_is_kept(tmp_path, empty_home):
    path = write_csv(tmp_path / "东莞.csv", UNSEEN["东莞诉求"])
    proposal = proposed(path)
    assert [one["field"] for one in proposal["missing"]] == ["item_number"]
    with pytest.raises(UsageError, match="缺少事项编号"):
        layouts.save(empty_home, "东莞", "hotline", files.from_json(proposal["layout"]))
    assert not empty_home.layouts.exists()
    batch = loaded(path, empty_home, item_number_from="content")
    assert batch["n_loaded"] == 120


def test_numbers_made_of_columns(tmp_path, empty_home):
    columns = {"年份": lambda rng, n: "2024", "顺号": lambda rng, n: str(n), **UNSEEN["东莞诉求"]}
    path = write_csv(tmp_path / "a.csv", columns)
    proposal = proposed(path, item_number_from=("年份", "顺号"))
    assert kept(proposal)["年份"] == kept(proposal)["顺号"] == "number_part"
    loaded(path, empty_home, item_number_from=("年份", "顺号"))
    with warehouse.connect(empty_home, read_only=True) as connection:
        numbers = {number for (number,) in connection.sql("select item_number from core.item_lookup").fetchall()}
    assert numbers == {f"2024|{n}" for n in range(1, 121)}


def test_paths_by_their_separators(tmp_path, empty_home):
    loaded(write_csv(tmp_path / "a.csv", UNSEEN["重庆工单"]), empty_home)
    rows = core(empty_home, "category_raw, unit_name")
    assert all(path.count(">") == 2 and "/" not in path for path, _ in rows if path.startswith("城乡建设"))
    assert all("/" not in unit and unit.endswith("局") for _, unit in rows)


def test_points_abroad_come_with_their_bounds(tmp_path, empty_home):
    path = write_csv(tmp_path / "a.csv", UNSEEN["open data requests"])
    west, south, east, north = proposed(path)["layout"]["bounds"]
    assert west < -74.2 and east > -73.7 and south < 40.5 and north > 40.9
    loaded(path, empty_home)
    assert all(lon is not None for (lon,) in core(empty_home, "lon"))
    assert "bounds" not in proposed(write_csv(tmp_path / "b.csv", UNSEEN["城管案卷"]))["layout"]


def test_metre_coordinates_are_said_and_not_taken(tmp_path):
    proposal = proposed(write_csv(tmp_path / "a.csv", UNSEEN["上海网格"]))
    assert "x" not in kept(proposal)
    assert any("米制" in note for note in proposal["notes"])


def test_a_time_column_without_times_is_not_believed(tmp_path):
    columns = UNSEEN["重庆工单"] | {"工单创建时间": lambda rng, n: "见附件"}
    proposal = proposed(write_csv(tmp_path / "a.csv", columns))
    column = next(one for one in proposal["columns"] if one["header"] == "工单创建时间")
    assert column["action"] == "drop" and "0% 的值是日期" in column["reason"]
    assert column["alternatives"][0]["field"] == "registered_at"  # still to be chosen by hand


@pytest.mark.parametrize("name", UNSEEN)
def test_nothing_that_is_shown_says_who(tmp_path, name):
    """No cell of a person, of a title or of a text is in the proposal, nor a rare word of any column."""
    path = write_csv(tmp_path / "a.csv", UNSEEN[name])
    proposal = proposed(path)
    said = json.dumps({key: value for key, value in proposal.items() if key != "fields"}, ensure_ascii=False)
    frame = pl.read_csv(path, infer_schema=False)
    hidden = [
        one["header"]
        for one in proposal["columns"]
        if one["is_identifying"] or one["field"] in ("title", "text", "place", "item_number")
    ]
    cells = {cell for header in hidden for cell in frame[header].drop_nulls().to_list() if len(cell) > 1}
    assert cells and not [cell for cell in cells if cell in said]
    assert all(not one["shapes"] and not one["examples"] for one in proposal["columns"] if one["action"] == "drop")


def test_persons_in_an_innocent_column_are_found_by_their_looks(tmp_path):
    columns = UNSEEN["重庆工单"] | {"备用1": person, "备用2": mobile, "备用3": identity}
    columns["备用4"] = lambda rng, n: person(rng, n)[0] + "**"
    proposal = proposed(write_csv(tmp_path / "a.csv", columns))
    found = {one["header"]: one["is_identifying"] for one in proposal["columns"]}
    assert all(found[f"备用{n}"] for n in (1, 2, 3, 4))
    with pytest.raises(UsageError, match=r"备用1.*涉及个人"):
        proposed(tmp_path / "a.csv", columns={"备用1": "channel"})
    with pytest.raises(UsageError, match=r"备用2.*不能用来编号"):
        proposed(tmp_path / "a.csv", item_number_from=("备用2",))


def test_numbers_cut_by_excel_are_said_before_loading(tmp_path):
    columns = UNSEEN["重庆工单"] | {"工单编号": lambda rng, n: f"{rng.uniform(1, 9):.5f}E+17"}
    proposal = proposed(write_csv(tmp_path / "a.csv", columns))
    assert kept(proposal)["工单编号"] == "item_number" and any("截断" in note for note in proposal["notes"])


def test_a_running_number_of_eleven_digits_is_no_telephone(tmp_path):
    columns = UNSEEN["重庆工单"] | {"工单编号": lambda rng, n: f"{13_500_000_000 + n}"}
    assert kept(proposed(write_csv(tmp_path / "a.csv", columns)))["工单编号"] == "item_number"


@pytest.mark.parametrize(
    ("header", "is_personal"),
    [
        ("来电人电话/账号", True),
        ("诉求人", True),
        ("姓 名", True),
        ("身份证号码", True),
        ("联系方式1", True),
        ("caller_phone", True),
        ("ReporterName", True),
        ("留言用户", True),
        ("家庭住址", True),
        ("反映人地址", True),
        ("被投诉人", True),
        ("contact_phone", True),
        ("工单号码", False),
        ("contact_date", False),
        ("诉求人数", False),
        ("涉及人数", False),
        ("上访人次", False),
        ("来电形式", False),
        ("问题属地", False),
        ("发生地点", False),
        ("承办单位", False),
        ("人工智能标签", False),
        ("department", False),
        ("case_status", False),
    ],
)
def test_headers_of_persons(header, is_personal):
    assert (headers.personal(header) is not None) == is_personal


def test_no_built_in_or_alias_header_is_taken_for_a_person():
    known = {header for one in SOURCES.values() for layout in one.layouts.values() for header in layout["columns"]}
    assert not {header for header in known if headers.personal(header)}
    assert not [key for key in headers.aliases() if headers.personal(key)]
    assert {alias.field for meant in headers.aliases().values() for alias in meant} <= set(events.FIELDS)
    assert set(headers.labels()) == set(events.FIELDS)


def test_choices_are_followed(tmp_path):
    path = write_csv(tmp_path / "a.csv", UNSEEN["宁波来电"])
    proposal = proposed(
        path,
        source="grid",
        columns={"热点问题": "text", "答复时间": "closed_at", "来电形式": None},
        constants={"county_name": "云溪区"},
        status_words={"处理中": "accepted"},
        options={"title": "来电"},
    )
    assert proposal["source"] == "grid" and proposal["layout"]["title"] == "来电"
    assert {"热点问题": "text", "答复时间": "closed_at"}.items() <= kept(proposal).items()
    assert "来电形式" not in kept(proposal)
    assert proposal["layout"]["constants"] == {"county_name": "云溪区"}
    assert proposal["layout"]["status_words"]["处理中"] == "accepted"
    with pytest.raises(UsageError, match="是否想写“热点问题”"):
        proposed(path, columns={"热点": "text"})
    with pytest.raises(UsageError, match="是否想写 closed_at（办结时间）"):
        proposed(path, columns={"答复时间": "close_at"})


def test_unknown_words_of_state_are_guessed_or_left_open(tmp_path):
    words = ("承办单位已办理完结", "等待承办单位签收", "天王盖地虎")
    columns = UNSEEN["宁波来电"] | {"处理状态": lambda rng, n: rng.choice(words)}
    proposal = proposed(write_csv(tmp_path / "a.csv", columns))
    said = {one["word"]: (one["state"], one["how"]) for one in proposal["status_words"]}
    assert said == {
        words[0]: ("closed", "guessed"),
        words[1]: ("transferred", "guessed"),
        words[2]: (None, "open"),
    }
    assert proposal["layout"]["status_words"] == {words[0]: "closed", words[1]: "transferred"}


# --- other kinds of files --------------------------------------------------------------------------------------------

TREE = "一级分类,二级分类,三级分类\n城乡建设,供热,供暖\n,,不热\n,物业,物业服务不到位\n教育,收费,补课\n其他,其他,其他\n"


@pytest.mark.parametrize(
    ("name", "text", "kind", "says"),
    [
        ("树.csv", TREE, "categories", "--save-as-categories"),
        ("区划.csv", "place_code,place_name,人口\n" + "".join(f"9901010{n:02d},和平{n}街道,{n}\n" for n in range(10, 40)), "places", "yanpan ingest"),
        ("街道.csv", "code,name,areaCode\n" + "".join(f"9901010{n:02d},和平{n}街道,990101\n" for n in range(10, 40)), "places", "yanpan ingest"),
        ("单位.csv", "单位名称,上级单位\n" + "".join(f"第{n}中心,市住建局\n" for n in range(30)), "units", "不需要导入"),
        ("边界.geojson", '{"type":"FeatureCollection","features":[{"type":"Feature"}]}', "boundary", "yanpan ingest"),
        ("边界.csv", '{\n"type": "FeatureCollection",\n"features": [\n{"type":"Feature"}]}', "boundary", "yanpan ingest"),
        ("杂项.csv", "甲,乙,丙\n" + "1,2,3\n" * 30, "unknown", "是否选错文件"),
    ],
)  # fmt: skip
def test_other_files_are_told_apart_from_events(tmp_path, name, text, kind, says):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    proposal = proposed(path)
    assert proposal["kind"] == kind
    assert says in proposal["next_step"]
    assert proposal["layout"] is None


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("张三,13900001111,2024-01-01\n" * 3, "没有像表头的一行"),
        ("工单编号,登记时间,内容\n", "没有像表头的一行|没有数据行"),
        ("工单编号,登记时间,内容\n\n\n", "没有数据行"),
    ],
)
def test_files_with_nothing_to_look_at(tmp_path, text, says):
    path = tmp_path / "a.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SourceError, match=says) as caught:
        proposed(path)
    assert "13900001111" not in str(caught.value)


def test_a_category_tree_is_kept_where_it_is_sure(tmp_path, empty_home):
    path = tmp_path / "树.csv"
    path.write_text(TREE, encoding="utf-8")
    own = empty_home.reference / "crosswalk.csv"
    own.parent.mkdir(parents=True)
    own.write_text(
        "source,category_raw,issue_code,valid_from\nhotline,教育>收费>补课,0903,2024-01-01\n", encoding="gb18030"
    )
    found = categories.install(reading.inspect(path), "hotline", empty_home)
    assert (found["n_paths"], found["n_known"]) == (5, 1)
    known = dict(
        reference.read_crosswalk(empty_home.reference)
        .filter(pl.col("source") == "hotline")
        .select("category_raw", "issue_code")
        .iter_rows()
    )
    assert known["城乡建设>供热>供暖"] == "1304"
    assert known["城乡建设>物业>物业服务不到位"] == "0201"
    assert known["教育>收费>补课"] == "0903"  # decided before, not overwritten
    assert "其他>其他>其他" in {one["category_raw"] for one in found["open"]}
    again = categories.install(reading.inspect(path), "hotline", empty_home)
    assert again["n_written"] == 0


def test_exclusions_and_general_branches_are_never_sure():
    found = categories.suggest(["交通运输>车辆>小区停车", "城乡建设>供热>其他", "环境保护>噪声>夜间施工噪声"])
    rows = {row["category_raw"]: row for row in found.iter_rows(named=True)}
    assert rows["交通运输>车辆>小区停车"]["issue_code"] == "0207"
    assert not rows["城乡建设>供热>其他"]["is_sure"]
    assert rows["环境保护>噪声>夜间施工噪声"]["issue_code"] == "0501"


# --- layout files ----------------------------------------------------------------------------------------------------

GOOD = {
    "source": "hotline",
    "title": "某区工单",
    "columns": {
        "编号": "item_number",
        "登记时间": "registered_at",
        "内容": "text",
        "分类": "category",
        "街道": "town_name",
    },
    "required": ["编号", "登记时间"],
    "identifying": ["来电人"],
}


def test_built_in_layouts_are_valid_by_the_same_rules():
    for source, one in SOURCES.items():
        for layout in one.layouts.values():
            assert files.validate(files.to_json(source, layout)) == []
            assert files.from_json(json.loads(json.dumps(files.to_json(source, layout)))) == layout


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"columns": GOOD["columns"] | {"受理时间": "regstered_at"}}, "不认识的名称“regstered_at”，是否想写 registered_at"),
        ({"columns": GOOD["columns"] | {"受理时间": "登记时间"}}, "是否想写 registered_at"),
        ({"columns": GOOD["columns"] | {" 编 号": "title"}}, "同一列名，只能对应一次"),
        ({"columns": GOOD["columns"] | {"联系电话": "channel"}}, "“联系电话”涉及个人"),
        ({"columns": {"编号": "item_number", "内容": "text"}, "required": ["编号"]}, "缺少登记时间"),
        ({"columns": {"登记时间": "registered_at", "内容": "text"}, "required": []}, "缺少事项编号"),
        ({"columns": {"编号": "item_number", "登记时间": "registered_at"}, "required": []}, "没有可分析的内容"),
        ({"required": ["街镇"]}, "required 里的“街镇”不在 columns 中"),
        ({"identifying": ["街道"]}, "同时在 columns 和 identifying"),
        ({"source": "12345"}, "source 为“12345”"),
        ({"colums": {}}, "不认识的项“colums”，是否想写 columns"),
        ({"columns": ["编号"]}, "对照表"),
        ({"constants": {"registered_at": "2024-01-01"}}, "已有对应的列"),
        ({"constants": {"county_nam": "云溪区"}}, "是否想写 county_name"),
        ({"constants": {"due_at": "明天"}}, "不是日期"),
        ({"constants": {"text": "内容"}}, "不能全文件同一个值"),
        ({"status_words": {"办好了": "done"}}, "应为以下之一"),
        ({"item_number_from": "content"}, "不能再用 item_number_from"),
        ({"columns": GOOD["columns"] | {"经度": "lon"}}, "经度和纬度要同时对应"),
        ({"crs": "北京54"}, "crs 为“北京54”"),
        ({"bounds": [1, 2, 3]}, "bounds 应为四个数"),
        ({"reversed_paths": ["title"]}, "reversed_paths"),
        ({"title": " "}, "title"),
    ],
)  # fmt: skip
def test_each_fault_of_a_layout_has_its_sentence(tmp_path, change, says):
    path = tmp_path / "手写.json"
    path.write_text(json.dumps(GOOD | change, ensure_ascii=False), encoding="utf-8")
    with pytest.raises(UsageError) as caught:
        files.read(path)
    assert (
        says in str(caught.value)
        and str(caught.value).startswith("版式文件 手写.json")
        and str(caught.value).endswith(("。", "？"))
    )


def test_a_header_written_twice_and_a_torn_file_are_said(tmp_path):
    path = tmp_path / "a.json"
    text = json.dumps(GOOD, ensure_ascii=False)
    path.write_text(text.replace('"内容": "text"', '"内容": "text", "编号": "title"'), encoding="utf-8")
    with pytest.raises(UsageError, match="“编号”写了两次"):
        files.read(path)
    path.write_text(text[:-5], encoding="utf-8")
    with pytest.raises(UsageError, match="不是完整的 JSON"):
        files.read(path)


def test_keeping_listing_and_removing(empty_home):
    layout = files.from_json(GOOD)
    with pytest.raises(UsageError, match="内置版式"):
        layouts.save(empty_home, "fangshan", "hotline", layout)
    with pytest.raises(UsageError, match="不能用作文件名"):
        layouts.save(empty_home, "../a", "hotline", layout)
    path = layouts.save(empty_home, "某区", "hotline", layout)
    layouts.save(empty_home, "某区", "hotline", layout)  # the same again changes nothing
    with pytest.raises(UsageError, match="--replace"):
        layouts.save(empty_home, "某区", "hotline", layout | {"title": "另一个"})
    layouts.save(empty_home, "某区", "hotline", layout | {"title": "另一个"}, replace=True)
    assert layouts.load_all(empty_home)["hotline"]["某区"]["title"] == "另一个"
    assert next(iter(layouts.load_all(empty_home)["hotline"])) == "某区"
    path.write_text("{", encoding="utf-8")
    with pytest.raises(UsageError, match=r"某区\.json"):
        layouts.load_all(empty_home)
    assert [row["fault"] is not None for row in files.listed(empty_home)][:2] == [True, False]
    layouts.remove(empty_home, "某区")
    assert not path.exists()
    with pytest.raises(UsageError, match="没有保存过版式"):
        layouts.remove(empty_home, "某区")


def test_a_kept_layout_does_not_swallow_another_offices_file(tmp_path, empty_home):
    """The same three headers, and seven others that mean something: that is another layout."""
    layouts.save(empty_home, "某区", "hotline", files.from_json(GOOD))
    other = {
        "编号": UNSEEN["重庆工单"]["工单编号"],
        "登记时间": UNSEEN["重庆工单"]["工单创建时间"],
        "内容": UNSEEN["重庆工单"]["市民诉求"],
    }
    other |= {
        key: UNSEEN["城管案卷"][key]
        for key in ("大类名称", "小类名称", "所属街道", "事项状态", "主管部门", "结案时间", "单元网格")
    }
    path = write_csv(tmp_path / "别处.csv", other)
    with pytest.raises(SourceError, match="yanpan layout propose"):
        ingest([path], empty_home, today=TODAY)
    few = write_csv(tmp_path / "本区.csv", {key: other[key] for key in ("编号", "登记时间", "内容")})
    assert ingest([few], empty_home, today=TODAY)[0]["n_loaded"] == 120


def test_a_required_header_may_have_another_name_of_the_same_meaning(tmp_path, empty_home):
    path = write_book(tmp_path / "列表.xlsx", HEFEI)  # 登记时间 instead of 登记日期
    assert ingest([path], empty_home, today=TODAY)[0]["layout"] == "national_list"


# --- what happens to the rows ----------------------------------------------------------------------------------------


def normalised(layout: dict, *rows: dict) -> tuple[pl.DataFrame, pl.DataFrame]:
    frame = pl.DataFrame(
        [{header: row.get(header) for header in layout["columns"]} for row in rows],
        schema=dict.fromkeys(layout["columns"], pl.String),
    ).with_columns(pl.int_range(2, 2 + pl.len(), dtype=pl.Int32).alias("source_row"))
    return SOURCES["hotline"].normalise(frame, files.from_json(layout), today=TODAY)


ROW = {"编号": "A1", "登记时间": "2024-01-05 08:00:00", "内容": "暖气不热", "分类": "供热", "街道": "和平街道"}


def test_constants_stand_where_the_file_is_silent():
    layout = GOOD | {"constants": {"county_name": "云溪区", "channel": "来电", "status_word": "已办结"}}
    found, _ = normalised(layout, ROW)
    assert found.select("county_name", "channel", "status").row(0) == ("云溪区", "来电", "closed")


def test_categories_written_from_small_to_large_and_confidential_items():
    layout = GOOD | {
        "columns": GOOD["columns"] | {"是否保密": "is_confidential", "单位": "unit_name"},
        "category_separators": ["/"],
        "reversed_paths": ["category"],
    }
    row = ROW | {"分类": "不热/供热/城乡建设", "单位": "某局"}
    found, _ = normalised(layout, row, row | {"编号": "A2", "是否保密": "是"}, row | {"编号": "A3", "是否保密": "保密"})
    assert found["category_raw"].to_list() == ["城乡建设>供热>不热"] * 3
    assert found["text"].to_list() == ["暖气不热", None, None]
    assert found["unit_name"].to_list() == ["某局", None, None]


def test_content_numbers_do_not_change_with_the_handling():
    layout = GOOD | {
        "columns": {key: name for key, name in GOOD["columns"].items() if name != "item_number"} | {"状态": "status_word", "办结": "closed_at"},
        "required": ["登记时间"],
        "item_number_from": "content",
    }  # fmt: skip
    first, _ = normalised(layout, ROW | {"状态": "办理中"}, ROW | {"内容": "路灯坏了"}, ROW)
    later, _ = normalised(layout, ROW | {"状态": "已办结", "办结": "2024-02-01", "登记时间": "2024/1/5 8:00"})
    numbers = first["item_number"].to_list()
    assert numbers[0] == numbers[2] != numbers[1]
    assert later["item_number"].to_list() == numbers[:1]
    assert all(number.startswith("内容") and len(number) == 18 for number in numbers)
    blank, rejected = normalised(layout, dict.fromkeys(ROW))
    assert blank.is_empty() and rejected["rule"].to_list() == ["missing_item_number"]


def test_the_layouts_own_words_of_state_come_first():
    layout = GOOD | {
        "columns": GOOD["columns"] | {"状态": "status_word"},
        "status_words": {"办理中": "accepted", "搞定": "closed"},
    }
    found, _ = normalised(
        layout,
        *[
            ROW | {"编号": f"A{n}", "状态": word}
            for n, word in enumerate(("办理中", "搞定", "Closed", "open", "没见过"))
        ],
    )
    assert found["status"].to_list() == ["accepted", "closed", "closed", "registered", "in_progress"]
    assert found["unknown_status"].to_list() == [None, None, None, None, "没见过"]


@pytest.mark.parametrize(
    ("source", "word", "state"),
    [
        ("petition", "已作出处理意见", "replied"),
        ("petition", "超期未申请复查", "closed"),
        ("petition", "复核", "in_progress"),
        ("petition", "审核认定办结", "closed"),
        ("petition", "已签收待办理", "accepted"),
        ("petition", "退回待办理", "transferred"),
        ("petition", "已处理待送达", "replied"),
        ("petition", "已存档", "closed"),
        ("petition", "不再受理", "declined"),
        ("hotline", "待回访", "replied"),
        ("hotline", "Closed", "closed"),
        ("grid", "处置中", "in_progress"),
        ("grid", "已驳回", "declined"),
        ("grid", "Open", "registered"),
    ],
)
def test_words_of_state_of_all_systems(source, word, state):
    layout = files.from_json(GOOD | {"columns": GOOD["columns"] | {"状态": "status_word"}})
    frame = pl.DataFrame([ROW | {"状态": word}]).with_columns(pl.lit(2, pl.Int32).alias("source_row"))
    found, _ = SOURCES[source].normalise(frame, layout, today=TODAY)
    assert found["status"].to_list() == [state] and found["unknown_status"].to_list() == [None]


@pytest.mark.parametrize(
    "cell", ["张三丰", "13900001111", "990101199001011234", "某先生0571-66661111", "和平街道3号楼"]
)
def test_a_rejected_row_shows_no_person(cell):
    """Cells slipped by one column: a name stands where the time should be."""
    _, rejected = normalised(GOOD, ROW | {"登记时间": cell})
    row = rejected.row(0, named=True)
    assert (row["rule"], row["column_name"]) == ("bad_registered_at", "登记时间")
    assert cell not in row["found"] and not any(character in row["found"] for character in "张丰某楼")


@pytest.mark.parametrize("cell", ["2024-02-30", "2024年13月1日", "20241301", "2024/1/5 25:00", "1/5/2024"])
def test_a_rejected_row_shows_a_wrong_date(cell):
    assert parsing.masked_time(pl.Series([cell])).to_list() == [cell]


def test_times_in_an_impossible_order_are_kept_except_closing_before_registration():
    layout = GOOD | {
        "columns": GOOD["columns"]
        | {"发生": "occurred_at", "受理": "accepted_at", "答复": "replied_at", "办结": "closed_at"}
    }
    kept_rows, rejected = normalised(
        layout,
        ROW | {"发生": "2024-02-01"},
        ROW | {"编号": "A2", "受理": "2024-01-01"},
        ROW | {"编号": "A3", "受理": "2024-01-20", "答复": "2024-01-10"},
        ROW | {"编号": "A4", "办结": "2024-01-01"},
    )
    assert kept_rows["item_number"].to_list() == ["A1", "A2", "A3"]
    assert rejected["rule"].to_list() == ["closed_before_registered"]


# --- totals ----------------------------------------------------------------------------------------------------------

COUNTED = GOOD | {"columns": GOOD["columns"] | {"人数": "persons", "序号": "line_number"}}


@pytest.mark.parametrize(
    ("cells", "stated"),
    [
        ({"编号": "合计", "人数": "12"}, ("total", None, 12)),
        ({"编号": "合 计：", "分类": "35"}, ("total", 35, None)),
        ({"序号": "总计", "编号": "35", "人数": "40"}, ("total", 35, 40)),
        ({"编号": "合计35件"}, ("total", 35, None)),
        ({"编号": "合计 1,234 件 2,345 人次"}, ("total", 1234, 2345)),
        ({"编号": "共 35 条"}, ("total", 35, None)),
        ({"编号": "本页小计", "人数": "7"}, ("subtotal", None, 7)),
        ({"街道": "小计", "分类": "7"}, ("subtotal", 7, None)),
        ({"编号": "合计", "分类": "7", "街道": "9"}, ("total", None, None)),
    ],
)
def test_total_rows_are_told_from_items_and_read(cells, stated):
    frame = pl.DataFrame(
        [{header: row.get(header) for header in COUNTED["columns"]} for row in (ROW, cells)],
        schema=dict.fromkeys(COUNTED["columns"], pl.String),
    ).with_columns(pl.Series("source_row", [2, 3], dtype=pl.Int32))
    layout = files.from_json(COUNTED)
    found = events.control_totals(frame, layout)
    assert found.rows() == [(3, *stated)]
    kept_rows, rejected = SOURCES["hotline"].normalise(frame, layout)
    assert (len(kept_rows), len(rejected)) == (1, 0)


@pytest.mark.parametrize(
    "cells", [{"内容": "合计欠薪 3 万元"}, {"分类": "会计服务"}, {"编号": "计2024001"}, {"街道": "共和街道"}]
)
def test_items_that_speak_of_totals_are_items(cells):
    kept_rows, _ = normalised(COUNTED, ROW | cells)
    assert len(kept_rows) == 1


def test_sections_and_the_whole_are_compared_with_what_was_counted():
    stated = totals.Stated(files.from_json(COUNTED))

    def block(rows: list[int], total_rows: list[tuple]) -> None:
        found = pl.DataFrame(
            {"source_row": rows, "persons": [2] * len(rows)}, schema={"source_row": pl.Int32, "persons": pl.Int32}
        )
        none = pl.DataFrame(schema={"source_row": pl.Int32})
        stated.add(found, none, pl.DataFrame(total_rows, schema=events.TOTAL_COLUMNS, orient="row"))

    block([2, 3, 4, 6], [(5, "subtotal", 3, 6)])  # row 6 belongs to the next section, which the next block ends
    block([7], [(8, "subtotal", 3, None), (9, "total", 5, 11)])
    said = [(one["row"], one["column"], one["stated"], one["counted"]) for one in stated.found]
    assert said == [(5, "编号", 3, 3), (5, "人数", 6, 6), (8, "编号", 3, 2), (9, "编号", 5, 5), (9, "人数", 11, 10)]
    assert len(stated.notes()) == 2 and "第 8 行" in stated.notes()[0]


# --- small parts -----------------------------------------------------------------------------------------------------


def looks(*words: str) -> profile.Profile:
    return profile.profile(pl.Series(list(words) * 3, dtype=pl.String))


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("甲->乙->丙", "甲->乙->丁", "甲->戊"), (("->",), False)),
        (("城乡_供热", "城乡_物业", "教育_收费", "教育_招生"), (("_",), False)),
        (("出租/网约车", "医保/参保", "燃气", "供水/供电"), ((), False)),
        (("城建/供热/温度", "城建/供热/收费", "城建/物业/停车", "教育/收费/补课"), (("/",), False)),
        (("供热-城建", "物业-城建", "道路-城建", "路灯-城建", "收费-教育", "招生-教育"), (("-",), True)),
        (("4-1号线", "4-2号线", "4-3号线", "4-4号线"), ((), False)),
        (("城建：供热", "城建：物业", "教育：收费"), (("：",), False)),
        (("供热", "物业"), ((), False)),
    ],
)
def test_a_separator_is_told_from_a_mark_in_a_name(words, expected):
    assert profile.path_separators(looks(*words)) == expected


def test_places_written_from_small_to_large():
    words = ("云水社区/和平街道/云溪区", "柳岸社区/东门街道/临川县")
    assert profile.is_reversed_place(looks(*words)) and not profile.is_reversed_place(looks("云溪区/和平街道/云水社区"))
    assert parsing.parse_place(pl.Series(words), True).row(0) == ("云溪区", "和平街道", "云水社区")


def test_shapes_say_nothing():
    rng = random.Random(3)
    for cell in (person(rng, 1), mobile(rng, 1), identity(rng, 1), "和平街道3号楼2单元", "abc@example.org"):
        seen = re.sub(r"×\d+", "", profile.shape(cell))  # lengths are not contents
        assert not set(seen) & set(cell) - set("@.9a-")


# --- real files ------------------------------------------------------------------------------------------------------

WITHOUT_DATES = {"constants": {"registered_at": "2020-01-31"}, "item_number_from": "content"}


@pytest.mark.parametrize(
    ("name", "n_read", "choices"),
    [
        ("pingshan/pingshan_utf8.csv", 10_000, {}),
        ("pingshan/pingshan_gbk.csv", 10_000, {}),
        ("taidi/附件3.xlsx", 4_326, {}),
        ("taidi/附件3_示例.xlsx", 30, {}),
        ("taidi/附件3_dirty_variant.xlsx", 5_209, {}),
        ("taidi/附件4.xlsx", 2_816, {}),
        ("taidi/ooxml_named.xls", 123, {}),
        ("taidi/messages_train.csv", 7_458, WITHOUT_DATES),
        ("taidi/messages_train_raw.csv", 1_637, WITHOUT_DATES),
        ("boston311/boston_2011.csv.gz", 58_251, {}),
    ],
)
def test_every_real_event_file_loads_by_its_proposal(shared_files, empty_home, name, n_read, choices):
    path = shared_files / name
    proposal = proposed(path, **choices)
    assert proposal["missing"] == []
    layouts.save(empty_home, "真实", proposal["source"], files.from_json(proposal["layout"]))
    batch = ingest([path], empty_home, layout="真实", today=date(2026, 1, 1))[0]
    assert batch["n_read"] == n_read and batch["n_rejected"] == 0
    assert batch["n_read"] == batch["n_loaded"] + batch["n_duplicate"] + batch["n_out_of_scope"]
    assert batch["n_loaded"] > 0.8 * n_read


def test_the_real_category_tree_is_told_from_events(shared_files, empty_home):
    path = shared_files / "taidi" / "附件1_标签体系.xlsx"
    assert proposed(path)["kind"] == "categories"
    found = categories.install(reading.inspect(path), "hotline", empty_home)
    assert found["n_paths"] == 517 and found["n_written"] + found["n_known"] + len(found["open"]) == 517
    assert found["n_written"] >= 50


# --- command line ----------------------------------------------------------------------------------------------------


def yanpan(home: Path, *arguments: str) -> tuple[int, dict]:
    done = subprocess.run(
        [sys.executable, "-m", "pipelines.cli", *arguments, "--home", str(home), "--json"],
        cwd=ROOT, capture_output=True, text=True, check=False, encoding="utf-8",
    )  # fmt: skip
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, json.loads(done.stdout)


def test_from_an_unknown_file_to_a_loaded_one_on_the_command_line(tmp_path):
    home, path = tmp_path / "home", str(write_csv(tmp_path / "东莞.csv", UNSEEN["东莞诉求"]))
    code, answer = yanpan(home, "ingest", path)
    assert code == 3 and "yanpan layout propose 东莞.csv" in answer["error"]
    code, answer = yanpan(home, "layout", "propose", path)
    assert code == 0 and {one["field"] for one in answer["missing"]} == {"item_number"}
    assert len(answer["fields"]) == len(events.FIELDS)
    code, answer = yanpan(home, "layout", "propose", path, "--save", "东莞")
    assert code == 2 and "版式没有保存" in answer["error"]
    assert not (home / "layouts").exists()
    words = (
        "--number-from",
        "content",
        "--constant",
        "county_name=云溪区",
        "--drop",
        "红黄牌",
        "--map",
        "诉求标题=text",
    )
    code, answer = yanpan(home, "layout", "propose", path, *words, "--save", "东莞")
    assert code == 0 and answer["saved"]["name"] == "东莞"
    code, answer = yanpan(home, "layout", "list")
    assert answer["layouts"][0]["name"] == "东莞" and answer["layouts"][0]["kept"]
    code, answer = yanpan(home, "layout", "check", path)
    assert code == 0 and (answer["layout"], answer["n_events"], answer["rules"]) == ("东莞", 120, [])
    assert {"field": "county_name", "label": "县区", "filled_share": 1.0} in answer["fields"]
    code, answer = yanpan(home, "ingest", path)
    assert code == 0 and answer["total"]["loaded"] == 120
    code, answer = yanpan(home, "layout", "remove", "东莞")
    assert code == 0 and not list((home / "layouts").iterdir())


def test_a_dry_run_says_what_happens_to_each_row(tmp_path, empty_home):
    path = tmp_path / "a.csv"
    lines = ["编号,登记时间,内容,分类,街道,来电人"]
    lines += [f"A{n},2024-01-{n:02d},内容,供热,和平街道,某某" for n in range(1, 8)]
    lines += [",2024-01-08,内容,供热,,", "A9,昨天,内容,供热,,", "A10,2024-01-09", "合计,7,,,,"]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    layouts.save(empty_home, "某区", "hotline", files.from_json(GOOD))
    found = layouts.check(reading.inspect(path), layouts.load_all(empty_home), today=TODAY)
    rules = {rule["rule"]: (rule["n"], rule["column"], rule["rows"]) for rule in found["rules"]}
    assert rules == {
        "missing_item_number": (1, "编号", [9]),
        "bad_registered_at": (1, "登记时间", [10]),
        "wrong_field_count": (1, None, [11]),
    }
    assert (found["n_rows"], found["n_events"], found["header"]["dropped"]) == (10, 7, ["来电人"])
    assert {one["field"]: one["filled_share"] for one in found["fields"]}["town_name"] == 1.0
    assert not (empty_home.path / "warehouse.duckdb").exists()


def test_a_category_tree_on_the_command_line(tmp_path):
    path = tmp_path / "树.csv"
    path.write_text(TREE, encoding="utf-8")
    code, answer = yanpan(tmp_path / "home", "layout", "propose", str(path), "--save", "树")
    assert code == 2 and "--save-as-categories" in answer["error"]
    code, answer = yanpan(tmp_path / "home", "layout", "propose", str(path), "--save-as-categories", "grid")
    assert code == 0 and answer["n_written"] >= 2 and Path(answer["crosswalk"]).exists()


def test_a_written_layout_is_checked_and_added(tmp_path):
    path = tmp_path / "某区.json"
    path.write_text(json.dumps(GOOD, ensure_ascii=False), encoding="utf-8")
    code, answer = yanpan(tmp_path / "home", "layout", "add", str(path))
    assert code == 0 and Path(answer["saved"]["file"]).exists()
    path.write_text(json.dumps(GOOD | {"source": "x"}, ensure_ascii=False), encoding="utf-8")
    code, answer = yanpan(tmp_path / "home", "layout", "add", str(path))
    assert code == 2 and "source 为“x”" in answer["error"]


def test_points_on_zero_and_exchanged_columns_do_not_move_the_bounds(tmp_path):
    """Zeros stand for no position: they neither put a city abroad nor widen the box a foreign one gets."""
    head = "事件编号,创建时间,事件类型,所属镇街,经度,纬度\n"
    rows = [f"E{n:05},2026-03-{n % 28 + 1:02} 09:00:00,市容环境,石井街道," for n in range(300)]
    inside = [f"{114.3 + n % 7 / 100:.4f},{22.7 + n % 5 / 100:.4f}" if n % 15 else "0.0,0.0" for n in range(300)]
    exchanged = [",".join(reversed(point.split(","))) for point in inside]
    for points in (inside, exchanged):
        path = tmp_path / f"{len(list(tmp_path.iterdir()))}.csv"
        path.write_text(head + "\n".join(map("".join, zip(rows, points, strict=True))) + "\n", encoding="utf-8")
        proposal = layouts.propose(reading.inspect(path))
        assert proposal["layout"] and "bounds" not in proposal["layout"], path
        assert not any("不在国内" in note for note in proposal["notes"])


def test_a_line_number_and_numbers_by_content_go_together(tmp_path, empty_home):
    path = tmp_path / "台账.csv"
    lines = [f"{n},2026-03-{n % 28 + 1:02} 09:00:00,城乡建设>供热,云溪区,暖气不热第{n}次" for n in range(1, 40)]
    path.write_text(
        "序号,登记时间,问题分类,所属区县,反映内容\n" + "\n".join(lines) + "\n合计,39,,,\n", encoding="utf-8"
    )
    proposal = layouts.propose(reading.inspect(path), choices=Choices(item_number_from="content"))
    assert proposal["layout"]
    files.save(empty_home, "taizhang", proposal["source"], files.from_json(proposal["layout"]))
    batch = ingest([path], empty_home, today=date(2026, 4, 1))[0]
    assert (batch["n_read"], batch["n_loaded"]) == (39, 39)
