"""Which Word file is a report written into? The office's own under HOME/templates, else the built-in one.

An office copies app/assets/templates/report.docx to HOME/templates/weekly.docx (or monthly, quarterly, annual; report.docx
for all of them) and changes head, logo, fonts and order in Word. Where the report's words go is said by placeholders:

    {{标题}} {{期号}} {{单位}} {{日期}} {{期间}} {{区域}} {{标记}}      in any text, headers and footers too
    {{正文}} {{附表}} {{口径}}                                          alone on a paragraph of the text
    {{基本情况}} {{突出问题}} {{预警研判}} {{上周回看}} {{办理质效}} {{建议}}  single sections, likewise; {{正文}} is then the rest

Fonts and spacing are the named styles 研判正文, 研判标题1 …; the ones a file lacks are added from the built-in one.
Placeholders are replaced by text and nothing else: a template holds no language that could run. What Word would
load or run by itself (macros, ActiveX, files from elsewhere) is refused.
"""

import copy
import io
import re
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from docx import Document
from docx.document import Document as Doc
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.parts.hdrftr import FooterPart, HeaderPart
from docx.shared import Mm
from lxml import etree

BUILT_IN = Path(__file__).resolve().parents[1] / "assets" / "templates" / "report.docx"
INLINE = ("标题", "期号", "单位", "日期", "期间", "区域", "标记")
SECTIONS: Mapping[str, tuple[str, ...]] = {
    "基本情况": ("基本情况", "总体情况"),
    "突出问题": ("突出问题",),
    "预警研判": ("预警研判", "需办理的预警"),
    "上周回看": ("回看",),
    "办理质效": ("办理质效",),
    "建议": ("工作建议", "工作要求"),
}
"""Placeholder of a single section → what its heading has in it, in the versions for leaders and for units."""
BLOCKS = ("正文", *SECTIONS, "附表", "口径")
LEAST_WIDTH = Mm(80)
"""Of the text: less holds no table."""
MAX_BYTES, MAX_UNPACKED, MAX_MEMBERS = 20_000_000, 100_000_000, 2_000

_PLACEHOLDER = re.compile(r"\{\{\s*([^{}]*?)\s*\}\}")
_BRACES = re.compile(r"\{\{|\}\}|\{%|%\}")
_FORMS = {
    "docx": ("Word", " Word 文档", "wordprocessingml.document.main", "wordprocessingml.template.main", ".doc", ".dotx"),
    "pptx": (
        "PowerPoint",
        "演示文稿",
        "presentationml.presentation.main",
        "presentationml.template.main",
        ".ppt",
        ".potx",
    ),
}
"""Suffix → the program, what it calls its files, content types of a file and of a template, what else it saves."""
DAMAGED = (zipfile.BadZipFile, zlib.error, etree.XMLSyntaxError, EOFError, KeyError, RuntimeError, ValueError)
_UNREADABLE = "文件已损坏，读不出内容；请在 Word 中打开后另存为 .docx"


class BadTemplate(ValueError):
    """The office's template cannot be used; one Chinese sentence says which file, what was found, what is needed."""


def find(kind: str, suffix: str, home: Path) -> Path | None:
    """The office's own template for weekly | monthly | quarterly | annual as docx | pptx; None = built in.

    For all kinds it is called like the built-in one: report.docx, slides.pptx.
    """
    own = (home / "templates" / f"{name}.{suffix}" for name in (kind, "slides" if suffix == "pptx" else "report"))
    return next((path for path in own if path.is_file()), None)


def check(path: Path) -> list[str]:
    """The placeholders of a Word template, in the order of the text, headers and footers last. Raises BadTemplate."""
    return [name for _, names in _checked(path)[1] for name in names]


def filled(path: Path, words: Mapping[str, str]) -> tuple[Doc, list[tuple[str, Any]]]:
    """The template with its inline placeholders replaced, and where the blocks go. Raises BadTemplate.

    words: a text for each of INLINE; a line break in it is one in Word. A paragraph of nothing but empty ones is left out.
    The blocks: (name, the paragraph that holds its place), in the order of the text.
    """
    document, found = _checked(path)
    anchors = []
    for paragraph, names in found:
        if names[0] in BLOCKS:
            anchors.append((names[0], paragraph))
            continue
        is_only = not _PLACEHOLDER.sub("", _text(paragraph)).strip()
        if is_only and not any(words[name] for name in names) and _can_go(paragraph):
            paragraph.getparent().remove(paragraph)
            continue
        _replace(paragraph, words)
    _add_styles(document)
    return document, anchors


# ---------------------------------------------------------------- is it good?


def _checked(path: Path) -> tuple[Doc, list[tuple[Any, list[str]]]]:
    """The document, and each paragraph that has placeholders with their names."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise BadTemplate(f"文件超过 {MAX_BYTES / 1e6:.0f} MB；请压缩其中的图片")
        file = io.BytesIO(path.read_bytes())
        check_archive(file, "docx")
        document = _opened(file)
        _check_pages(document)
        return document, _placeholders(document)
    except BadTemplate as fault:
        raise BadTemplate(f"模板 {path.name}：{fault}。") from None
    except DAMAGED as error:
        raise BadTemplate(f"模板 {path.name}：{_UNREADABLE}。") from error


def _opened(file: io.BytesIO) -> Doc:
    """The document, read and written once: a file that lacks what Word always writes fails here and not half way."""
    try:
        document = Document(file)
        for style in document.styles:
            style.element.find(qn("w:name")).get(qn("w:val"))
            str(style.type)
        document.element.body.iter()
        str(document.core_properties.title)
        document.save(io.BytesIO())
    except (AttributeError, TypeError) as error:
        raise BadTemplate(_UNREADABLE) from error
    return document


def _check_pages(document: Doc) -> None:
    for section in document.sections:
        width, height = section.page_width or 0, section.page_height or 0
        text = width - sum(side or 0 for side in (section.left_margin, section.right_margin, section.gutter))
        if not height or text < LEAST_WIDTH:
            raise BadTemplate(
                f"除去页边距，正文只有 {text / Mm(1):.0f} 毫米宽，至少要 {LEAST_WIDTH / Mm(1):.0f} 毫米；请检查页面设置"
            )


def check_archive(file: io.BytesIO, suffix: str) -> None:
    """Nothing that is no document of its kind, too large when unpacked, or does something by itself. Raises BadTemplate
    (without the file's name) and what a damaged archive raises."""
    program, called, main, template, old, of_templates = _FORMS[suffix]
    if file.getvalue().startswith(b"\xd0\xcf\x11\xe0"):
        raise BadTemplate(f"是旧版 {old}，或加了打开密码；请在 {program} 中去掉密码，另存为 .{suffix}")
    if not zipfile.is_zipfile(file):
        raise BadTemplate(f"不是{called}；请用 {program} 另存为 .{suffix}")
    with zipfile.ZipFile(file) as archive:
        members = archive.infolist()
        if len(members) > MAX_MEMBERS or sum(member.file_size for member in members) > MAX_UNPACKED:
            raise BadTemplate(
                f"解压后超过 {MAX_UNPACKED / 1e6:.0f} MB 或 {MAX_MEMBERS:,} 个部分；请换一份正常的{called}"
            )
        names = [member.filename for member in members]
        kinds = archive.read("[Content_Types].xml").decode() if "[Content_Types].xml" in names else ""
        if any(re.search(r"vbaProject|activeX", name) for name in names) or "macroEnabled" in kinds:
            raise BadTemplate(f"含有宏或控件；请另存为不带宏的 .{suffix}")
        if template in kinds:
            raise BadTemplate(f"是 {program} 模板格式（{of_templates}）；请另存为 .{suffix}")
        if main not in kinds:
            raise BadTemplate(f"不是{called}；请用 {program} 另存为 .{suffix}")
        for name in names:
            if not name.endswith((".xml", ".rels")):
                continue
            xml = archive.read(name)
            if b"<!DOCTYPE" in xml or b"<!ENTITY" in xml:
                raise BadTemplate(f"{name} 含有 DOCTYPE 声明，{program} 不会这样写；请用 {program} 重新另存")
            if name.endswith(".rels"):
                _check_relations(xml)


def _check_relations(xml: bytes) -> None:
    for relation in etree.fromstring(xml).iterchildren("{*}Relationship"):
        given = relation.attrib
        kind, target = given["Type"], given["Target"]
        if given["Id"] and given.get("TargetMode") == "External" and not kind.endswith("/hyperlink"):
            raise BadTemplate(f"引用了外部文件 {target[:80]}；请把图片嵌入文档，去掉外部模板和链接对象")


def _placeholders(document: Doc) -> list[tuple[Any, list[str]]]:
    """Each paragraph with placeholders and their names; raises where one is unknown, broken or in the wrong place."""
    body, found = document.element.body, []
    for root in _stories(document):
        for paragraph in root.iter(qn("w:p")):
            said = _text(paragraph)
            names = _PLACEHOLDER.findall(said)
            if _BRACES.search(_PLACEHOLDER.sub("", said)):
                raise BadTemplate(f"花括号不成对或写法不认识：“{_short(said)}”；占位符写作 {{{{标题}}}}，同一段内成对")
            for name in names:
                if name not in (*INLINE, *BLOCKS):
                    known = "、".join((*INLINE, *BLOCKS))
                    raise BadTemplate(f"不认识占位符 {{{{{_short(name)}}}}}；可用的有：{known}")
                is_alone = not _PLACEHOLDER.sub("", said, count=1).strip() and paragraph.getparent() is body
                if name in BLOCKS and not is_alone:
                    raise BadTemplate(
                        f"{{{{{name}}}}} 应在正文中独占一段，不能放在表格、文本框、页眉页脚里或与文字同段"
                    )
            if names:
                found.append((paragraph, names))
    blocks = [name for _, names in found for name in names if name in BLOCKS]
    for name in blocks:
        if blocks.count(name) > 1:
            raise BadTemplate(f"{{{{{name}}}}} 出现了 {blocks.count(name)} 次，只能出现一次")
    if not {"正文", *SECTIONS} & set(blocks):
        raise BadTemplate("没有找到 {{正文}}，也没有 {{基本情况}} 等单独一节；请在要放正文的地方单独写一段 {{正文}}")
    return found


def _stories(document: Doc) -> Iterator[Any]:
    """The text, then headers and footers."""
    yield document.element.body
    for part in sorted(document.part.package.iter_parts(), key=lambda part: str(part.partname)):
        if isinstance(part, HeaderPart | FooterPart):
            yield part.element


def _short(text: str) -> str:
    return text if len(text) <= 24 else f"{text[:23]}…"


# ---------------------------------------------------------------- words for placeholders


def _pieces(paragraph: Any) -> list[Any]:
    """The pieces of a paragraph's own text; Word cuts it where it likes. A text box in it has paragraphs of its own."""
    mine = (node for node in paragraph.iter(qn("w:t")) if next(node.iterancestors(qn("w:p"))) is paragraph)
    return list(mine)


def _text(paragraph: Any) -> str:
    return "".join(piece.text or "" for piece in _pieces(paragraph))


def _replace(paragraph: Any, words: Mapping[str, str]) -> None:
    """Each placeholder by its word, in the type of the piece in which it begins."""
    pieces = _pieces(paragraph)
    for match in reversed(list(_PLACEHOLDER.finditer(_text(paragraph)))):
        at, word = 0, words[match[1]]
        for piece in pieces:
            said = piece.text or ""
            low, high = max(match.start() - at, 0), min(match.end() - at, len(said))
            if low < high:
                piece.text, word = said[:low] + word + said[high:], ""
            at += len(said)
    for piece in pieces:
        _break_lines(piece)


def _break_lines(piece: Any) -> None:
    piece.set(qn("xml:space"), "preserve")
    piece.text, *more = (piece.text or "").split("\n")
    for line in reversed(more):
        after = OxmlElement("w:t")
        after.text = line
        piece.addnext(after)
        piece.addnext(OxmlElement("w:br"))


def _can_go(paragraph: Any) -> bool:
    """Not where it ends a section, nor as the only paragraph of a cell or header."""
    neighbours = [one.tag for one in (paragraph.getprevious(), paragraph.getnext()) if one is not None]
    return qn("w:p") in neighbours and paragraph.find(f".//{qn('w:sectPr')}") is None


def _add_styles(document: Doc) -> None:
    """The built-in styles the file lacks; those it has stay as the office made them."""
    styles = document.styles.element
    names = {style.find(qn("w:name")).get(qn("w:val")) for style in styles.iterchildren(qn("w:style"))}
    identities = {style.get(qn("w:styleId")) for style in styles.iterchildren(qn("w:style"))}
    for style in Document(str(BUILT_IN)).styles.element.iterchildren(qn("w:style")):
        if style.find(qn("w:name")).get(qn("w:val")) in names or style.get(qn("w:default")):
            continue
        added = copy.deepcopy(style)
        while added.get(qn("w:styleId")) in identities:
            added.set(qn("w:styleId"), added.get(qn("w:styleId")) + "0")
        styles.append(added)
