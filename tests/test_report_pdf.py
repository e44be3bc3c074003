"""Is the PDF the page it should be? Opened again with pdfium: words, fonts, pages, and nothing of the words taken for code."""

import ctypes
import hashlib
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import polars as pl
import pypdfium2 as pdfium
import pypdfium2.raw as raw
import pytest
from report_samples import LONG_UNIT, report

from app.charts.ranks import ranking
from app.exports import picture, report_pdf, report_xlsx
from app.reports.model import Column, Heading, Paragraph, Table

ROOT = Path(__file__).resolve().parents[1]
ODD = '#strong[x] $x^2$ *粗* _斜_ @ref \\n \\u{41} `raw` <label> // c /* d */ = 标题 #panic() "引"'
MM = 72 / 25.4


@pytest.fixture(scope="module")
def sample() -> bytes:
    return report_pdf.pdf(report())


def pages(content: bytes) -> list[str]:
    """The text of each page, blanks, line ends and places to break left out."""
    with pdfium.PdfDocument(content) as document:
        return [squeezed(page.get_textpage().get_text_range()).replace("\u200b", "") for page in document]


def lines(content: bytes, page: int) -> list[str]:
    with pdfium.PdfDocument(content) as document:
        return document[page].get_textpage().get_text_range().splitlines()


def sizes(content: bytes) -> list[tuple[int, int]]:
    with pdfium.PdfDocument(content) as document:
        return [tuple(round(side / MM) for side in page.get_size()) for page in document]


def squeezed(text: str) -> str:
    return "".join(text.split())


def test_every_word_of_the_report_is_there_in_order(sample):
    whole, told = "".join(pages(sample)), report()
    at = 0
    for block in told.blocks:
        if isinstance(block, Heading | Paragraph):
            said = squeezed(block.text if isinstance(block, Heading) else block.lead + block.text)
            at = whole.find(said, at)
            assert at >= 0, said
    for table in told.tables():
        for row in table.cells():
            assert all(squeezed(cell) in whole for cell in row)
    for said in (told.mark, told.title, told.number, told.office, "2026年11月16日", told.period_name, *told.notes):
        assert squeezed(said) in whole, said
    assert "图1近13周诉求件数" in whole and "图2各县区诉求件数" in whole and "附表2承办单位办理情况" in whole
    assert "上周没有预警。" in whole and "上周预警跟踪" not in whole, "an empty table is a sentence"


def test_page_is_that_of_an_official_document():
    content = report_pdf.pdf(replace(report(mark=""), blocks=[Paragraph("研" * 28 * 22 * 3)], appendix=[], notes=[]))
    *text, folio = lines(content, 1)
    assert [len(line) for line in text] == [28] * 22 and folio == "— 2 —"
    with pdfium.PdfDocument(content) as document:
        words = document[1].get_textpage()
        boxes = [words.get_charbox(k) for k in range(words.count_chars()) if words.get_text_range(k, 1) == "研"]
    left, bottom, right, top = (pick(box[k] for box in boxes) / MM for k, pick in enumerate((min, min, max, max)))
    assert 28 <= left < 30 and 182 < right <= 184.2, (left, right)
    assert 297 - 37 - 3 < top <= 297 - 37 and 35 <= bottom < 41, (top, bottom)


def test_odd_pages_are_numbered_at_the_right_even_ones_at_the_left(sample):
    with pdfium.PdfDocument(sample) as document:
        assert len(document) == 4
        for n, page in enumerate(document, start=1):
            words = page.get_textpage()
            said = words.get_text_range()
            assert said.rstrip().endswith(f"— {n} —")
            assert (words.get_charbox(said.rfind("—"))[0] > 105 * MM) == (n % 2 == 1)


def test_wide_tables_stand_across_and_repeat_their_head():
    frame = pl.DataFrame({"unit_name": [LONG_UNIT] * 60, **{f"c{k}": [1_234_567 * k] * 60 for k in range(8)}})
    columns = [Column("unit_name", label="承办单位"), *(Column(f"c{k}", "number", f"第{k}类") for k in range(8))]
    wide, narrow = Table("wide", "各单位", frame, columns), report().appendix[1]
    content = report_pdf.pdf(replace(report(), blocks=[], appendix=[narrow, wide, narrow]))
    found, text = sizes(content), pages(content)
    across = [n for n, size in enumerate(found) if size == (297, 210)]
    assert found[0] == found[-1] == (210, 297) and len(across) >= 2 and across == list(range(2, len(found) - 1))
    assert all("承办单位第0类第1类" in text[n] for n in across)
    assert sum(text[n].count("8,641,969") for n in across) == 60, "no figure is broken over lines"
    assert "附表2各单位" in text[across[0]] and "附表3" in text[-1]


def test_words_are_never_read_as_code():
    table = Table("odd", ODD, pl.DataFrame({"name": [ODD, "=1+1"], "n": [1, 2]}), [Column("name", label=ODD)], note=ODD)
    blocks = [Heading(ODD), Paragraph(ODD, lead=ODD), table]
    told = replace(report(mark=ODD), title=ODD, number=ODD, office=ODD, area_name=ODD, blocks=blocks, notes=[ODD])
    whole = "".join(pages(report_pdf.pdf(told)))
    said = squeezed(ODD)
    assert whole.count(said) >= 10 and "panicked" not in whole


def test_fonts_are_ours_and_embedded_and_charts_are_vectors(sample):
    kinds, names = set(), set()
    with pdfium.PdfDocument(sample) as document:
        for page in document:
            for item in page.get_objects(max_depth=8):
                kinds.add(item.type)
                if item.type == raw.FPDF_PAGEOBJ_TEXT:
                    font = raw.FPDFTextObj_GetFont(item.raw)
                    assert raw.FPDFFont_GetIsEmbedded(font) == 1
                    names.add(font_name(font))
    assert raw.FPDF_PAGEOBJ_PATH in kinds and raw.FPDF_PAGEOBJ_IMAGE not in kinds
    assert names == {"YanpanSerifSC-Regular", "YanpanSansSC-Regular", "YanpanSansSC-Bold"}


def font_name(font: raw.FPDF_FONT) -> str:
    """Without the tag of a subset: ABCDEF+Name."""
    n = raw.FPDFFont_GetBaseFontName(font, None, 0)
    buffer = ctypes.create_string_buffer(n)
    raw.FPDFFont_GetBaseFontName(font, buffer, n)
    return buffer.value.decode().rpartition("+")[2]


def test_rare_characters_are_drawn_or_said_to_be_missing():
    rare = "埇桥区大塱镇垵边村 Ω Я ✓ ✕ ①"
    whole = "".join(pages(report_pdf.pdf(replace(report(), blocks=[Paragraph(rare)]))))
    assert squeezed(rare) in whole and "〓" not in whole
    unknown = "㵐源\U000207ca\u0007里\u202e"
    whole = "".join(pages(report_pdf.pdf(replace(report(), blocks=[Paragraph(unknown, lead=unknown)]))))
    assert "〓源〓里〓源〓里" in whole and report_pdf.UNKNOWN_NOTE in whole
    assert set(whole) <= report_pdf._signs(), "nothing is drawn as an empty box"


def test_pictures_need_no_font_of_the_machine(monkeypatch):
    """matplotlib warns of a character it has no glyph for, and a warning fails the test."""
    figure = ranking(pl.DataFrame({"label": ["埇桥区大塱镇", "㵐源Я"], "value": [3, 2]}), title="")
    with pytest.warns(UserWarning, match="missing from font"):
        monkeypatch.setattr(picture, "_drawable", str)
        monkeypatch.setattr(picture, "_families", [picture.FAMILY])
        picture.png(figure, bare=True)
    monkeypatch.undo()
    monkeypatch.setattr(picture, "_families", [picture.FAMILY, "Yanpan Serif SC", "DejaVu Sans"])
    picture._signs.cache_clear()
    picture.png(figure, title="埇桥区㵐源", note="㵐")
    picture.svg(figure, bare=True)
    picture._signs.cache_clear()


def test_same_report_same_bytes_in_another_folder_and_process(sample, tmp_path):
    code = (
        "import hashlib, report_samples; from app.exports import report_pdf, report_xlsx; told = report_samples.report();"
        "print(*(hashlib.sha256(made).hexdigest() for made in (report_pdf.pdf(told), report_xlsx.xlsx(told))))"
    )
    paths = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    env = {**os.environ, "PYTHONPATH": paths, "PYTHONHASHSEED": "7", "TZ": "America/New_York"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=env, capture_output=True, text=True, check=True
    )
    here = [hashlib.sha256(made).hexdigest() for made in (sample, report_xlsx.xlsx(report()))]
    assert done.stdout.split() == here
    assert report_pdf.pdf(report()) == sample
