"""How was slides.pptx made? `python app/assets/templates/make_slides.py` writes it beside this file.

Three layouts: 封面, 内容, 章节. A text placeholder whose prompt holds {{…}} is filled by app/exports/slides.py; so is such
text anywhere else on a layout. An office that wants another look copies slides.pptx to HOME/templates and changes it
in PowerPoint or WPS; this script is only for the one we ship.

Paper white, ink, one accent; the colours of app/palette.py as theme colours, 微软雅黑 as theme font for Latin and Chinese.
"""

import io
from pathlib import Path
from typing import Any

from lxml import etree
from pptx import Presentation
from pptx.opc.constants import RELATIONSHIP_TYPE
from pptx.oxml import parse_xml
from pptx.util import Inches

from app.exports import archive
from app.palette import ACCENT, CATEGORICAL, INK, MUTED, PANEL, PAPER, RULE

HERE = Path(__file__).resolve().parent
FONT = "微软雅黑"
WIDTH, HEIGHT = 13.333, 7.5
MARGIN = 0.62
INSIDE = WIDTH - 2 * MARGIN
NAMES = (
    'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main" '
    'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships" '
    'xmlns:p="http://schemas.openxmlformats.org/presentationml/2006/main"'
)
A = "{http://schemas.openxmlformats.org/drawingml/2006/main}"


def build() -> bytes:
    """The template as .pptx; the same bytes each time."""
    deck = Presentation()
    deck.slide_width, deck.slide_height = Inches(WIDTH), Inches(HEIGHT)
    master = deck.slide_master
    for layout in list(deck.slide_layouts)[3:]:
        deck.slide_layouts.remove(layout)
    _dress(master.part)
    _dress(deck.notes_master.part)
    _replace(master, "", [TITLE, BODY, FOOTER, NUMBER])
    _set_types(master)
    for layout, (name, shapes) in zip(deck.slide_layouts, LAYOUTS.items(), strict=True):
        layout._element.attrib.pop("type", None)
        _replace(layout, name, shapes)
    for relations in (deck.part.package._rels, deck.part._rels):  # of the file this began with
        for name, target in list(relations.items()):
            if target.reltype in (RELATIONSHIP_TYPE.THUMBNAIL, RELATIONSHIP_TYPE.PRINTER_SETTINGS):
                relations.pop(name)
    core = deck.core_properties
    core.title, core.author, core.last_modified_by = "研判幻灯片模板", "", ""
    core.created = core.modified = archive.CREATED
    buffer = io.BytesIO()
    deck.save(buffer)
    return archive.same_bytes(buffer.getvalue())


# ---------------------------------------------------------------- parts


def _dress(part: Any) -> None:
    """Palette and fonts into the theme of a master."""
    theme = part.part_related_by(RELATIONSHIP_TYPE.THEME)
    root = etree.fromstring(theme.blob)
    root.set("name", "研判")
    colours = root.find(f".//{A}clrScheme")
    colours.set("name", "研判")
    wanted = {"dk1": INK, "lt1": PAPER, "dk2": ACCENT, "lt2": PANEL, "hlink": ACCENT, "folHlink": MUTED}
    wanted |= {f"accent{k}": colour for k, colour in enumerate(CATEGORICAL[:6], start=1)}
    for name, colour in wanted.items():
        slot = colours.find(f"{A}{name}")
        for old in list(slot):
            slot.remove(old)
        etree.SubElement(slot, f"{A}srgbClr", val=colour.lstrip("#"))
    root.find(f".//{A}fontScheme").set("name", "研判")
    for kind in ("majorFont", "minorFont"):
        fonts = root.find(f".//{A}{kind}")
        for old in list(fonts):
            fonts.remove(old)
        for script, face in (("latin", FONT), ("ea", FONT), ("cs", "")):
            etree.SubElement(fonts, f"{A}{script}", typeface=face)
        etree.SubElement(fonts, f"{A}font", script="Hans", typeface=FONT)
    theme._blob = etree.tostring(root, xml_declaration=True, encoding="UTF-8", standalone=True)


def _replace(page: Any, name: str, shapes: list[str]) -> None:
    """The shapes of a master or layout, and its name."""
    tree = page.shapes._spTree
    for old in list(tree)[2:]:
        tree.remove(old)
    for number, shape in enumerate(shapes, start=2):
        tree.append(parse_xml(shape.replace("{id}", str(number))))
    if name:
        page._element.cSld.set("name", name)


def _set_types(master: Any) -> None:
    """Title and text as they are where a layout says nothing: sizes, no bullets, Chinese line breaking."""
    styles = master._element.find(f"{{{master._element.nsmap['p']}}}txStyles")
    levels = "".join(
        f'<a:lvl{k}pPr marL="0" indent="0" algn="l" eaLnBrk="1" latinLnBrk="0" hangingPunct="1"><a:lnSpc><a:spcPct val="120000"/></a:lnSpc>'
        f'<a:spcBef><a:spcPts val="0"/></a:spcBef><a:buNone/>{_run_form(20 if k == 1 else 16, "tx1")}</a:lvl{k}pPr>'
        for k in range(1, 6)
    )
    title = (
        f'<a:lvl1pPr algn="l" eaLnBrk="1" latinLnBrk="0" hangingPunct="1"><a:lnSpc><a:spcPct val="105000"/></a:lnSpc><a:buNone/>'
        f"{_run_form(26, 'tx1', face='mj', is_bold=True)}</a:lvl1pPr>"
    )
    new = parse_xml(
        f"<p:txStyles {NAMES}><p:titleStyle>{title}</p:titleStyle><p:bodyStyle>{levels}</p:bodyStyle>"
        f"<p:otherStyle>{levels}</p:otherStyle></p:txStyles>"
    )
    styles.getparent().replace(styles, new)


def _run_form(size: float, colour: str, *, face: str = "mn", is_bold: bool = False) -> str:
    return (
        f'<a:defRPr lang="zh-CN" sz="{round(size * 100)}" b="{int(is_bold)}"><a:solidFill>{_colour(colour)}</a:solidFill>'
        f'<a:latin typeface="+{face}-lt"/><a:ea typeface="+{face}-ea"/></a:defRPr>'
    )


def _colour(name: str) -> str:
    return f'<a:srgbClr val="{name[1:]}"/>' if name.startswith("#") else f'<a:schemeClr val="{name}"/>'


def _place(box: tuple[float, float, float, float]) -> str:
    left, top, width, height = (round(inches * 914400) for inches in box)
    return f'<a:xfrm><a:off x="{left}" y="{top}"/><a:ext cx="{width}" cy="{height}"/></a:xfrm>'


def _words(
    name: str,
    text: str,
    box: tuple[float, float, float, float],
    *,
    kind: str = "",
    size: float = 20,
    colour: str = "tx1",
    is_bold: bool = False,
    across: str = "l",
    up: str = "t",
    face: str = "mn",
) -> str:
    """A placeholder (`kind`: its type and index) or, without one, words that stand on every slide."""
    placeholder = f"<p:ph {kind}/>" if kind else ""
    prompt = ' hasCustomPrompt="1"' if "{{" in text and kind else ""
    placeholder = placeholder.replace("/>", f"{prompt}/>")
    inner = (
        '<a:fld id="{B6F15528-21DE-4FAA-801E-634DDDAF4B2B}" type="slidenum"><a:rPr lang="zh-CN"/><a:t>‹#›</a:t></a:fld>'
    )
    run = inner if text == "#" else f'<a:r><a:rPr lang="zh-CN"/><a:t>{text}</a:t></a:r>'
    return (
        f'<p:sp {NAMES}><p:nvSpPr><p:cNvPr id="{{id}}" name="{name}"/><p:cNvSpPr{"" if kind else " txBox=" + chr(34) + "1" + chr(34)}/>'
        f"<p:nvPr{' userDrawn=' + chr(34) + '1' + chr(34) if not kind else ''}>{placeholder}</p:nvPr></p:nvSpPr>"
        f'<p:spPr>{_place(box)}<a:prstGeom prst="rect"><a:avLst/></a:prstGeom></p:spPr>'
        f'<p:txBody><a:bodyPr vert="horz" wrap="square" lIns="0" tIns="0" rIns="0" bIns="0" anchor="{up}"><a:noAutofit/></a:bodyPr>'
        f'<a:lstStyle><a:lvl1pPr marL="0" indent="0" algn="{across}"><a:buNone/>{_run_form(size, colour, face=face, is_bold=is_bold)}</a:lvl1pPr></a:lstStyle>'
        f"<a:p>{run}</a:p></p:txBody></p:sp>"
    )


def _bar(name: str, box: tuple[float, float, float, float], colour: str) -> str:
    return (
        f'<p:sp {NAMES}><p:nvSpPr><p:cNvPr id="{{id}}" name="{name}"/><p:cNvSpPr/><p:nvPr userDrawn="1"/></p:nvSpPr>'
        f'<p:spPr>{_place(box)}<a:prstGeom prst="rect"><a:avLst/></a:prstGeom><a:solidFill>{_colour(colour)}</a:solidFill>'
        "<a:ln><a:noFill/></a:ln></p:spPr></p:sp>"
    )


# ---------------------------------------------------------------- the pages

TITLE = _words(
    "标题", "标题", (MARGIN, 0.80, INSIDE, 0.80), kind='type="title"', size=26, is_bold=True, face="mj", up="t"
)
BODY = _words("正文", "正文", (MARGIN, 1.56, INSIDE, 4.70), kind='type="body" idx="1"', size=20)
FOOTER = _words(
    "页脚", "{{单位}}　{{标题}}　{{期号}}", (MARGIN, 7.02, 10.0, 0.24),
    kind='type="ftr" sz="quarter" idx="12"', size=10, colour="#5C6873", up="ctr",
)  # fmt: skip
NUMBER = _words(
    "页码", "#", (WIDTH - MARGIN - 1, 7.02, 1, 0.24),
    kind='type="sldNum" sz="quarter" idx="13"', size=10, colour="#5C6873", across="r", up="ctr",
)  # fmt: skip

COVER = [
    _bar("粗线", (MARGIN, 1.30, INSIDE, 0.05), "tx1"),
    _words("单位", "{{单位}}", (MARGIN, 1.43, 8, 0.36), kind='type="body" sz="quarter" idx="10"', size=16, up="ctr"),
    _words("期号", "{{期号}}", (WIDTH - MARGIN - 4, 1.43, 4, 0.36),
           kind='type="body" sz="quarter" idx="11"', size=16, across="r", up="ctr"),
    _bar("细线", (MARGIN, 1.87, INSIDE, 0.012), "tx1"),
    _words("标题", "标题", (MARGIN, 2.55, INSIDE, 1.55), kind='type="ctrTitle"', size=50, is_bold=True, face="mj", up="b"),
    _bar("短线", (MARGIN, 4.38, 0.62, 0.07), "tx2"),
    _words("期间", "{{期间}}", (MARGIN, 4.66, INSIDE, 0.42),
           kind='type="body" sz="quarter" idx="14"', size=22, up="ctr"),
    _words("区域", "{{区域}}", (MARGIN, 5.14, INSIDE, 0.36),
           kind='type="body" sz="quarter" idx="15"', size=16, colour="#5C6873", up="ctr"),
    _bar("底线", (MARGIN, 6.62, INSIDE, 0.012), RULE),
    _words("日期", "{{日期}}", (MARGIN, 6.72, 6, 0.32),
           kind='type="body" sz="quarter" idx="16"', size=14, colour="#5C6873", up="ctr"),
    _words("标记", "{{标记}}", (WIDTH - MARGIN - 6, 6.72, 6, 0.32),
           kind='type="body" sz="quarter" idx="17"', size=14, colour="#5C6873", across="r", up="ctr"),
]  # fmt: skip
CONTENT = [
    _bar("短线", (MARGIN, 0.36, 0.50, 0.055), "tx2"),
    _words("章节", "{{章节}}", (MARGIN, 0.49, 8, 0.26),
           kind='type="body" sz="quarter" idx="10"', size=12, colour="#5C6873", up="ctr"),
    _words("标记", "{{标记}}", (WIDTH - MARGIN - 4, 0.49, 4, 0.26), size=12, colour="#5C6873", across="r", up="ctr"),
    TITLE,
    _words("正文", "正文", (MARGIN, 1.56, INSIDE, 4.70), kind='idx="1"', size=20),
    _words("口径", "{{口径}}", (MARGIN, 6.36, INSIDE, 0.46),
           kind='type="body" sz="quarter" idx="11"', size=11, colour="#5C6873", up="b"),
    _bar("底线", (MARGIN, 6.93, INSIDE, 0.012), RULE),
    FOOTER,
    NUMBER,
]  # fmt: skip
SECTION = [
    _bar("短线", (MARGIN, 2.75, 0.62, 0.07), "tx2"),
    _words("标题", "标题", (MARGIN, 3.0, INSIDE, 1.2), kind='type="title"', size=38, is_bold=True, face="mj"),
    _bar("底线", (MARGIN, 6.93, INSIDE, 0.012), RULE),
    FOOTER,
    NUMBER,
]
LAYOUTS = {"封面": COVER, "内容": CONTENT, "章节": SECTION}

if __name__ == "__main__":
    (HERE / "slides.pptx").write_bytes(build())
