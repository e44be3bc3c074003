"""The report in Word: reopened and read; fonts, page, tables, pictures; laid out once by LibreOffice where it is there."""

import io
import os
import shutil
import subprocess
import zipfile
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import docx
import numpy as np
import polars as pl
import pypdfium2
import pytest
from docx.enum.section import WD_ORIENTATION
from docx.oxml.ns import qn
from docx.shared import Mm, Pt
from matplotlib.image import imread

from app import wording
from app.exports import picture, report_docx
from app.reports.model import INTERNAL, Chart, Column, Heading, Paragraph, Table
from tests.report_samples import LONG_UNIT, course, issues, ranked, report, units

NASTY = '=HYPERLINK("http://x")<w:p/>&amp;{PAGE}{{标题}}\x00\x0b\ud800𠮷'


SAID = report()
PLAIN = replace(SAID, blocks=[block for block in SAID.blocks if not isinstance(block, Chart)])
"""Without pictures, which take time."""


@pytest.fixture(scope="module")
def made() -> bytes:
    return report_docx.docx(SAID)


def reopened(file: bytes):
    return docx.Document(io.BytesIO(file))


def texts(file: bytes, *styles: str) -> list[str]:
    """The paragraphs of the text in order; of these styles if any are named."""
    read = reopened(file).paragraphs
    return [one.text.replace(wording.NBSP, " ") for one in read if not styles or one.style.name in styles]


def make_wide(n_columns: int = 9, n_rows: int = 3) -> Table:
    figures = [f"n_{k}" for k in range(n_columns - 1)]
    frame = pl.DataFrame({"unit_name": [LONG_UNIT] * n_rows} | {name: [12345] * n_rows for name in figures})
    columns = [Column("unit_name", width=3), *(Column(name, "number", "按期办结件数") for name in figures)]
    return Table("wide", "各单位一览", frame, columns, "口径。")


# ---------------------------------------------------------------- text


def test_it_says_what_the_report_says_in_order(made):
    said = SAID
    assert texts(made)[:5] == [
        INTERNAL, said.title, said.number, "安澜市诉求研判中心\t2026年11月16日", f"安澜市　{said.period_name}",
    ]  # fmt: skip
    kinds = {Heading: "研判标题1", Paragraph: "研判正文"}
    for kind, style in kinds.items():
        wanted = [
            one.lead + one.text if isinstance(one, Paragraph) else one.text
            for one in said.blocks
            if isinstance(one, kind) and getattr(one, "level", 1) == 1
        ]
        assert [text for text in texts(made, style) if text != "上周没有预警。"] == wanted
    assert texts(made, "研判标题2") == ["（一）供暖不热"]
    assert texts(made, "研判口径") == [f"{n}. {note}" for n, note in enumerate(said.notes, 1)]
    assert texts(made)[-len(said.notes) - 1] == "口径说明"
    assert "密级" not in "".join(texts(made)) and "{{" not in "".join(texts(made))


def test_what_opens_a_paragraph_is_set_apart():
    blocks = [Paragraph("甲。", lead="（一）供暖。"), Paragraph("乙。", lead="1. 欠薪。"), Paragraph("丙。")]
    read = reopened(report_docx.docx(replace(PLAIN, blocks=blocks))).paragraphs
    runs = {one.text: [run.style.name for run in one.runs] for one in read}
    assert (
        runs["（一）供暖。甲。"][0] == "研判段首2" and runs["1. 欠薪。乙。"][0] == "研判段首" and len(runs["丙。"]) == 1
    )


def test_nothing_stands_for_what_is_empty():
    bare = texts(report_docx.docx(replace(PLAIN, mark="", number="")))
    assert bare[:2] == ["诉求风险研判周报", "安澜市诉求研判中心\t2026年11月16日"]


def test_text_stays_text():
    table = replace(
        issues(), frame=issues().frame.with_columns(pl.lit(NASTY.replace("\ud800", "")).alias("issue_name"))
    )
    said = replace(PLAIN, title=NASTY, office=NASTY, blocks=[Heading(NASTY), Paragraph(NASTY), table])
    file = report_docx.docx(said)
    kept = NASTY.replace("\x00", "").replace("\x0b", "").replace("\ud800", "")
    assert texts(file, "研判正文") == texts(file, "研判标题1") == [kept]
    assert texts(file, "研判标题")[0].replace("\n", "") == kept
    assert reopened(file).tables[0].cell(1, 0).text == kept
    assert len(zipfile.ZipFile(io.BytesIO(file)).read("word/document.xml").split(b"<w:instrText")) == 1


def test_a_figure_is_not_parted_from_its_unit():
    file = report_docx.docx(replace(PLAIN, blocks=[Paragraph("本周 540 件，<5 件，95.3% 以上，近4周")]))
    [said] = [one.text for one in reopened(file).paragraphs if one.style.name == "研判正文"]
    assert said == "本周 540\u00a0件，<5\u00a0件，95.3%\u00a0以上，近4周"


def test_a_long_title_is_broken_once_and_not_inside_a_name():
    title = "安澜市云溪区长宁街道办事处辖区供暖不热等诉求风险研判周报"
    [lines] = texts(report_docx.docx(replace(PLAIN, title=title)), "研判标题")
    assert lines == "安澜市云溪区长宁街道办事处\n辖区供暖不热等诉求风险研判周报"


# ---------------------------------------------------------------- type


def test_page_is_that_of_official_documents(made):
    document = reopened(made)
    [section] = document.sections
    sides = section.top_margin, section.bottom_margin, section.left_margin, section.right_margin
    assert [round(side / Mm(1)) for side in (section.page_width, section.page_height, *sides)] == [
        210,
        297,
        37,
        35,
        28,
        26,
    ]
    grid = section._sectPr.find(qn("w:docGrid"))
    assert (grid.get(qn("w:type")), grid.get(qn("w:linePitch"))) == ("lines", "579")
    assert document.settings.odd_and_even_pages_header_footer
    odd, even = section.footer.paragraphs[0], section.even_page_footer.paragraphs[0]
    assert (odd.text, odd.alignment, even.text, even.alignment) == ("— 1 —", 2, "— 1 —", 0)
    text = document.styles["研判正文"]
    assert (text.font.size, text.paragraph_format.line_spacing) == (Pt(16), Pt(28.95))
    assert text.element.find(f".//{qn('w:ind')}").get(qn("w:firstLineChars")) == "200"
    assert text.paragraph_format.widow_control is False
    fonts = {name: document.styles[f"研判{name}"].font.name for name in ("标题", "标题1", "标题2", "正文")}
    assert fonts == {"标题": "方正小标宋简体", "标题1": "黑体", "标题2": "楷体_GB2312", "正文": "仿宋_GB2312"}


def test_every_run_has_a_chinese_font_and_language_and_no_font_of_its_own(made):
    """The font comes from the named style, so that an office can change it; the style names the East Asian one, too."""
    document = reopened(made)
    in_cells = [one for table in document.tables for cell in table._cells for one in cell.paragraphs]
    n_runs = 0
    for paragraph in (*document.paragraphs, *in_cells):
        fonts = paragraph.style.element.rPr.rFonts
        assert fonts.get(qn("w:eastAsia")) and paragraph.style.name.startswith("研判")
        for run in paragraph.runs:
            if run.text:
                n_runs += 1
                assert run._element.rPr.find(qn("w:lang")).get(qn("w:eastAsia")) == "zh-CN"
                assert run._element.rPr.rFonts.attrib == {qn("w:hint"): "eastAsia"}
    assert n_runs > 80


def test_same_report_same_bytes_and_no_author(made):
    assert made == report_docx.docx(report())
    assert made != report_docx.docx(PLAIN)
    said = reopened(made).core_properties
    assert (said.author, said.last_modified_by, said.title) == ("", "", "诉求风险研判周报 2026年第46期")
    assert said.created.replace(tzinfo=None) == said.modified.replace(tzinfo=None) == datetime(2026, 11, 16)


# ---------------------------------------------------------------- tables


def test_tables_say_every_cell_as_it_is_read(made):
    read = [[[cell.text for cell in row.cells] for row in table.rows] for table in reopened(made).tables]
    assert read == [[table.head(), *table.cells()] for table in (issues(), units(), issues(), units())]
    titles = ["高频事项", "承办单位办理情况", "附表1　高频事项", "附表2　承办单位办理情况"]
    assert texts(made, "研判表题") == titles
    assert "上周没有预警。" in texts(made, "研判正文"), "an empty table is its note"
    unsaid = replace(units(), frame=units().frame.clear(), note="")
    file = report_docx.docx(replace(PLAIN, blocks=[unsaid], appendix=[unsaid, units()]))
    assert texts(file, "研判正文") == ["本期没有。"] * 2
    assert texts(file, "研判表题") == ["附表1　承办单位办理情况", "附表2　承办单位办理情况"]


def test_tables_fill_the_line_and_no_figure_is_broken():
    asked = [replace(one, width=width) for one, width in zip(units().columns, (1, 9, 9, 9), strict=True)]
    for table, width in ((replace(units(), columns=asked), Mm(156)), (make_wide(), Mm(225))):
        drawn = reopened(report_docx.docx(replace(PLAIN, blocks=[], appendix=[table]))).tables[0]
        words, *figures = [column.width for column in drawn.columns]
        assert abs(words + sum(figures) - width) < Mm(0.5)
        assert words > 22 * Pt(10.5), "40 characters stand on two lines"
        for n, given in enumerate(figures, start=1):
            assert given > max(len(row[n]) for row in table.cells()) * Pt(10.5) * 0.56
        assert all(row._tr.trPr.find(qn("w:cantSplit")) is not None for row in drawn.rows)
        heads = [row._tr.trPr.find(qn("w:tblHeader")) is not None for row in drawn.rows]
        assert heads == [True] + [False] * len(table.frame)
        aligned = [cell.paragraphs[0].style.name for cell in drawn.rows[1].cells]
        assert aligned == ["研判表文"] + ["研判表数"] * len(figures)


def test_a_short_table_stays_on_one_page_a_long_one_may_go_on():
    for n, is_whole in ((12, True), (13, False)):
        drawn = reopened(report_docx.docx(replace(PLAIN, blocks=[make_wide(3, n)], appendix=[]))).tables[0]
        kept = [bool(row.cells[0].paragraphs[0].paragraph_format.keep_with_next) for row in drawn.rows[1:]]
        assert kept == [is_whole] * (n - 1) + [True], "the last row stays with the note"


def test_wide_tables_stand_on_pages_across_between_upright_ones():
    file = report_docx.docx(replace(PLAIN, appendix=[issues(), make_wide(), make_wide(8), units()]))
    sections = list(reopened(file).sections)
    assert [one.orientation for one in sections] == [
        WD_ORIENTATION.PORTRAIT, WD_ORIENTATION.LANDSCAPE, WD_ORIENTATION.PORTRAIT,
    ]  # fmt: skip
    across = sections[1]
    assert (across.page_width, across.page_height) == (sections[0].page_height, sections[0].page_width)
    assert across.footer.paragraphs[0].text == across.even_page_footer.paragraphs[0].text == "— 1 —"
    assert all(one._sectPr.find(qn("w:pgNumType")) is None for one in sections), "numbers go on"
    assert texts(file, "研判表题")[-4:] == [
        "附表1　高频事项",
        "附表2　各单位一览",
        "附表3　各单位一览",
        "附表4　承办单位办理情况",
    ]


def test_appendix_begins_on_a_new_page(made):
    broken = [one.text for one in reopened(made).paragraphs if one.paragraph_format.page_break_before]
    assert broken == ["附表1　高频事项"]


# ---------------------------------------------------------------- pictures


def test_pictures_have_captions_below_and_words_for_who_cannot_see(made):
    document = reopened(made)
    about = [(shape._inline.docPr.get("name"), shape._inline.docPr.get("descr")) for shape in document.inline_shapes]
    assert about == [
        ("图1", "近13周诉求件数：本周 540 件，高出预期上限"), ("图2", "各县区诉求件数：云溪区最多，120 件"),
    ]  # fmt: skip
    assert all(abs(shape.width - Mm(156)) < Mm(0.5) for shape in document.inline_shapes)
    styles = [one.style.name for one in document.paragraphs]
    assert [styles[at + 1] for at, name in enumerate(styles) if name == "研判图"] == ["研判图题"] * 2
    assert texts(made, "研判图题") == ["图1　近13周诉求件数", "图2　各县区诉求件数"]


def test_bare_picture_is_the_figure_on_white_and_as_high_as_its_rows():
    """Head, accent bar and foot are left out; a chart of rows takes the height of its rows."""
    drawn = {
        chart.key: imread(io.BytesIO(picture.png(chart.figure, title="标题", note="口径", bare=True)))
        for chart in (course(), ranked())
    }
    for pixels in drawn.values():
        assert (pixels[[0, 0, -1, -1], [0, -1, 0, -1], :3] == 1).all()
        ink = np.abs(pixels[..., :3] - 1).max(axis=2) > 0.1
        assert not ink[:, :3].any() and not ink[:, -3:].any() and not ink[:3].any() and not ink[-3:].any()
    assert drawn["course"].shape[:2] == (858, 1560) and drawn["places"].shape[0] < 700
    low = picture.png(course().figure, size=(1560, 600), bare=True)
    assert imread(io.BytesIO(low)).shape[:2] == (600, 1560)
    assert picture.png(course().figure, title="甲", bare=True) == picture.png(course().figure, title="乙", bare=True)


# ---------------------------------------------------------------- laid out

ALIASES = """<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd"><fontconfig>
<include ignore_missing="yes">/etc/fonts/fonts.conf</include><dir>%s</dir>%s</fontconfig>"""
ALIAS = '<alias binding="same"><family>%s</family><prefer><family>Yanpan Serif SC</family></prefer></alias>'
WRITER = next(iter(Path("/usr/lib").glob("libreoffice/program/libswlo.so")), None)
has_writer = shutil.which("soffice") is not None and WRITER is not None


@pytest.mark.skipif(not has_writer and not os.environ.get("CI"), reason="本机没有 LibreOffice Writer，无法排版核对")
def test_a_page_has_22_lines_of_28_characters_and_pages_are_numbered_through(tmp_path: Path):
    said = replace(PLAIN, blocks=[Paragraph("国" * 28 * 60)], appendix=[make_wide(9, 2), units()])
    (tmp_path / "a.docx").write_bytes(report_docx.docx(said))
    fonts = "".join(ALIAS % name for name in ("仿宋_GB2312", "楷体_GB2312", "方正小标宋简体", "黑体", "宋体"))
    (tmp_path / "fonts.conf").write_text(ALIASES % (picture.FONTS, fonts), encoding="utf-8")
    subprocess.run(
        ["soffice", f"-env:UserInstallation=file://{tmp_path}/lo", "--headless", "--convert-to", "pdf", "--outdir", str(tmp_path), str(tmp_path / "a.docx")],
        env=os.environ | {"FONTCONFIG_FILE": str(tmp_path / "fonts.conf")}, check=True, capture_output=True, timeout=600,
    )  # fmt: skip
    with pypdfium2.PdfDocument(tmp_path / "a.pdf") as laid_out:
        pages = [page.get_textpage().get_text_range().replace("附表 ", "附表").splitlines() for page in laid_out]
        sizes = [page.get_size() for page in laid_out]
    assert pages[1] == ["国" * 28] * 22 + ["— 2 —"]
    n = len(pages)
    assert [page[-1] for page in pages] == [f"— {k} —" for k in range(1, n + 1)]
    assert [width > height for width, height in sizes] == [False] * (n - 2) + [True, False]
    assert pages[-1][0] == "附表2　承办单位办理情况"
