"""How was report.docx made? The layout of GB/T 9704-2012 as a Word file: page, styles, page numbers, placeholders.

    python app/assets/templates/make_docx.py

A file and not code at run time, because the office copies it, opens it in Word and changes it (app/reports/templates.py).
A4, margins 37/35/28/26 mm leave 156 × 225 mm for 22 lines of 28 characters: 三号 is 16 points, lines are exactly 28.95
points (579 twips: 22 × 580 would be more than 225 mm), and characters stand 0.25 point closer (28 × 16 points would be
more than 156 mm). Fonts are named, not embedded; the font table names what may stand in for them.
A briefing is no 红头文件: no red masthead, no 密级.
"""

import zipfile
from dataclasses import dataclass
from pathlib import Path

FILE = Path(__file__).with_name("report.docx")
SONG, HEI, KAI, FANG, TEXT = "方正小标宋简体", "黑体", "楷体_GB2312", "仿宋_GB2312", "宋体"
STAND_INS = {SONG: "小标宋", HEI: "SimHei", KAI: "楷体", FANG: "仿宋", TEXT: "SimSun"}
NO2, NO3, NO4, SMALL4, NO5, SMALL5 = 44, 32, 28, 24, 21, 18
"""字号 in half points: 二号, 三号, 四号, 小四, 五号, 小五."""
LINE = 579
TIGHT = -5
WIDTH, TWIPS_PER_MM = 8844, 1440 / 25.4
"""156 mm in twips."""


@dataclass(frozen=True)
class Style:
    """A paragraph style; lengths in twips."""

    name: str
    identity: str
    font: str
    size: int
    line: int | None = LINE
    """Exact; None: as high as what stands in it."""
    before: int = 0
    after: int = 0
    align: str = "left"
    is_indented: bool = False
    """The first line by two characters."""
    hanging: int = 0
    is_kept: bool = False
    """On one page with what follows."""
    level: int | None = None
    """In the outline."""
    rule: str = ""
    """top | bottom"""
    tab: int = 0
    """Where a right-aligned tab stop is."""
    breaks_words: bool = False


STYLES = (
    Style("研判标记", "YanpanMark", HEI, NO3),
    Style("研判标题", "YanpanTitle", SONG, NO2, 700, before=400, after=120, align="center", is_kept=True),
    Style("研判期号", "YanpanNumber", KAI, NO3, align="center", is_kept=True),
    Style("研判报头", "YanpanHead", FANG, NO3, before=160, after=280, is_kept=True, rule="bottom", tab=WIDTH),
    Style("研判期间", "YanpanPeriod", KAI, NO4, after=160, align="center", is_kept=True),
    Style("研判标题1", "YanpanHeading1", HEI, NO3, is_indented=True, is_kept=True, level=0),
    Style("研判标题2", "YanpanHeading2", KAI, NO3, is_indented=True, is_kept=True, level=1),
    Style("研判正文", "YanpanText", FANG, NO3, align="both", is_indented=True),
    Style("研判表题", "YanpanTableTitle", HEI, SMALL4, 400, before=180, after=60, align="center", is_kept=True),
    Style("研判表头", "YanpanTableHead", HEI, NO5, 320, is_kept=True, breaks_words=True),
    Style("研判表文", "YanpanTableText", FANG, NO5, 320, breaks_words=True),
    Style("研判表数", "YanpanTableFigure", FANG, NO5, 320, align="right", breaks_words=True),
    Style("研判图", "YanpanPicture", FANG, NO5, None, before=180, after=40, align="center", is_kept=True),
    Style("研判图题", "YanpanCaption", HEI, SMALL4, 400, after=60, align="center"),
    Style("研判注", "YanpanNote", FANG, SMALL5, 280, before=60, after=200, align="both"),
    Style("研判分节", "YanpanBreak", FANG, 2, 20),
    Style("研判口径标题", "YanpanBasisHeading", HEI, NO5, 340, before=480, after=40, is_kept=True, rule="top"),
    Style("研判口径", "YanpanBasis", FANG, NO5, 340, align="both", hanging=315),
    Style("研判页码", "YanpanPageNumber", TEXT, NO4, 320),
)
LEADS = {"研判段首": ("YanpanLead", FANG, "<w:b/>"), "研判段首2": ("YanpanLead2", KAI, "")}
"""Character styles of what opens a paragraph: 1. …。 and （一）…。"""
GRID = ("研判表格", "YanpanTable")

BODY = (
    ("研判标记", "{{标记}}"),
    ("研判标题", "{{标题}}"),
    ("研判期号", "{{期号}}"),
    ("研判报头", "{{单位}}\t{{日期}}"),
    ("研判期间", "{{区域}}　{{期间}}"),
    ("研判正文", "{{正文}}"),
    ("研判正文", "{{附表}}"),
    ("研判口径", "{{口径}}"),
)

WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml"
RELATED = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
NAMESPACES = f'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main" xmlns:r="{RELATED}"'
DECLARED = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
LANGUAGE = '<w:lang w:val="en-US" w:eastAsia="zh-CN"/>'
PARTS = {
    "styles": "styles",
    "settings": "settings",
    "fontTable": "fontTable",
    "footer1": "footer",
    "footer2": "footer",
}
"""word/<name>.xml → kind."""


def fonts(name: str) -> str:
    """eastAsia is named, too: without it Word sets Chinese in the Latin font."""
    return f'<w:rFonts w:hint="eastAsia" w:ascii="{name}" w:eastAsia="{name}" w:hAnsi="{name}" w:cs="{name}"/>'


def paragraph_style(style: Style) -> str:
    """Says everything, and is based on nothing: an office's own Normal does not change it."""
    lines = f'w:line="{style.line}" w:lineRule="exact"' if style.line else 'w:line="240" w:lineRule="auto"'
    first = 'w:firstLineChars="200" w:firstLine="630"' if style.is_indented else 'w:firstLineChars="0" w:firstLine="0"'
    indent = f'w:left="{style.hanging}" w:hanging="{style.hanging}"' if style.hanging else first
    rule = f'<w:pBdr><w:{style.rule} w:val="single" w:sz="6" w:space="6" w:color="000000"/></w:pBdr>'
    properties = (
        "<w:keepNext/>" * style.is_kept,
        '<w:widowControl w:val="0"/>',
        rule if style.rule else "",
        f'<w:tabs><w:tab w:val="right" w:pos="{style.tab}"/></w:tabs>' if style.tab else "",
        '<w:wordWrap w:val="0"/>' * style.breaks_words,
        '<w:autoSpaceDE w:val="0"/><w:autoSpaceDN w:val="0"/><w:snapToGrid w:val="0"/>',
        f'<w:spacing w:before="{style.before}" w:after="{style.after}" {lines}/><w:ind {indent}/>',
        f'<w:jc w:val="{style.align}"/>',
        "" if style.level is None else f'<w:outlineLvl w:val="{style.level}"/>',
    )
    tight = f'<w:spacing w:val="{TIGHT}"/>' if style.size == NO3 else ""
    return (
        f'<w:style w:type="paragraph" w:customStyle="1" w:styleId="{style.identity}"><w:name w:val="{style.name}"/>'
        f'<w:uiPriority w:val="1"/><w:qFormat/><w:pPr>{"".join(properties)}</w:pPr><w:rPr>{fonts(style.font)}'
        f'<w:color w:val="auto"/>{tight}<w:kern w:val="0"/><w:sz w:val="{style.size}"/><w:szCs w:val="{style.size}"/>'
        f"{LANGUAGE}</w:rPr></w:style>"
    )


def character_style(name: str, identity: str, font: str, more: str) -> str:
    return (
        f'<w:style w:type="character" w:customStyle="1" w:styleId="{identity}"><w:name w:val="{name}"/>'
        f'<w:uiPriority w:val="1"/><w:qFormat/><w:rPr>{fonts(font)}{more}</w:rPr></w:style>'
    )


def table_style() -> str:
    """Three lines, and hairlines between the rows."""

    def lines(**sizes: int) -> str:
        return "".join(
            f'<w:{side} w:val="single" w:sz="{size}" w:space="0" w:color="{"000000" if size > 2 else "A6A6A6"}"/>'
            for side, size in sizes.items()
        )

    air = "".join(
        f'<w:{side} w:w="{width}" w:type="dxa"/>'
        for side, width in {"top": 40, "left": 85, "bottom": 40, "right": 85}.items()
    )
    name, identity = GRID
    return (
        f'<w:style w:type="table" w:customStyle="1" w:styleId="{identity}"><w:name w:val="{name}"/><w:uiPriority w:val="1"/>'
        f"<w:tblPr><w:tblBorders>{lines(top=8, bottom=8, insideH=2)}</w:tblBorders><w:tblCellMar>{air}</w:tblCellMar></w:tblPr>"
        f'<w:tblStylePr w:type="firstRow"><w:tcPr><w:tcBorders>{lines(top=8, bottom=6)}</w:tcBorders></w:tcPr></w:tblStylePr></w:style>'
    )


def styles() -> str:
    own = [paragraph_style(style) for style in STYLES]
    own += [character_style(name, *rest) for name, rest in LEADS.items()]
    plain = "".join(
        f'<w:style w:type="{kind}" w:default="1" w:styleId="{identity}"><w:name w:val="{name}"/>{more}</w:style>'
        for kind, identity, name, more in (
            ("paragraph", "Normal", "Normal", "<w:qFormat/>"),
            ("character", "DefaultParagraphFont", "Default Paragraph Font", "<w:semiHidden/>"),
            (
                "table",
                "TableNormal",
                "Normal Table",
                '<w:semiHidden/><w:tblPr><w:tblInd w:w="0" w:type="dxa"/></w:tblPr>',
            ),
            ("numbering", "NoList", "No List", "<w:semiHidden/>"),
        )
    )
    default = f'<w:rPr>{fonts(FANG)}<w:sz w:val="{NO3}"/><w:szCs w:val="{NO3}"/>{LANGUAGE}</w:rPr>'
    return (
        f"<w:styles {NAMESPACES}><w:docDefaults><w:rPrDefault>{default}</w:rPrDefault><w:pPrDefault/></w:docDefaults>"
        f"{plain}{''.join(own)}{table_style()}</w:styles>"
    )


def run(inside: str) -> str:
    return f'<w:r><w:rPr><w:rFonts w:hint="eastAsia"/>{LANGUAGE}</w:rPr>{inside}</w:r>'


def text(said: str) -> str:
    return run("<w:tab/>".join(f'<w:t xml:space="preserve">{piece}</w:t>' for piece in said.split("\t")))


def paragraph(style: str, runs: str, more: str = "") -> str:
    identity = next(one.identity for one in STYLES if one.name == style)
    return f'<w:p><w:pPr><w:pStyle w:val="{identity}"/>{more}</w:pPr>{runs}</w:p>'


def page_number(align: str, indent: str) -> str:
    """— 1 —, one character from the outer edge."""
    field = "".join(
        (
            run('<w:fldChar w:fldCharType="begin"/>'),
            run('<w:instrText xml:space="preserve"> PAGE </w:instrText>'),
            run('<w:fldChar w:fldCharType="separate"/>'),
            text("1"),
            run('<w:fldChar w:fldCharType="end"/>'),
        )
    )
    place = f'<w:ind w:{indent}Chars="100" w:{indent}="280"/><w:jc w:val="{align}"/>'
    return f"<w:ftr {NAMESPACES}>{paragraph('研判页码', text('— ') + field + text(' —'), place)}</w:ftr>"


def document() -> str:
    top, right, bottom, left, foot = (round(mm * TWIPS_PER_MM) for mm in (37, 26, 35, 28, 22))
    return (
        f"<w:document {NAMESPACES}><w:body>{''.join(paragraph(style, text(said)) for style, said in BODY)}<w:sectPr>"
        '<w:footerReference w:type="default" r:id="rId4"/><w:footerReference w:type="even" r:id="rId5"/>'
        f'<w:pgSz w:w="11906" w:h="16838"/><w:pgMar w:top="{top}" w:right="{right}" w:bottom="{bottom}" w:left="{left}" '
        f'w:header="851" w:footer="{foot}" w:gutter="0"/><w:docGrid w:type="lines" w:linePitch="{LINE}"/>'
        "</w:sectPr></w:body></w:document>"
    )


def settings() -> str:
    return (
        f'<w:settings {NAMESPACES}><w:zoom w:percent="100"/><w:evenAndOddHeaders/>'
        '<w:characterSpacingControl w:val="compressPunctuation"/><w:compat><w:useFELayout/>'
        '<w:compatSetting w:name="compatibilityMode" w:uri="http://schemas.microsoft.com/office/word" w:val="15"/>'
        '</w:compat><w:themeFontLang w:val="en-US" w:eastAsia="zh-CN"/></w:settings>'
    )


def font_table() -> str:
    rows = "".join(
        f'<w:font w:name="{name}"><w:altName w:val="{other}"/><w:charset w:val="86"/></w:font>'
        for name, other in STAND_INS.items()
    )
    return f"<w:fonts {NAMESPACES}>{rows}</w:fonts>"


def content_types() -> str:
    parts = {"document": "document.main"} | PARTS
    listed = "".join(
        f'<Override PartName="/word/{name}.xml" ContentType="{WORD}.{kind}+xml"/>' for name, kind in parts.items()
    )
    defaults = {"rels": "application/vnd.openxmlformats-package.relationships+xml", "xml": "application/xml"}
    usual = "".join(f'<Default Extension="{end}" ContentType="{kind}"/>' for end, kind in defaults.items())
    return f'<Types xmlns="{PACKAGE}/content-types">{usual}{listed}</Types>'


def relations(targets: dict[str, str]) -> str:
    """File → kind, numbered rId1 …"""
    listed = "".join(
        f'<Relationship Id="rId{n}" Type="{RELATED}/{kind}" Target="{file}"/>'
        for n, (file, kind) in enumerate(targets.items(), start=1)
    )
    return f'<Relationships xmlns="{PACKAGE}/relationships">{listed}</Relationships>'


def members() -> dict[str, str]:
    """Path in the archive → XML."""
    return {
        "[Content_Types].xml": content_types(),
        "_rels/.rels": relations({"word/document.xml": "officeDocument"}),
        "word/document.xml": document(),
        "word/_rels/document.xml.rels": relations({f"{name}.xml": kind for name, kind in PARTS.items()}),
        "word/styles.xml": styles(),
        "word/settings.xml": settings(),
        "word/fontTable.xml": font_table(),
        "word/footer1.xml": page_number("right", "right"),
        "word/footer2.xml": page_number("left", "left"),
    }


if __name__ == "__main__":
    with zipfile.ZipFile(FILE, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, xml in members().items():
            archive.writestr(zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0)), DECLARED + xml, zipfile.ZIP_DEFLATED)
