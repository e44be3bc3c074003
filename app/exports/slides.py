"""A figure as one native 16:9 slide, and the deck that slides stand in: template, placeholders, headline, notes.

A template is any .pptx with the layouts 封面 and 内容, each with a title. Text placeholders and any other text on masters,
layouts and slides may hold {{标题}} {{期号}} {{单位}} {{日期}} {{期间}} {{区域}} {{标记}}; placeholders of a layout also
{{章节}} (small, above the headline) and {{口径}} (small print). The body stands where the largest other placeholder of
内容 is, else below the title. A slide of the template that holds {{标题}} is the cover; what follows it closes the deck.
Without such a slide its slides are examples and are left out.

Built in: app/assets/templates/slides.pptx, made by make_slides.py beside it.
"""

import copy
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import plotly.graph_objects as go
from pptx import Presentation
from pptx.enum.chart import XL_CHART_TYPE
from pptx.enum.shapes import PP_PLACEHOLDER
from pptx.oxml import parse_xml
from pptx.oxml.ns import qn
from pptx.slide import Slide
from pptx.util import Pt

from app.charts.native import Native
from app.charts.style import Drawing, em_width, layout_of, shorten
from app.exports import archive, shapes
from app.exports.drawingml import EMU, fill, run, safe, stroke
from app.exports.native_chart import Box, Data, spans
from app.palette import MUTED, PANEL
from app.reports.templates import DAMAGED, MAX_BYTES, BadTemplate, check_archive

BUILT_IN = Path(__file__).resolve().parents[1] / "assets" / "templates" / "slides.pptx"
COVER, CONTENT = "封面", "内容"
OF_DECK = ("标题", "期号", "单位", "日期", "期间", "区域", "标记")
OF_PAGE = ("章节", "口径")
BASIS_SIZES = ((11.0, 2), (9.5, 3))
"""Type of the small print, points, and how many lines of it there is room for."""
HEADLINE_SIZES = ((26.0, 1), (21.0, 2), (18.0, 2))
NAMES = (
    'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main" '
    'xmlns:p="http://schemas.openxmlformats.org/presentationml/2006/main"'
)
_PLACEHOLDER = re.compile(r"\{\{\s*([^{}]*?)\s*\}\}")
_REPEATED = (PP_PLACEHOLDER.FOOTER, PP_PLACEHOLDER.SLIDE_NUMBER)
_TITLES = (PP_PLACEHOLDER.TITLE, PP_PLACEHOLDER.CENTER_TITLE)
_KINDS = {
    "line": XL_CHART_TYPE.LINE,
    "bar": XL_CHART_TYPE.BAR_CLUSTERED,
    "pareto": XL_CHART_TYPE.COLUMN_CLUSTERED,
    "stacked": XL_CHART_TYPE.COLUMN_STACKED,
}


@dataclass
class Deck:
    """A presentation being written. words: of OF_DECK; prompts: layout → placeholder index → what its prompt says."""

    presentation: Any
    words: Mapping[str, str]
    prompts: Mapping[str, Mapping[int, str]]
    is_built_in: bool
    closing: list[Any] = field(default_factory=list)
    """The template's own slides that come last, as entries of the slide list."""
    has_cover: bool = False


def pptx(figure: go.Figure, *, title: str | None = None, note: str = "") -> bytes:
    """The figure as a deck of one slide: a chart of PowerPoint's own where it has one, else shapes.

    title: what and when; default the figure's own title, which otherwise stands above it where it says more.
    note: 口径, filters, as-of time and data version; small print, and whole in the speaker notes.
    Same figure and words → same bytes. Raises picture.UnknownTrace.
    """
    own = shapes.bare(layout_of(figure).title.text or "")
    title = title or own or "图"
    adds = "".join(own.split()) not in "".join(title.split())
    deck = opened({})
    slide, box = add_page(deck, title, section=own if adds else "", basis=note, notes=[note])
    place(slide, figure, box, name=title, description=note)
    return finished(deck, title)


def place(slide: Slide, figure: go.Figure, box: Box, *, name: str, description: str = "") -> None:
    """The figure within the box: as a native chart where it has one, else as a group of shapes."""
    native = figure.native if isinstance(figure, Drawing) else None
    if native is None:
        shapes.draw(slide, figure, box, name=name, description=description)
        return
    _place_chart(slide, native, box, name=name, description=description)


def _place_chart(slide: Slide, native: Native, box: Box, *, name: str, description: str) -> None:
    size = box.width, box.height
    for area, words in spans(native, size):
        shaded = Box(box.left + area.left, box.top + area.top, area.width, area.height)
        said = f'<a:p><a:pPr algn="r"/>{run(words, 11, MUTED)}</a:p>'
        add_text(slide, words, shaded, said, form=fill(PANEL) + stroke(None), inset=3, wrap="none")
    data: Any = Data(native, size)  # what add_chart asks of its data: xml_bytes, xlsx_blob
    frame: Any = slide.shapes.add_chart(_KINDS[native.kind], *_emu(box), data)
    frame.name = archive.plain(name)
    frame._element.nvGraphicFramePr.cNvPr.set("descr", archive.plain(description or name))


def _emu(box: Box) -> tuple[Any, Any, Any, Any]:
    return Pt(box.left), Pt(box.top), Pt(box.width), Pt(box.height)


def add_text(
    slide: Slide,
    name: str,
    box: Box,
    paragraphs: str,
    *,
    up: str = "t",
    form: str = "<a:noFill/>",
    inset: float = 0,
    wrap: str = "square",
) -> None:
    """A text box of ready-made paragraphs; up: t | ctr | b; form: its fill and line."""
    left, top, width, height = (round(points * EMU) for points in (box.left, box.top, box.width, box.height))
    pad = round(inset * EMU)
    number = max(int(one) for one in slide.shapes._spTree.xpath("//@id") if str(one).isdigit()) + 1
    slide.shapes._spTree.append(
        parse_xml(
            f'<p:sp {NAMES}><p:nvSpPr><p:cNvPr id="{number}" name="{safe(name[:60])}"/><p:cNvSpPr txBox="1"/><p:nvPr/></p:nvSpPr>'
            f'<p:spPr><a:xfrm><a:off x="{left}" y="{top}"/><a:ext cx="{width}" cy="{height}"/></a:xfrm>'
            f'<a:prstGeom prst="rect"><a:avLst/></a:prstGeom>{form}</p:spPr><p:txBody><a:bodyPr wrap="{wrap}" lIns="{pad}" '
            f'tIns="{pad}" rIns="{pad}" bIns="{pad}" anchor="{up}"><a:noAutofit/></a:bodyPr><a:lstStyle/>{paragraphs}</p:txBody></p:sp>'
        )
    )


# ---------------------------------------------------------------- the deck


def opened(words: Mapping[str, str], template: Path | None = None) -> Deck:
    """A deck on the office's template or the built-in one, its placeholders filled. Raises BadTemplate."""
    words = {name: words.get(name, "") for name in OF_DECK}
    presentation: Any = _checked(template) if template else Presentation(str(BUILT_IN))
    prompts = {
        layout.name: {
            shape.placeholder_format.idx: shape.text_frame.text for shape in layout.placeholders if shape.has_text_frame
        }
        for layout in _layouts(presentation)
    }
    deck = Deck(presentation, words, prompts, template is None)
    entries = list(presentation.slides._sldIdLst)
    is_cover = ["标题" in _PLACEHOLDER.findall(_text_of(slide._element)) for slide in presentation.slides]
    first = is_cover.index(True) if any(is_cover) else None
    if first is None:
        for entry in entries:
            _drop(presentation, entry)
    else:
        deck.has_cover, deck.closing = True, entries[first + 1 :]
    for page in _pages(presentation):
        _replace_words(page._element, {**words, **{name: name for name in OF_PAGE}})
    return deck


def add_cover(deck: Deck, notes: Sequence[str] = ()) -> None:
    """The first slide, from the layout 封面; nothing where the template brings its own."""
    if deck.has_cover:
        return
    slide = _add_slide(deck, COVER, deck.words)
    slide.shapes.title.text_frame.text = archive.plain(deck.words["标题"])
    _take_notes(slide, notes)


def add_page(
    deck: Deck, headline: str, *, section: str = "", basis: str = "", notes: Sequence[str] = (), keep_body: bool = False
) -> tuple[Slide, Box]:
    """A slide of layout 内容, and the box for its body. keep_body: the body's placeholder stays, for text."""
    layout = _layout(deck, CONTENT)
    box, words = _body_box(deck, layout), _page_words(deck, layout)
    own = next((shape for shape in layout.placeholders if words.get(shape.placeholder_format.idx) == "口径"), None)
    room = Box(box.left, box.top + box.height - 30, box.width, 30) if own is None else _box_of(own)
    said, size = _small_print(basis, room.width)
    slide = _add_slide(deck, CONTENT, {**deck.words, "章节": section, "口径": said}, keep_body=keep_body)
    slide.shapes.title.text_frame.text = archive.plain(headline)
    if own is None and said:
        box = Box(box.left, box.top, box.width, box.height - 36)
        add_text(slide, "口径", room, f"<a:p>{run(said, size, MUTED)}</a:p>", up="b")
    if deck.is_built_in:
        _fit(
            slide.shapes.title, _fitting(headline, slide.shapes.title.width / EMU, HEADLINE_SIZES), HEADLINE_SIZES[0][0]
        )
        for shape in slide.placeholders:
            if words.get(shape.placeholder_format.idx) == "口径":
                _fit(shape, size, BASIS_SIZES[0][0])
    _take_notes(slide, notes)
    return slide, box


def _fit(shape: Any, size: float, own: float) -> None:
    """The text of a placeholder in another size than its layout's."""
    if size != own:
        shape.text_frame.paragraphs[0].font.size = Pt(size)


def finished(deck: Deck, title: str) -> bytes:
    """The deck as .pptx, `title` among its properties; same content → same bytes."""
    listed = deck.presentation.slides._sldIdLst
    for entry in deck.closing:
        listed.append(entry)
    core = deck.presentation.core_properties
    core.title, core.author, core.last_modified_by = archive.plain(title)[:255], "", ""
    core.created = core.modified = archive.CREATED
    core.revision = 1
    buffer = io.BytesIO()
    deck.presentation.save(buffer)
    return archive.same_bytes(buffer.getvalue())


def _layout(deck: Deck, name: str) -> Any:
    return next(layout for layout in _layouts(deck.presentation) if layout.name == name)


def _layouts(presentation: Any) -> Iterator[Any]:
    return (layout for master in presentation.slide_masters for layout in master.slide_layouts)


def _add_slide(deck: Deck, layout_name: str, words: Mapping[str, str], *, keep_body: bool = False) -> Any:
    """A slide of the layout: its prompts filled, what stays empty removed, footer and number brought along."""
    layout = _layout(deck, layout_name)
    slide = deck.presentation.slides.add_slide(layout)
    body = _body_of(deck, layout)
    for shape in list(slide.placeholders):
        idx = shape.placeholder_format.idx
        if shape.placeholder_format.type in _TITLES or (
            keep_body and body is not None and idx == body.placeholder_format.idx
        ):
            continue
        prompt = deck.prompts[layout_name].get(idx, "")
        said = _PLACEHOLDER.sub(lambda found: words[found[1]], prompt).strip("　 ") if "{{" in prompt else ""
        if said:
            shape.text_frame.text = archive.plain(said)
        else:
            shape._element.getparent().remove(shape._element)
    for shape in layout.placeholders:
        if shape.placeholder_format.type in _REPEATED:
            _bring(slide, shape, deck.prompts[layout_name].get(shape.placeholder_format.idx, ""), words)
    return slide


def _bring(slide: Slide, shape: Any, prompt: str, words: Mapping[str, str]) -> None:
    """Footer and page number of a layout onto the slide; PowerPoint shows them only there."""
    copied = copy.deepcopy(shape._element)
    said = _PLACEHOLDER.sub(lambda found: words[found[1]], prompt).strip("　 ")
    if shape.placeholder_format.type == PP_PLACEHOLDER.FOOTER:
        if not said:
            return
        texts = list(copied.iter(qn("a:t")))
        for node in texts:
            node.text = ""
        if texts:
            texts[0].text = archive.plain(said)
    for old in copied.xpath("./p:spPr/*"):
        old.getparent().remove(old)
    copied.nvSpPr.cNvPr.set(
        "id", str(max(int(one) for one in slide.shapes._spTree.xpath("//@id") if str(one).isdigit()) + 1)
    )
    slide.shapes._spTree.append(copied)


def _body_of(deck: Deck, layout: Any) -> Any:
    """The largest placeholder of the layout that is neither title nor small text of ours; None without one."""
    ours = _page_words(deck, layout)
    found = [
        shape
        for shape in layout.placeholders
        if shape.placeholder_format.type not in (*_TITLES, *_REPEATED, PP_PLACEHOLDER.DATE)
        and shape.placeholder_format.idx not in ours
        and "{{" not in deck.prompts[layout.name].get(shape.placeholder_format.idx, "")
    ]
    return max(found, key=lambda shape: shape.width * shape.height, default=None)


def _page_words(deck: Deck, layout: Any) -> dict[int, str]:
    """Placeholder index → 章节 or 口径, of the placeholders that hold one of them."""
    return {
        idx: name
        for idx, prompt in deck.prompts[layout.name].items()
        for name in _PLACEHOLDER.findall(prompt)
        if name in OF_PAGE
    }


def _body_box(deck: Deck, layout: Any) -> Box:
    body = _body_of(deck, layout)
    if body is not None:
        return _box_of(body)
    title = _box_of(next(shape for shape in layout.placeholders if shape.placeholder_format.type in _TITLES))
    top, whole = title.top + title.height + 8, deck.presentation.slide_height / EMU
    return Box(title.left, top, title.width, whole - top - 40)


def _box_of(shape: Any) -> Box:
    return Box(shape.left / EMU, shape.top / EMU, shape.width / EMU, shape.height / EMU)


def _small_print(text: str, width: float) -> tuple[str, float]:
    """As large as fits; what is too long even so is cut, the notes have it whole."""
    for size, n_lines in BASIS_SIZES:
        if em_width(text) * size <= width * n_lines * 0.97:
            return text, size
    size, n_lines = BASIS_SIZES[-1]
    tail = "（全文见备注）"
    return shorten(text, width * n_lines * 0.95 / size - em_width(tail)) + tail, size


def _fitting(text: str, width: float, sizes: Sequence[tuple[float, int]]) -> float:
    """The first of the sizes (points, lines) in which the text fits."""
    return next((size for size, n in sizes if em_width(text) * size * 1.03 <= width * n), sizes[-1][0])


def _take_notes(slide: Slide, notes: Sequence[str]) -> None:
    said = "\n".join(dict.fromkeys(archive.plain(note).strip() for note in notes if note.strip()))
    frame = slide.notes_slide.notes_text_frame if said else None
    if frame is not None:
        frame.text = said


# ---------------------------------------------------------------- the office's template


def _checked(template: Path) -> Any:
    """The office's template, looked through before anything is written into it. Raises BadTemplate."""
    try:
        return _sound(template)
    except BadTemplate as fault:
        raise BadTemplate(f"模板 {template.name}：{fault}。") from None
    except (*DAMAGED, AttributeError, TypeError) as error:  # python-pptx misses what PowerPoint always writes
        raise BadTemplate(
            f"模板 {template.name}：文件已损坏，读不出内容；请在 PowerPoint 或 WPS 中打开后另存为 .pptx。"
        ) from error


def _sound(template: Path) -> Any:
    if template.stat().st_size > MAX_BYTES:
        raise BadTemplate(f"文件超过 {MAX_BYTES / 1e6:.0f} MB；请压缩其中的图片")
    file = io.BytesIO(template.read_bytes())
    check_archive(file, "pptx")
    presentation: Any = Presentation(file)
    layouts = {layout.name: layout for layout in _layouts(presentation)}
    for wanted in (COVER, CONTENT):
        if wanted not in layouts:
            found = "、".join(layouts) or "没有版式"
            raise BadTemplate(f"缺少名为“{wanted}”的版式（现有：{found}）；请在幻灯片母版视图中给版式改名或新增一个")
        if not any(shape.placeholder_format.type in _TITLES for shape in layouts[wanted].placeholders):
            raise BadTemplate(f"版式“{wanted}”里没有标题占位符；请在幻灯片母版视图中插入标题")
    for page in _pages(presentation):
        said = _text_of(page._element)
        unknown = [word for word in _PLACEHOLDER.findall(said) if word not in (*OF_DECK, *OF_PAGE)]
        if unknown:
            known = "、".join((*OF_DECK, *OF_PAGE))
            raise BadTemplate(f"不认识占位符 {{{{{shorten(unknown[0], 24)}}}}}；可用的有：{known}")
        if re.search(r"\{\{|\}\}", _PLACEHOLDER.sub("", said)):
            raise BadTemplate("花括号不成对；占位符写作 {{标题}}，同一段内成对")
    return presentation


def _pages(presentation: Any) -> Iterator[Any]:
    """Everything of a deck on which words may stand."""
    for master in presentation.slide_masters:
        yield master
        yield from master.slide_layouts
    yield from presentation.slides


def _text_of(element: Any) -> str:
    """All text, a line a paragraph; a placeholder may be split over the runs of one."""
    return "\n".join("".join(node.text or "" for node in p.iter(qn("a:t"))) for p in element.iter(qn("a:p")))


def _replace_words(element: Any, words: Mapping[str, str]) -> None:
    """Each placeholder by its word, in the type of the run in which it begins."""
    for paragraph in element.iter(qn("a:p")):
        pieces = list(paragraph.iter(qn("a:t")))
        for match in reversed(list(_PLACEHOLDER.finditer("".join(piece.text or "" for piece in pieces)))):
            at, word = 0, archive.plain(words[match[1]])
            for piece in pieces:
                said = piece.text or ""
                low, high = max(match.start() - at, 0), min(match.end() - at, len(said))
                if low < high:
                    piece.text, word = said[:low] + word + said[high:], ""
                at += len(said)


def _drop(presentation: Any, entry: Any) -> None:
    presentation.part.drop_rel(entry.rId)
    presentation.slides._sldIdLst.remove(entry)
