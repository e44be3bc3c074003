"""The office's own Word file: its head, order and styles are kept; what cannot be used is told in one sentence."""

import io
import random
import zipfile
from dataclasses import replace
from pathlib import Path

import docx
import pytest
from docx.shared import Mm, Pt, RGBColor

from app.assets.templates import make_docx
from app.exports import report_docx
from app.reports import templates
from app.reports.model import Heading, Paragraph
from tests.test_report_docx import PLAIN, make_wide


def plain_report(**changes):
    """Without pictures, which take time."""
    return replace(PLAIN, **{"mark": ""} | changes)


def make_template(path: Path, *paragraphs: str, header: str = "", cell: str = "") -> Path:
    """An ordinary Word document that an office might have typed."""
    document = docx.Document()
    section = document.sections[0]
    section.page_width, section.page_height = Mm(210), Mm(297)
    section.left_margin = section.right_margin = Mm(22)
    section.header.paragraphs[0].text = header
    if cell:
        document.add_table(1, 1).cell(0, 0).text = cell
    for text in paragraphs:
        document.add_paragraph(text)
    document.save(str(path))
    return path


def written(template: Path, said=None):
    return docx.Document(io.BytesIO(report_docx.docx(said or plain_report(), template)))


def texts(document) -> list[str]:
    return [one.text for one in document.paragraphs]


def with_members(source: Path, target: Path, **changes: bytes) -> Path:
    """The archive again; a member's name is written with __ for / and _dot_ for the dot."""
    members = {name.replace("__", "/").replace("_dot_", "."): data for name, data in changes.items()}
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, members.pop(name, None) or old.read(name))
        for name, data in members.items():
            new.writestr(name, data)
    return target


# ---------------------------------------------------------------- which file


def test_the_built_in_file_is_what_its_script_makes():
    with zipfile.ZipFile(templates.BUILT_IN) as archive:
        held = {name: archive.read(name).decode() for name in archive.namelist()}
    assert held == {name: make_docx.DECLARED + xml for name, xml in make_docx.members().items()}
    assert templates.check(templates.BUILT_IN) == [
        "标记", "标题", "期号", "单位", "日期", "区域", "期间", "正文", "附表", "口径",
    ]  # fmt: skip


def test_the_office_s_own_goes_first_that_of_the_kind_before_that_for_all(tmp_path):
    assert templates.find("weekly", "docx", tmp_path) is None
    (tmp_path / "templates").mkdir()
    for name in ("report.docx", "weekly.docx", "monthly.pptx"):
        (tmp_path / "templates" / name).touch()
    found = {kind: templates.find(kind, "docx", tmp_path) for kind in ("weekly", "annual")}
    assert {kind: path.name for kind, path in found.items() if path} == {
        "weekly": "weekly.docx",
        "annual": "report.docx",
    }
    assert templates.find("weekly", "pptx", tmp_path) is None


# ---------------------------------------------------------------- a good one


def test_a_copy_of_the_built_in_file_changes_nothing(tmp_path):
    copied = tmp_path / "weekly.docx"
    copied.write_bytes(templates.BUILT_IN.read_bytes())
    assert report_docx.docx(plain_report(), copied) == report_docx.docx(plain_report())


def test_head_table_and_text_of_the_office_take_the_words(tmp_path):
    template = make_template(
        tmp_path / "t.docx",
        "{{标记}}",
        "报告期：{{期间}}（{{ 区域 }}）",
        "{{正文}}",
        "报：市委",
        header="{{单位}} {{日期}}",
        cell="{{期号}}",
    )
    assert templates.check(template) == ["期号", "标记", "期间", "区域", "正文", "单位", "日期"]
    document = written(template)
    assert document.sections[0].header.paragraphs[0].text == "安澜市诉求研判中心 2026年11月16日"
    assert document.tables[0].cell(0, 0).text == "2026年第46期"
    read = texts(document)
    assert read[0] == "报告期：2026年第46周（2026年11月9日—11月15日）（安澜市）", "the empty mark leaves no line"
    assert read[1] == "一、基本情况" and read[-1] == "报：市委"
    assert written(template, plain_report(mark="内部资料　注意保存")).paragraphs[0].text == "内部资料　注意保存"


def test_a_placeholder_that_word_cut_into_pieces_is_one(tmp_path):
    document = docx.Document(str(make_template(tmp_path / "t.docx", "", "{{正文}}")))
    first = document.paragraphs[0]
    for piece, is_bold in (
        ("第{", False),
        ("{期", True),
        ("号", False),
        ("}", False),
        ("}号", True),
        ("{{单位}}", False),
    ):
        first.add_run(piece).bold = is_bold
    document.save(str(tmp_path / "cut.docx"))
    said = written(tmp_path / "cut.docx").paragraphs[0]
    assert said.text == "第2026年第46期号安澜市诉求研判中心"
    assert [run.text for run in said.runs if run.bold] == ["", "号"], "the type of the piece in which it begins"


def test_sections_in_the_office_s_order_are_counted_anew_and_the_rest_is_the_text(tmp_path):
    template = make_template(tmp_path / "t.docx", "{{办理质效}}", "{{上周回看}}", "{{正文}}", "{{口径}}", "{{附表}}")
    document = written(template)
    heads = [one.text for one in document.paragraphs if one.style.name == "研判标题1"]
    assert heads == ["一、办理质效", "二、上周回看", "三、基本情况", "四、突出问题", "五、预警研判", "六、工作建议"]
    read = texts(document)
    assert read.index("口径说明") < read.index("附表1　高频事项")
    only = [one for one in texts(written(make_template(tmp_path / "u.docx", "{{建议}}"))) if one]
    assert only == ["一、工作建议", "请供热企业核查长宁街道管网。"]


def test_the_section_of_another_kind_or_audience_finds_its_place(tmp_path):
    template = make_template(tmp_path / "t.docx", "{{建议}}", "{{上周回看}}", "{{基本情况}}", "{{预警研判}}")
    names = ("总体情况", "需办理的预警", "上月交办事项回看", "工作要求")
    blocks = [
        one for n, name in zip("一二三四", names, strict=True) for one in (Heading(f"{n}、{name}"), Paragraph(name))
    ]
    read = texts(written(template, replace(plain_report(), blocks=blocks)))
    assert [one for one in read if "、" in one] == [
        "一、工作要求",
        "二、上月交办事项回看",
        "三、总体情况",
        "四、需办理的预警",
    ]


def test_styles_of_the_office_are_kept_and_missing_ones_added(tmp_path):
    path = make_template(tmp_path / "t.docx", "{{正文}}")
    document = docx.Document(str(path))
    own = document.styles.add_style("研判正文", 1)
    own.font.size, own.font.color.rgb = Pt(14), RGBColor(0, 0, 160)
    document.styles["Heading 1"].element.set(
        "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}styleId", "YanpanHeading1"
    )
    document.save(str(path))
    styles = written(path).styles
    assert styles["研判正文"].font.size == Pt(14) and styles["研判标题1"].font.name == "黑体"
    assert styles["研判标题1"].style_id != "YanpanHeading1", "two styles never share an id"
    assert styles["Heading 1"].style_id == "YanpanHeading1"


def test_words_of_the_report_are_never_read_as_placeholders(tmp_path):
    template = make_template(tmp_path / "t.docx", "{{标题}}", "{{正文}}")
    said = plain_report(title="{{正文}}", office="{{期号}}")
    assert written(template, said).paragraphs[0].text == "{{正文}}"
    assert texts(written(template, replace(said, blocks=[Paragraph("{{标题}}{% x %}")])))[1] == "{{标题}}{% x %}"


def test_what_follows_a_wide_appendix_stands_upright_again(tmp_path):
    between = make_template(tmp_path / "t.docx", "{{正文}}", "{{附表}}", "报：市委")
    last = make_template(tmp_path / "u.docx", "{{正文}}", "{{附表}}", "")
    for template, wanted in ((between, [False, True, False]), (last, [False, True])):
        pages = written(template, plain_report(appendix=[make_wide()])).sections
        assert [page.page_width > page.page_height for page in pages] == wanted
        assert [round(page.top_margin / Mm(1)) == 22 for page in pages] == wanted, "bound at its top"


# ---------------------------------------------------------------- bad ones


@pytest.mark.parametrize(
    ("paragraphs", "said"),
    [
        (("{{正文}}", "{{题目}}"), "不认识占位符 {{题目}}；可用的有：标题、期号"),
        (("{{标题}}",), "没有找到 {{正文}}"),
        (("{{正文}}", "{{标题}"), "花括号不成对"),
        (("{{正文}}", "标题}}"), "花括号不成对"),
        (("{{正文}}", "{{标", "题}}"), "花括号不成对"),
        (("{{正文}}", "{% for a in 标题 %}{{标题}}{% endfor %}"), "花括号不成对或写法不认识"),
        (("{{正文}}", "{{标题.__class__}}"), "不认识占位符"),
        (("{{正文}}", "{{ 7*7 }}"), "不认识占位符"),
        (("见 {{正文}}",), "应在正文中独占一段"),
        (("{{正文}}{{附表}}",), "应在正文中独占一段"),
        (("{{正文}}", "{{正文}}"), "出现了 2 次"),
    ],
)
def test_bad_placeholders_are_told_in_one_sentence(tmp_path, paragraphs, said):
    with pytest.raises(templates.BadTemplate) as told:
        templates.check(make_template(tmp_path / "weekly.docx", *paragraphs))
    assert str(told.value).startswith("模板 weekly.docx：") and said in str(told.value)
    assert str(told.value).endswith("。") and "\n" not in str(told.value)


def test_blocks_only_stand_in_the_text(tmp_path):
    for where in ({"cell": "{{附表}}"}, {"header": "{{口径}}"}):
        with pytest.raises(templates.BadTemplate, match="应在正文中独占一段"):
            templates.check(make_template(tmp_path / "t.docx", "{{正文}}", **where))


def test_a_page_too_narrow_for_a_table_is_told(tmp_path):
    document = docx.Document(str(make_template(tmp_path / "t.docx", "{{正文}}")))
    document.sections[0].left_margin = Mm(150)
    document.save(str(tmp_path / "t.docx"))
    with pytest.raises(templates.BadTemplate, match="只有 38 毫米宽，至少要 80 毫米"):
        templates.check(tmp_path / "t.docx")


def make_bad_files(folder: Path) -> dict[Path, str]:
    """File → what must be said of it."""
    good = make_template(folder / "good.docx", "{{正文}}")
    with zipfile.ZipFile(good) as archive:
        types, relations = archive.read("[Content_Types].xml"), archive.read("word/_rels/document.xml.rels")
    remote = b'<Relationship Id="rId99" Type="x/attachedTemplate" Target="http://example.org/a.dotm" TargetMode="External"/></Relationships>'
    main = b"wordprocessingml.document.main"
    changed = {
        "macro": ({"word__vbaProject_dot_bin": b"x"}, "含有宏"),
        "docm": ({"[Content_Types]_dot_xml": types.replace(b"vnd.openxmlformats-officedocument." + main, b"vnd.ms-word.document.macroEnabled.main")}, "含有宏"),
        "dotx": ({"[Content_Types]_dot_xml": types.replace(main, b"wordprocessingml.template.main")}, ".dotx"),
        "sheet": ({"[Content_Types]_dot_xml": types.replace(main, b"spreadsheetml.sheet.main")}, "不是 Word 文档"),
        "remote": ({"word___rels__document_dot_xml_dot_rels": relations.replace(b"</Relationships>", remote)}, "引用了外部文件 http://example.org/a.dotm"),
        "entity": ({"word__settings_dot_xml": b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'}, "DOCTYPE"),
        "broken": ({"word__document_dot_xml": b"<w:document"}, "已损坏"),
        "bodiless": ({"word__document_dot_xml": b'<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"/>'}, "已损坏"),
        "bomb": ({"word__media__a_dot_bin": bytes(templates.MAX_UNPACKED)}, "解压后超过 3 MB"),
    }  # fmt: skip
    files = {with_members(good, folder / f"{name}.docx", **members): said for name, (members, said) in changed.items()}
    raw = {
        "old": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(99), "旧版 .doc，或加了打开密码"),
        "text": ("不是压缩包".encode(), "不是 Word 文档"),
        "empty": (b"", "不是 Word 文档"),
        "huge": (bytes(templates.MAX_BYTES + 1), "文件超过 1 MB"),
    }
    for name, (data, said) in raw.items():
        (folder / f"{name}.docx").write_bytes(data)
        files[folder / f"{name}.docx"] = said
    return files


def test_a_file_that_is_no_good_word_document_is_told_what_it_is(tmp_path, monkeypatch):
    monkeypatch.setattr(templates, "MAX_BYTES", 1_000_000)
    monkeypatch.setattr(templates, "MAX_UNPACKED", 3_000_000)
    for path, said in make_bad_files(tmp_path).items():
        with pytest.raises(templates.BadTemplate) as told:
            templates.check(path)
        assert str(told.value).startswith(f"模板 {path.name}：") and said in str(told.value), path.name


def test_a_damaged_file_is_always_told_so(tmp_path):
    """Cut off anywhere, or with any bytes changed: either it is still good or one sentence is said."""
    whole, chance, n_bad = templates.BUILT_IN.read_bytes(), random.Random(5), 0
    for n in range(150):
        data = bytearray(whole)
        for _ in range(6):
            data[chance.randrange(len(data))] = chance.randrange(256)
        (tmp_path / "t.docx").write_bytes(data if n % 2 else whole[: chance.randrange(len(whole))])
        try:
            templates.check(tmp_path / "t.docx")
        except templates.BadTemplate as told:
            n_bad += 1
            assert str(told).startswith("模板 t.docx：")
    assert n_bad > 100
