"""A line put on a finished file, on every page of it. A table as CSV stays as it is: programs read it."""

import io
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from xml.sax.saxutils import escape

import docx
import pypdfium2
import typst
from docx.enum.text import WD_ALIGN_PARAGRAPH
from docx.oxml.ns import qn
from docx.shared import Pt, RGBColor
from lxml import etree
from PIL import Image, ImageDraw, ImageFont
from pptx import Presentation
from pptx.dml.color import RGBColor as SlideColor
from pptx.util import Emu
from pptx.util import Pt as SlidePt

FONT = Path(__file__).resolve().parents[1] / "assets" / "fonts" / "yanpan-sans-sc-regular.ttf"
GREY = "6B7680"
_SHEET = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_AFTER_HEADER = ("rowBreaks", "colBreaks", "customProperties", "cellWatches", "ignoredErrors", "smartTags", "drawing", "legacyDrawing",
                 "legacyDrawingHF", "drawingHF", "picture", "oleObjects", "controls", "webPublishItems", "tableParts", "extLst")  # fmt: skip
"""Children of a worksheet that stand behind its headerFooter (ECMA-376 part 1, 18.3.1.99)."""


def marked(content: bytes, suffix: str, mark: str) -> bytes:
    """The same file with the mark; one of another format as it is. suffix: .docx"""
    put = _PUT.get(suffix.lower())
    return put(content, mark) if put else content


def _docx(content: bytes, mark: str) -> bytes:
    """In the header of every page."""
    document = docx.Document(io.BytesIO(content))
    for n, section in enumerate(document.sections):
        headers = [section.header]
        if section.different_first_page_header_footer:
            headers.append(section.first_page_header)
        if document.settings.odd_and_even_pages_header_footer:
            headers.append(section.even_page_header)
        for header in headers:
            if n and header.is_linked_to_previous:
                continue
            is_empty = len(header.paragraphs) == 1 and not header.paragraphs[0].text
            line = header.paragraphs[0] if is_empty else header.add_paragraph()
            line.alignment = WD_ALIGN_PARAGRAPH.RIGHT
            run = line.add_run(mark)
            run.font.size, run.font.color.rgb = Pt(9), RGBColor.from_string(GREY)
            run.font.name = "宋体"
            run._element.get_or_add_rPr().get_or_add_rFonts().set(qn("w:eastAsia"), "宋体")
    return _saved(document.save)


def _pptx(content: bytes, mark: str) -> bytes:
    """At the foot of every slide."""
    deck = Presentation(io.BytesIO(content))
    width, height = int(deck.slide_width or 0), int(deck.slide_height or 0)
    for slide in deck.slides:
        box = slide.shapes.add_textbox(
            Emu(int(width * 0.02)), Emu(int(height * 0.962)), Emu(int(width * 0.7)), Emu(int(height * 0.035))
        )
        box.name = "标记"
        box.text_frame.word_wrap = False
        run = box.text_frame.paragraphs[0].add_run()
        run.text = mark
        run.font.size = SlidePt(8)
        run.font.color.rgb = SlideColor.from_string(GREY)
    return _saved(deck.save)


def _xlsx(content: bytes, mark: str) -> bytes:
    """In the header each printed sheet gets, and as the last line of the first sheet. The rest of the workbook as it is."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as new:
        sheets = [name for name in old.namelist() if name.startswith("xl/worksheets/sheet")]
        for item in old.infolist():
            part = old.read(item)
            if item.filename in sheets:
                part = _sheet(part, mark, is_first=item.filename == min(sheets, key=lambda name: (len(name), name)))
            new.writestr(item, part)
    return made.getvalue()


def _sheet(part: bytes, mark: str, *, is_first: bool) -> bytes:
    root = etree.fromstring(part, etree.XMLParser(resolve_entities=False, huge_tree=True))

    def tag(name: str) -> str:
        return f"{{{_SHEET}}}{name}"

    found = root.find(tag("headerFooter"))
    if found is None:
        found = etree.Element(tag("headerFooter"))
        behind = [child for child in root if etree.QName(child).localname in _AFTER_HEADER]
        root.insert(root.index(behind[0]) if behind else len(root), found)
    head = found.find(tag("oddHeader"))
    if head is None:
        head = etree.Element(tag("oddHeader"))
        found.insert(0, head)
    parts = re.split(r"(?<!&)&([LCR])", f"&C{head.text or ''}")  # what stands before a first letter is in the middle
    said = {place: "".join(parts[n + 1] for n in range(1, len(parts), 2) if parts[n] == place) for place in "LCR"}
    free = next((place for place in "RCL" if not said[place].strip()), "R")
    said[free] += f"&9{mark.replace('&', '&&')}"
    head.text = "".join(f"&{place}{words}" for place, words in said.items() if words)
    data = root.find(tag("sheetData"))
    if is_first and data is not None:
        number = max([int(row.get("r")) for row in data], default=0) + 2
        row = etree.SubElement(data, tag("row"), r=str(number))
        cell = etree.SubElement(row, tag("c"), r=f"A{number}", t="inlineStr")
        etree.SubElement(etree.SubElement(cell, tag("is")), tag("t")).text = mark
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8", standalone=True)


def _pdf(content: bytes, mark: str) -> bytes:
    """At the head of every page, as text laid over it."""
    document = pypdfium2.PdfDocument(content)
    try:
        over: dict[tuple[float, float], pypdfium2.PdfXObject] = {}
        for page in document:
            size = page.get_size()
            if size not in over:
                over[size] = pypdfium2.PdfDocument(_line(mark, *size)).page_as_xobject(0, document)
            page.insert_obj(over[size].as_pageobject())
            page.gen_content()
        return _saved(document.save)
    finally:
        document.close()


def _line(mark: str, width: float, height: float) -> bytes:
    """A page of this size (points) with nothing on it but the mark, at the upper right."""
    folders = typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=[str(FONT.parent)])
    text = f'''#set page(width: {width}pt, height: {height}pt, margin: 0pt, fill: none)
#set text(size: 9pt, fill: rgb("{GREY}"), font: "Yanpan Sans SC", lang: "zh")
#place(top + right, dx: -28pt, dy: 16pt, sys.inputs.mark)'''
    made = typst.compile(text.encode(), font_paths=folders, sys_inputs={"mark": mark}, format="pdf")
    assert isinstance(made, bytes)
    return made


def _png(content: bytes, mark: str) -> bytes:
    """In the lower left corner, on a plate that lets the picture through."""
    picture = Image.open(io.BytesIO(content))
    dpi, mode = picture.info.get("dpi"), picture.mode
    drawn = picture.convert("RGBA")
    font = ImageFont.truetype(str(FONT), max(11, round(drawn.width / 110)))
    left, top, right, bottom = font.getbbox(mark)
    room = int(font.size) // 3
    plate = Image.new("RGBA", (int(right - left) + 2 * room, int(bottom - top) + 2 * room), (255, 255, 255, 190))
    ImageDraw.Draw(plate).text((room - left, room - top), mark, font=font, fill=f"#{GREY}")
    drawn.alpha_composite(plate, (room, max(0, drawn.height - plate.height - room)))
    made = io.BytesIO()
    drawn.convert(mode if mode in ("RGB", "RGBA") else "RGB").save(made, "png", **({"dpi": dpi} if dpi else {}))
    return made.getvalue()


def _svg(content: bytes, mark: str) -> bytes:
    """In the lower left corner."""
    line = (
        f'<text x="0.6%" y="99.2%" font-size="9" font-family="\'Noto Sans SC\', \'Microsoft YaHei\', sans-serif" '
        f'fill="#{GREY}">{escape(mark)}</text>'
    )
    before, end, after = content.rpartition(b"</svg>")
    return before + line.encode() + end + after if end else content


def _saved(save: Callable[[io.BytesIO], object]) -> bytes:
    made = io.BytesIO()
    save(made)
    return made.getvalue()


_PUT = {".docx": _docx, ".pptx": _pptx, ".xlsx": _xlsx, ".pdf": _pdf, ".png": _png, ".svg": _svg}
