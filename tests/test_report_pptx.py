"""Is the deck the report? Opened again and read: its slides, its tables, its notes, the office's own template."""

import dataclasses
import io
import zipfile
from functools import cache
from pathlib import Path

import polars as pl
import pytest
import report_samples
from pptx import Presentation

from app.exports import report_pptx, slides
from app.reports import templates
from app.reports.model import INTERNAL, Chart, Column, Slide, Table, Tile


def opened(report, template=None) -> list:
    return list(Presentation(io.BytesIO(report_pptx.pptx(report, template))).slides)


@cache
def sample() -> bytes:
    return report_pptx.pptx(report_samples.report())


def sample_slides() -> list:
    return list(Presentation(io.BytesIO(sample())).slides)


def with_slides(*found: Slide):
    return dataclasses.replace(report_samples.report(), slides=found)


def said(slide) -> list[str]:
    return [shape.text_frame.text for shape in slide.shapes if shape.has_text_frame]


def table_of(slide) -> list[list[str]]:
    (table,) = [shape.table for shape in slide.shapes if shape.has_table]
    return [[cell.text_frame.text for cell in row.cells] for row in table.rows]


def make_long(n: int) -> Table:
    frame = pl.DataFrame({"unit_name": [f"{report_samples.LONG_UNIT}{k}" for k in range(n)], "n_due": range(n)})
    columns = [Column("unit_name", label="承办单位", width=3), Column("n_due", "number", "到期")]
    return Table("long", "长表", frame, columns)


# ---------------------------------------------------------------- the deck


def test_a_cover_and_one_slide_a_finding():
    report = report_samples.report()
    cover, *pages = sample_slides()
    assert cover.shapes.title.text_frame.text == report.title
    assert {report.number, report.office, report.period_name, report.area_name, "2026年11月16日", INTERNAL} <= set(
        said(cover)
    )
    assert [page.shapes.title.text_frame.text for page in pages] == [slide.headline for slide in report.slides]
    for page, slide in zip(pages, report.slides, strict=True):
        assert slide.section in said(page)
        assert slide.basis in said(page) or not slide.basis
        assert f"{report.office}　{report.title}　{report.number}" in said(page), "the line at the foot"
        assert page.shapes._spTree.xpath('.//a:fld[@type="slidenum"]')
        notes = page.notes_slide.notes_text_frame.text
        assert all(note in notes for note in report.notes)
        assert slide.basis in notes
        if isinstance(slide.body, Chart):
            assert sum(shape.has_chart for shape in page.shapes) == 1
        elif isinstance(slide.body, Table) and not slide.body.frame.is_empty():
            assert table_of(page) == [slide.body.head(), *slide.body.cells()]


def test_the_same_report_gives_the_same_bytes_and_asks_for_nothing_outside():
    made = sample()
    assert made == report_pptx.pptx(report_samples.report())
    with zipfile.ZipFile(io.BytesIO(made)) as archive:
        assert not [name for name in archive.namelist() if name.endswith(".rels") and b"External" in archive.read(name)]
    core = Presentation(io.BytesIO(made)).core_properties
    assert core.author == "" and core.title == "诉求风险研判周报 2026年第46期"


def test_without_a_mark_there_is_no_empty_frame_for_it():
    cover, first, *_ = opened(report_samples.report(mark=""))
    assert INTERNAL not in " ".join(said(cover) + said(first)) and "" not in [text.strip() for text in said(cover)]


def test_nothing_hangs_over_the_edge_or_over_the_small_print():
    deck = Presentation(io.BytesIO(sample()))
    for page in deck.slides:
        for shape in page.shapes:
            assert shape.left >= 0 and shape.left + shape.width <= deck.slide_width, shape.name
            assert shape.top >= 0 and shape.top + shape.height <= deck.slide_height, shape.name
        small = [shape.top for shape in page.placeholders if shape.placeholder_format.idx == 11]
        body = [shape for shape in page.shapes if shape.has_chart or shape.has_table]
        assert all(shape.top + shape.height <= top for shape in body for top in small)


def test_tiles_are_figures_with_their_comparisons():
    tiles = [Tile(f"指标{k}", f"{k},234 件", ("环比 +1.0%",)) for k in range(12)]
    pages = opened(with_slides(Slide("两页数字", tiles)))[1:]
    assert len(pages) == 2
    found = [text for page in pages for text in said(page) if text.startswith("指标")]
    assert found == [f"指标{k}\n{k},234 件\n环比 +1.0%" for k in range(12)]
    for n, page in enumerate(opened(with_slides(*(Slide("数字", tiles[:n]) for n in range(1, 10))))[1:], start=1):
        boxes = [shape for shape in page.shapes if shape.name.startswith("指标")]
        assert len({(box.left, box.top) for box in boxes}) == n, "none over another"


def test_sentences_are_a_numbered_list_that_goes_on():
    sentences = [f"● 红 {report_samples.LONG_UNIT}第{k}条：近4周逾期 11 件，比上期多。" for k in range(1, 16)]
    pages = opened(with_slides(Slide("十五条", sentences)))[1:]
    assert [page.shapes.title.text_frame.text for page in pages] == ["十五条", *["十五条（续）"] * (len(pages) - 1)]
    read = []
    for page in pages:
        (body,) = [shape for shape in page.placeholders if shape.placeholder_format.idx == 1]
        assert set(body._element.xpath(".//a:buAutoNum/@startAt")) == {str(len(read) + 1)}, "numbers go on"
        read += [paragraph.text for paragraph in body.text_frame.paragraphs]
    assert read == sentences and len(pages) > 1
    (page,) = opened(with_slides(Slide("一条", sentences[:1])))[1:]
    assert not page.shapes._spTree.xpath(".//a:buAutoNum"), "one sentence is no list"


def test_a_long_table_goes_on_with_its_head_and_every_row():
    table = make_long(31)
    pages = opened(with_slides(Slide("长表", table, "口径。")))[1:]
    assert len(pages) > 1
    rows = []
    for page in pages:
        head, *part = table_of(page)
        assert head == table.head() and len(part) > 1, "no page with a single row"
        rows += part
        (shape,) = [shape for shape in page.shapes if shape.has_table]
        assert shape.top + shape.height <= Presentation(str(slides.BUILT_IN)).slide_layouts[1].placeholders[3].top
    assert rows == table.cells()


def test_figures_stand_right_and_names_left():
    page = sample_slides()[-1]
    (table,) = [shape.table for shape in page.shapes if shape.has_table]
    assert [cell._tc.xpath(".//a:pPr/@algn")[0] for cell in table.rows[1].cells] == ["l", "r", "r", "r"]


def test_an_empty_table_says_so_once():
    (page,) = [page for page in sample_slides() if page.shapes.title.text_frame.text == "上周没有预警"]
    assert said(page).count("上周没有预警。") == 1 and not any(shape.has_table for shape in page.shapes)


def test_what_xml_cannot_hold_is_left_out():
    page = opened(with_slides(Slide("坏\x0b字", ["一\x01句", "<b>&"], "口\x02径")))[1]
    assert page.shapes.title.text_frame.text == "坏字" and "一句\n<b>&" in said(page) and "口径" in said(page)


# ---------------------------------------------------------------- the office's own template


def make_template(
    path: Path, *, names=("封面", "内容"), cover: list[str] | None = None, last: str = "", text: str = ""
) -> Path:
    """python-pptx's own template, 4:3, its first two layouts renamed. cover: the runs of a slide's text."""
    deck = Presentation()
    for layout, name in zip(deck.slide_layouts, names, strict=False):
        layout._element.cSld.set("name", name)
    if text:
        deck.slide_layouts[0].placeholders[1].text_frame.text = text
    for runs in ([cover] if cover else []) + ([[last]] if last else []):
        box = deck.slides.add_slide(deck.slide_layouts[6]).shapes.add_textbox(0, 0, 9_000_000, 900_000)
        for run in runs:
            box.text_frame.paragraphs[0].add_run().text = run
    deck.save(str(path))
    return path


def test_the_offices_layouts_are_used_and_their_placeholders_filled(tmp_path):
    template = make_template(tmp_path / "slides.pptx", text="{{期号}}　{{单位}}")
    assert templates.find("weekly", "pptx", tmp_path) is None
    report = report_samples.report()
    cover, *pages = opened(report, template)
    assert cover.slide_layout.name == "封面" and said(cover)[:2] == [report.title, f"{report.number}　{report.office}"]
    assert {page.slide_layout.name for page in pages} == {"内容"}
    assert [page.shapes.title.text_frame.text for page in pages] == [slide.headline for slide in report.slides]
    assert all(slide.basis in said(page) for page, slide in zip(pages, report.slides, strict=True) if slide.basis)
    (body,) = [page for page in pages if any(shape.has_chart for shape in page.shapes)][:1]
    assert [shape.placeholder_format.idx for shape in body.placeholders if shape.placeholder_format.idx == 1] == []
    assert report_pptx.pptx(report, template) == report_pptx.pptx(report, template)


def test_a_slide_with_the_title_is_the_cover_and_the_rest_comes_last(tmp_path):
    template = make_template(tmp_path / "slides.pptx", cover=["本办：{", "{标", "题}} {{期间}}"], last="谢谢")
    report = report_samples.report()
    first, *_, last = found = opened(report, template)
    assert said(first) == [f"本办：{report.title} {report.period_name}"] and said(last) == ["谢谢"]
    assert len(found) == len(report.slides) + 2


def test_slides_of_a_template_without_the_title_are_examples(tmp_path):
    found = opened(report_samples.report(), make_template(tmp_path / "slides.pptx", last="示例"))
    assert found[0].slide_layout.name == "封面" and "示例" not in " ".join(
        text for page in found for text in said(page)
    )


def test_the_template_of_a_kind_comes_before_the_one_for_all(tmp_path):
    folder = tmp_path / "templates"
    folder.mkdir()
    make_template(folder / "slides.pptx")
    assert templates.find("weekly", "pptx", tmp_path) == folder / "slides.pptx"
    make_template(folder / "weekly.pptx")
    assert templates.find("weekly", "pptx", tmp_path) == folder / "weekly.pptx"


def test_a_bad_template_is_said_in_one_sentence(tmp_path):
    bad = {
        "missing.pptx": ({"names": ("封面",)}, "缺少名为“内容”的版式（现有：封面、"),
        "unknown.pptx": ({"cover": ["{{姓名}}"]}, "不认识占位符 {{姓名}}；可用的有：标题、"),
        "braces.pptx": ({"cover": ["{{标题}"]}, "花括号不成对"),
    }
    for name, (made, found) in bad.items():
        with pytest.raises(templates.BadTemplate, match=f"模板 {name}：.*") as fault:
            report_pptx.pptx(report_samples.report(), make_template(tmp_path / name, **made))
        assert found in str(fault.value) and str(fault.value).count("。") == 1, name


def test_a_file_that_is_no_template_is_said_in_one_sentence(tmp_path):
    good = make_template(tmp_path / "good.pptx").read_bytes()
    titleless = Presentation(str(tmp_path / "good.pptx"))
    title = titleless.slide_layouts[1].placeholders[0]._element
    title.getparent().remove(title)
    titleless.save(str(tmp_path / "titleless.pptx"))
    files = {
        "text.pptx": (b"not a deck", "不是演示文稿"),
        "old.pptx": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "旧版 .ppt"),
        "half.pptx": (good[: len(good) // 2], "不是演示文稿"),
        "macro.pptx": (with_member(good, "ppt/vbaProject.bin", b"x"), "宏"),
        "broken.pptx": (with_member(good, "ppt/presentation.xml", b"<p:presentation"), "损坏"),
        "titleless.pptx": ((tmp_path / "titleless.pptx").read_bytes(), "版式“内容”里没有标题占位符"),
    }
    for name, (content, found) in files.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(templates.BadTemplate, match=f"^模板 {name}：") as fault:
            report_pptx.pptx(report_samples.report(), tmp_path / name)
        assert found in str(fault.value), (name, str(fault.value))


def with_member(made: bytes, name: str, content: bytes) -> bytes:
    """The archive with one member added or replaced."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(made)) as old, zipfile.ZipFile(buffer, "w") as new:
        for member in old.namelist():
            if member != name:
                new.writestr(member, old.read(member))
        new.writestr(name, content)
    return buffer.getvalue()
