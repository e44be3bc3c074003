"""What every page has in common: the version it reads, its head, the guards, figure and table blocks."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, TypeVar

import plotly.graph_objects as go
import polars as pl
import streamlit as st

from app import address, aside, asof, disclosure, downloads, fields, marts, palette, theme, versions, wording
from app.charts.style import CONFIG
from app.once import digest
from app.parts import saved

T = TypeVar("T")
STALE_AFTER_DAYS = 10
ROW_HEIGHT = 35
MAX_GRID_HEIGHT = 400
LOST = "lost"
"""Query parameter with which the server says that the page asked for does not exist."""


@dataclass(frozen=True)
class Edition:
    """The published version this page run reads."""

    version: str
    city_name: str
    city_code: str
    data_from: date
    data_through: date
    last_full_week: date
    judged_from: date | None
    """Monday of the first week judged for warnings; None where no week was."""
    level_rule: str
    """How levels and the order of the warnings are set."""
    replayed: str = ""
    """正在回看 … where a past day is looked at; else empty."""
    as_of: date | None = None
    """The day up to which deadlines are counted: that of the build, or the one looked back at."""

    def notes(self, *said: str) -> list[str]:
        """Sentences for an export: what was said, then the day looked back at, as-of day and version."""
        as_of = f"数据截至 {wording.full_day(self.data_through)}，数据版本 {self.version}。"
        looked_back = f"{self.replayed}。" if self.replayed else ""
        return [*(sentence for sentence in (*said, looked_back) if sentence), as_of]


def today() -> date:
    return date.today()


def start(title: str, question: str, *, lead: str = "") -> Edition:
    """Head of a page; stops with one sentence where nothing was published or there is no complete week."""
    edition = opened(title, question, lead=lead)
    if edition is None:
        _nothing_yet(title)
        st.stop()
    weeks = marts.query("weeks", data_from=edition.data_from, last_full_week=edition.last_full_week)
    if weeks.is_empty():
        quiet("入库的数据还不满一周，暂不能按周比较。请继续在「数据接入」补充导出文件后重新发布。")
        st.stop()
    return edition


def opened(title: str, question: str, *, lead: str = "") -> Edition | None:
    """Head of a page that needs no complete week; None, without a head, where nothing was published. Stops where the
    past day asked for has not been worked out."""
    style()
    try:
        marts.begin_run()
    except versions.NoMarts:
        return None
    except versions.NotReplayed as missing:
        head(title, question)
        asof.offer(missing.asked, missing.day, today())
        st.stop()
    about = marts.meta()
    if about.get("schema") != versions.SCHEMA:
        return None
    edition = edition_of(about)
    with st.container(horizontal=True, vertical_alignment="bottom", wrap=False, key="page_masthead"):
        head(title, question, edition, lead=lead)
        asof.picker(about, today())
        saved.menu(wording.week_code(edition.last_full_week))
    if edition.replayed:
        st.html(f'<p class="replayed">{wording.escape(edition.replayed)}</p>')
    lost = st.query_params.get(LOST)
    if lost is not None:
        address.write(LOST, None)
        quiet(f"没有“{lost[:40]}”这个页面，已转到「{title}」。其他页面在上面的菜单里。")
    if is_stale(edition):
        quiet(f"最近一次登记是 {wording.full_day(edition.data_through)}，此后没有新数据入库；本页都以这一天为界。")
    return edition


def edition_of(about: Mapping[str, str]) -> Edition:
    """What the version of this page run says about itself (marts.meta), as an Edition."""
    as_of = st.query_params.get(marts.AS_OF)
    return Edition(
        version=about["version"],
        city_name=about["city_name"],
        city_code=about["city_code"],
        data_from=date.fromisoformat(about["data_from"]),
        data_through=date.fromisoformat(about["data_through"]),
        last_full_week=date.fromisoformat(about["last_full_week"]),
        judged_from=date.fromisoformat(about["judged_from"]) if about["judged_from"] else None,
        level_rule=about.get("level_rule", ""),
        replayed=asof.sentence(date.fromisoformat(as_of), about.get("replay_basis", "")) if as_of else "",
        as_of=date.fromisoformat(about["as_of"]),
    )


def is_stale(edition: Edition) -> bool:
    """Is the newest data older than it should be?"""
    return not edition.replayed and (today() - edition.data_through).days > STALE_AFTER_DAYS


def style() -> None:
    """The type scale and the few things hidden; once a page run. Paper is white: a dark page is printed inverted."""
    st.html(theme.shown(STYLE) + (PRINTED_DARK if theme.is_dark() else ""))


def head(title: str, question: str, edition: Edition | None = None, *, lead: str = "") -> None:
    about = (
        f"{edition.city_name} · {title} · 数据截至 {wording.full_day(edition.data_through)} · 版本 {edition.version}"
        if edition
        else title
    )
    lead = f'<p class="lead">{wording.escape(lead)}</p>' if lead else ""
    st.html(
        f'<header class="page-head"><p class="kicker">{wording.escape(about)}</p><h1>{question}</h1>{lead}</header>',
        width="stretch",
    )


def _nothing_yet(title: str) -> None:
    head(title, "尚无数据")
    quiet("这里还没有发布过数据，或发布它的是旧程序。接入导出文件并发布（yanpan build）后，页面会自动打开新版本。")
    st.page_link("views/intake.py", label="到「数据接入」上传文件", icon=":material/upload_file:")
    st.html('<p class="note">也可以用命令行；想先看样子，可用演示城市：</p>')
    st.code("yanpan demo\nyanpan ingest var/demo\nyanpan build", language=None)


def quiet(sentence: str) -> None:
    """One calm sentence in a box."""
    st.html(f'<p class="quiet">{wording.escape(sentence)}</p>')


def late_clock(edition: Edition) -> None:
    """Deadlines run on after the last file: says so where figures of timeliness would look worse than they are."""
    if edition.as_of is not None and wording.runs_ahead(edition.data_through, edition.as_of):
        quiet(wording.clock_sentence(edition.data_through, edition.as_of))


def section(title: str, remark: str = "") -> None:
    """A heading inside a page, with a grey remark behind it."""
    remark = f'<span class="remark">{wording.escape(remark)}</span>' if remark else ""
    st.html(f'<h2 class="section">{wording.escape(title)}{remark}</h2>')


def require(frame: pl.DataFrame, sentence: str = "这个筛选下没有登记的事项。可放宽时段、区域或事项后再看。") -> None:
    """Guard: an empty answer is said, not drawn."""
    if frame.is_empty():
        quiet(sentence)
        st.stop()


def drawn(draw: Callable[..., T], frame: pl.DataFrame, /, *arguments: Any, **words: Any) -> T:
    """`draw(frame, *arguments, **words)`, drawn once for the same content; not to be changed afterwards.

    The key is all of the content, not a sample of it: two frames that differ in one figure are two drawings.
    """
    return _drawn(draw.__qualname__, digest(frame, arguments, words), _draw=lambda: draw(frame, *arguments, **words))


def worked_out(work: Callable[..., T], frame: pl.DataFrame, /, *arguments: Any) -> T:
    """As `drawn`, for what takes long or needs a large library: done beside the server (see app.aside)."""
    return _drawn(work.__qualname__, digest(frame, arguments), _draw=lambda: aside.do(work, frame, *arguments))


@st.cache_resource(show_spinner=False, max_entries=96)
def _drawn(name: str, digest: str, _draw: Callable[[], Any]) -> Any:
    return _draw()


def chart(
    figure: go.Figure,
    frame: pl.DataFrame,
    *,
    name: str,
    notes: Sequence[str],
    key: str,
    labels: Mapping[str, str] | None = None,
    on_select: Callable[[], None] | None = None,
    export: Callable[[], pl.DataFrame] | None = None,
    picture: Callable[[], go.Figure] | None = None,
    hint: str = "",
) -> Any:
    """A figure, below it what it rests on and 导出 of the same figure and frame.

    export, picture: frame and figure to take away instead, where the screen shows more than may leave it.
    hint: what a click does; said on the screen alone.
    """
    event = st.plotly_chart(
        theme.written(theme.figure(figure)),
        theme=None,
        config=dict(CONFIG),
        key=key,
        on_select=on_select or "ignore",
        selection_mode="points",
    )
    foot(export or frame, name=name, notes=notes, key=key, figure=picture or figure, labels=labels, hint=hint)
    return event


def foot(
    frame: pl.DataFrame | Callable[[], pl.DataFrame],
    *,
    name: str,
    notes: Sequence[str],
    key: str,
    figure: go.Figure | Callable[[], go.Figure] | None = None,
    labels: Mapping[str, str] | None = None,
    exported: Sequence[str] = (),
    hint: str = "",
) -> None:
    """Under a figure or table: its 口径 in small print, 导出 at the right. `exported`: notes of the export alone; `hint`: of the screen."""
    with st.container(horizontal=True, vertical_alignment="center", wrap=False, key=f"foot_{key}"):
        st.html(f'<p class="note">{wording.escape("　".join(filter(None, (hint, *notes))))}</p>', width="stretch")
        downloads.bar(
            name, frame=frame, notes=[*filter(None, (*exported, *notes))], key=key, figure=figure, labels=labels
        )


def grid(
    frame: pl.DataFrame,
    *,
    key: str,
    labels: Mapping[str, str] | None = None,
    helps: Mapping[str, str] | None = None,
    widths: Mapping[str, int] | None = None,
    height: int | None = None,
    on_select: Callable[[], None] | None = None,
) -> Any:
    """A longer table to scroll and sort; with `on_select` one row can be chosen. `helps`: what the head of a column explains.
    `widths`: of columns, in pixels; the others share the rest."""
    known = {**fields.labels(), **(labels or {})}
    frame = frame.with_columns(pl.col("^.*_share$") * 100)
    helps, has_marks = helps or {}, disclosure.marked(frame)
    frame = disclosure.to_sort(frame)
    config = {
        name: _grid_column(
            name,
            known[name],
            frame.schema[name],
            helps.get(name) or fields.explained(name, known[name]),
            name in has_marks,
        )
        for name in frame.columns
    }
    more: dict[str, Any] = {"on_select": on_select, "selection_mode": "single-row"} if on_select else {}
    for name, width in (widths or {}).items():
        config[name]["width"] = width
    needed = ROW_HEIGHT * (len(frame) + 1) + 3
    return st.dataframe(
        frame.to_arrow(),  # as it is sent; of a frame Streamlit makes one of pandas first
        hide_index=True,
        column_config=config,
        key=key,
        height=min(needed, height or MAX_GRID_HEIGHT),
        placeholder="—",
        **more,
    )


def _grid_column(name: str, label: str, kind: pl.DataType, help: str | None, is_marked: bool = False) -> Any:
    if is_marked:
        return st.column_config.TextColumn(label, help=help, alignment="right")
    if name.endswith("_share"):
        return st.column_config.NumberColumn(label, format="%+,.1f%%", help=help)
    if kind == pl.List:
        return st.column_config.BarChartColumn(label, help=help, y_min=0)
    if kind == pl.Boolean:
        return st.column_config.CheckboxColumn(label, help=help)
    if kind.is_integer():
        return st.column_config.NumberColumn(label, format="%,d", help=help)
    if kind.is_float():
        return st.column_config.NumberColumn(label, format="%,.1f", help=help)
    if kind == pl.Date:
        return st.column_config.DateColumn(label, format="YYYY-MM-DD", help=help)
    if kind == pl.Datetime:
        return st.column_config.DatetimeColumn(label, format="YYYY-MM-DD HH:mm", help=help)
    return st.column_config.TextColumn(label, help=help)


@dataclass(frozen=True)
class Column:
    """One column of a table: which field, how it reads."""

    name: str
    kind: str = "text"
    """text | number | decimal | change | bar | html | figure: a figure already in words"""
    label: str | None = None

    def head(self) -> str:
        return self.label if self.label is not None else fields.label(self.name)

    def heading(self) -> str:
        """As HTML; what it explains shows under the pointer and on the way with the tab key."""
        said = fields.explained(self.name, self.head())
        head = wording.escape(self.head())
        return f'<span class="term" tabindex="0" data-help="{wording.escape(said)}">{head}</span>' if said else head


def table(frame: pl.DataFrame, columns: Sequence[Column]) -> None:
    """A short table to read from top to bottom; a `bar` column shows its size as a bar behind the figure."""
    if frame.is_empty():
        return  # never a head without rows
    most = {
        column.name: max(frame[column.name].drop_nulls().to_list(), default=0)
        for column in columns
        if column.kind == "bar"
    }
    head = "".join(f'<th class="{column.kind}">{column.heading()}</th>' for column in columns)
    body = "".join(
        "<tr>"
        + "".join(_cell(column, row[column.name], most, row.get(column.name + disclosure.MARK)) for column in columns)
        + "</tr>"
        for row in frame.iter_rows(named=True)
    )
    st.html(f'<table class="reading"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>')


def _cell(column: Column, value: Any, most: Mapping[str, float], mark: str | None = None) -> str:
    if mark is not None:
        return f'<td class="{column.kind}">{wording.escape(mark)}</td>'
    if column.kind == "html":
        return f"<td>{value}</td>"
    if column.kind in ("number", "bar"):
        shown = wording.number(value)
    elif column.kind == "decimal":
        shown = wording.number(value, 1)
    elif column.kind == "change":
        shown = "—" if value is None else wording.share(value)
    else:
        shown = "—" if value is None else wording.escape(value)
    style = ""
    if column.kind == "bar" and value and most[column.name]:
        style = f' style="--share:{value / most[column.name]:.3f}"'
    return f'<td class="{column.kind}"{style}>{shown}</td>'


def _levels() -> str:
    """The rules of the four levels: dark or light words on their colour, an outline where the colour is faint."""
    return "\n".join(
        f".level.{name} {{ background: {level.colour}; color: {level.on_colour};"
        f" {f'box-shadow: inset 0 0 0 1px {level.edge};' if level.edge else ''} }}"
        for name, level in palette.LEVELS.items()
    )


PRINTED_DARK = "<style>@media print { .stMainBlockContainer { filter: invert(1) hue-rotate(180deg); } }</style>"

STYLE = f"""<style>
header[data-testid="stHeader"] {{ background: {palette.PAPER}; border-bottom: 1px solid {palette.RULE}; }}
[data-testid="stToolbarActions"], [data-testid="stMainMenu"], [data-testid="stAppDeployButton"],
[data-testid="stStatusWidget"], [data-testid="stElementToolbar"], [data-testid="stDecoration"] {{ display: none; }}
[data-testid="stSkipToContent"] {{ font-size: 0; }}
[data-testid="stSkipToContent"]::after {{ content: "跳到正文"; font-size: .9rem; }}
[data-testid="stDataFrameColumnMenu"] {{ display: none; }}
[data-testid="stSelectboxVirtualDropdown"] [data-empty] span {{ font-size: 0; }}
[data-testid="stSelectboxVirtualDropdown"] [data-empty] span::after {{ content: "没有匹配的选项"; font-size: .9rem; }}
[data-testid="stFileUploaderDropzone"] > span button p,
[data-testid="stFileUploaderDropzoneInstructions"] span {{ font-size: 0; }}
[data-testid="stFileUploaderDropzone"] > span button p::after {{ content: "选择文件"; font-size: 1rem; }}
[data-testid="stFileUploaderDropzoneInstructions"] span::after {{ content: "或把文件拖到这个框里"; font-size: .9rem; }}
[data-testid="stDateInput"] [data-placeholder] {{ font-size: 0; }}
[data-testid="stDateInput"] [data-placeholder]::after {{ content: "年"; font-size: 1rem; }}
[data-testid="stDateInput"] [data-type="month"][data-placeholder]::after {{ content: "月"; }}
[data-testid="stDateInput"] [data-type="day"][data-placeholder]::after {{ content: "日"; }}
.st-key-theme_switch {{ position: fixed; top: 1.1rem; right: 1.2rem; z-index: 999991; }}
.st-key-theme_switch, .st-key-theme_switch * {{ width: max-content !important; }}  /* wider, it covers the menu */
:is(a, button, summary, [tabindex="0"], [role="tab"]):focus-visible {{ outline: 3px solid {palette.ACCENT};
  outline-offset: 2px; }}
[data-testid="stButtonGroup"] > [role="radiogroup"] {{ flex-wrap: wrap; row-gap: 2px; mask-image: none; }}
@media (max-width: 1300px) {{ .st-key-to_wall, [data-testid="stLayoutWrapper"]:has(> .st-key-to_wall) {{ display: none; }} }}
@media (max-width: 1280px) {{ [data-testid="stButtonGroup"] button {{ padding-inline: .55rem; }} }}
[data-testid="stMetric"] [data-testid="stCaptionContainer"], [data-testid="stMetric"] [data-testid="stCaptionContainer"] p
  {{ color: {palette.MUTED}; opacity: 1; }}
[data-testid="stBaseButton-primary"]:enabled, [data-testid="stBaseButton-primaryFormSubmit"]:enabled,
[data-testid="stBaseButton-primary"]:enabled p {{ color: {palette.WHITE}; }}
[data-testid="stSelectbox"]:has(:disabled) [data-testid="stMarkdownContainer"] p {{ color: {palette.MUTED}; }}
.stMainBlockContainer {{ padding: 4.2rem 2.2rem 3rem; max-width: 1440px; margin: 0 auto; }}
.page-head {{ border-bottom: 2px solid {palette.INK}; padding-bottom: .45rem; }}
.st-key-masthead, .st-key-page_masthead {{ border-bottom: 2px solid {palette.INK}; padding-bottom: .45rem; }}
.st-key-masthead .page-head, .st-key-page_masthead .page-head, .st-key-masthead .st-key-page_masthead
  {{ border-bottom: 0; padding-bottom: 0; }}
.st-key-masthead .st-key-page_masthead {{ padding-bottom: .2rem; }}  /* as the row beside it */
.st-key-masthead [data-testid="stElementContainer"]:has(> [data-testid="stPageLink"]) {{ margin: 0 0 4px; }}
.replayed {{ background: {palette.LEVELS["yellow"].tint}; border-left: 3px solid {palette.LEVELS["orange"].colour};
  padding: .5rem .9rem; margin: 0; font-weight: 700; }}
.ended {{ background: {palette.PANEL}; border-left: 3px solid {palette.ACCENT}; padding: .5rem .9rem; margin: 0; }}
.ended.failed, .ended.interrupted {{ border-left-color: {palette.LEVELS["red"].colour}; }}
ul.facts, .result ul {{ margin: 0; padding-left: 1.1rem; font-size: .92rem; line-height: 1.65; }}
.result {{ border-bottom: 1px solid {palette.RULE}; padding: .35rem 0; }}
.result b, .verdict b {{ margin-right: .9rem; }}
.verdict {{ margin: 0; }}
.verdict.good span::before, .sure.good::before {{ content: "✓ "; color: {palette.ACCENT}; }}
.verdict.bad span::before {{ content: "✕ "; color: {palette.LEVELS["red"].colour}; }}
.verdict.open span::before, .sure.open::before {{ content: "？"; color: {palette.LEVELS["orange"].colour}; }}
.sure {{ white-space: nowrap; font-variant-numeric: tabular-nums; }}
.columns-head {{ display: grid; grid-template-columns: 3fr 4fr 3fr 1fr 5fr; gap: 1rem; margin: 0; font-size: .8rem;
  color: {palette.MUTED}; border-bottom: 1px solid {palette.INK}; }}
.doing {{ margin: 0; font-weight: 700; }}
.said {{ margin: 0; font-size: .88rem; line-height: 1.6; color: {palette.MUTED}; }}
.page-head .kicker {{ margin: 0; font-size: .82rem; color: {palette.MUTED}; letter-spacing: .04em; }}
.page-head h1 {{ margin: .1rem 0 0; padding: 0; font-size: 1.9rem; line-height: 1.3; font-weight: 700; }}
.page-head .lead {{ margin: .25rem 0 0; color: {palette.MUTED}; font-size: .95rem; }}
h2.section {{ font-size: 1.2rem; line-height: 1.35; font-weight: 700; margin: .6rem 0 0; padding: .4rem 0 0;
  border-top: 1px solid {palette.INK}; }}
h2.section .remark {{ font-size: .84rem; font-weight: 400; color: {palette.MUTED}; margin-left: .7rem; }}
.answer {{ font-size: 1.28rem; line-height: 1.5; font-weight: 700; margin: .1rem 0 0; }}
.quiet {{ background: {palette.PANEL}; border-left: 3px solid {palette.ACCENT}; padding: .55rem .9rem; margin: 0; }}
.note {{ font-size: .78rem; line-height: 1.5; color: {palette.MUTED}; margin: 0; }}
.warning {{ display: flex; gap: .7rem; align-items: flex-start; }}
.warning p {{ margin: 0; line-height: 1.5; }}
.standing {{ border: 1px solid {palette.RULE}; border-radius: 2px; padding: 0 .4rem; font-size: .88rem;
  white-space: nowrap; }}
.standing.late {{ border-color: {palette.LEVELS["red"].colour}; color: {palette.LEVELS["red"].colour}; }}
ol.steps {{ list-style: none; margin: 0; padding: 0 0 0 .9rem; border-left: 2px solid {palette.RULE}; }}
ol.steps li {{ margin: 0 0 .6rem; }}
ol.steps p {{ margin: 0; line-height: 1.6; font-size: .95rem; }}
ol.steps p.note {{ font-size: .78rem; }}
[data-testid="InputInstructions"] {{ display: none; }}
[data-testid="stPopoverBody"] [data-testid="stCode"] [data-testid="stElementToolbarButton"] {{ opacity: 1; }}
[data-testid="stPopoverBody"] [data-testid="stCode"] > div:last-child {{ opacity: 1; transform: none; }}
.term {{ border-bottom: 1px dotted {palette.MUTED}; cursor: help; position: relative; }}
.term:hover::after, .term:focus::after {{ content: attr(data-help); position: absolute; left: 0; top: 1.5rem; z-index: 9;
  width: max-content; max-width: 20rem; white-space: normal; text-align: left; padding: .4rem .6rem; line-height: 1.5;
  background: {palette.PAPER}; color: {palette.INK}; border: 1px solid {palette.MUTED}; border-radius: 2px; }}
th.number .term::after, th.decimal .term::after, th.bar .term::after, th.change .term::after, th.figure .term::after
  {{ left: auto !important; right: 0; }}
.brief {{ margin: 0; font-size: 1.06rem; line-height: 1.55; font-weight: 700; }}
.st-key-figures_strip [data-testid="stMetric"] {{ position: relative; }}
.st-key-figures_strip [data-testid="stMetricChart"] {{ position: absolute; right: 0; top: 1.3rem; width: 42%; }}
.st-key-figures_strip [data-testid="stMetricChart"] svg {{ width: 100%; height: 1.8rem; background: none !important; }}
.st-key-figures_strip [data-testid="stMetric"] > div:last-child {{ height: 0; }}
.st-key-foot_figures .note {{ max-width: none; }}
.st-key-foot_figures {{ margin-top: -.7rem; }}
@media (max-width: 1300px) {{
  .st-key-figures_strip [data-testid="stMetricChart"] {{ width: 30%; }}
  .story summary {{ grid-template-columns: 3.1rem minmax(0, 1fr) 8.8rem 10.4rem !important; }}
  .story .standing {{ font-size: .76rem; padding: 0 .25rem; }}
  h2.section {{ text-wrap: balance; }}
  .st-key-masthead [data-testid="stSelectbox"] input, .st-key-masthead [data-testid="stSelectbox"] [value]
    {{ font-size: .82rem; }}
  .rise {{ grid-template-columns: minmax(6em, 1fr) 3.6rem 3.1rem 3.4rem !important; }}
  .rise span:nth-child(3) {{ display: none; }}  /* 上周 */
  .rise.head {{ margin-right: 2.6rem !important; }}
  .st-key-rises [data-testid="stPageLink"] p {{ font-size: 0; }}
}}
.story {{ border-bottom: 1px solid {palette.RULE}; padding: .1rem 0 .3rem; }}
.story summary {{ display: grid; grid-template: auto auto / 3.3rem minmax(0, 1fr) 9.6rem 12.4rem; column-gap: .6rem;
  align-items: baseline; cursor: pointer; line-height: 1.42; }}
.story summary::-webkit-details-marker {{ display: none; }}
.story .level {{ grid-row: 1 / 3; align-self: start; justify-self: start; margin-top: .15rem; }}
.story .what, .story .count, .story .who {{ grid-row: 1; }}
.story .why, .story .usual, .story .stands {{ grid-row: 2; font-size: .84rem; color: {palette.MUTED}; }}
.story .what, .story .why {{ grid-column: 2; }}
.story .what::after {{ content: "\\00a0›"; color: {palette.MUTED}; }}
.story[open] .what::after {{ content: "\\00a0⌄"; }}
.story .count, .story .usual {{ grid-column: 3; font-variant-numeric: tabular-nums; }}
.story .count b {{ font-size: 1.15rem; }}
.story .who, .story .stands {{ grid-column: 4; }}
.story .who {{ font-size: .92rem; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }}
.story > p {{ margin: .3rem 0 0 4rem; line-height: 1.65; }}
.story > p.note {{ margin-bottom: .2rem; }}
.st-key-stories, .st-key-rises {{ gap: 0 !important; }}
.st-key-stories [data-testid="stPageLink"] a, .st-key-rises [data-testid="stPageLink"] a
  {{ padding: 0 .2rem; min-height: 0; line-height: 1.6; }}
.st-key-for_you {{ flex-wrap: wrap; row-gap: 0; }}
.st-key-for_you [data-testid="stPageLink"] a {{ padding: 0; min-height: 0; background: none; }}
.st-key-for_you [data-testid="stPageLink"] :is(p, span) {{ color: {palette.ACCENT}; }}
.st-key-for_you [data-testid="stPageLink"] p {{ text-decoration: underline; text-underline-offset: .2em; }}
.st-key-stories > div {{ padding: .12rem 0; }}
.rise {{ display: grid; grid-template-columns: minmax(0, 1fr) 5.2rem 2.4rem 3.1rem 3.4rem; column-gap: .6rem; margin: 0;
  font-size: .93rem; line-height: 1.9; border-bottom: 1px solid {palette.RULE}; font-variant-numeric: tabular-nums; }}
.rise span {{ text-align: right; white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }}
.rise span:first-child {{ text-align: left; }}
.rise.head {{ font-size: .8rem; color: {palette.MUTED}; border-color: {palette.INK}; margin-right: 4.6rem; }}
.rise .bar {{ background: linear-gradient({palette.ACCENT_SOFT}, {palette.ACCENT_SOFT}) no-repeat left 50% /
  calc(var(--share, 0) * 100%) 62%; }}
.warning.large p {{ font-size: 1.12rem; line-height: 1.6; }}
.crumb {{ line-height: 2.4; }}
.item {{ border-bottom: 1px solid {palette.RULE}; padding: .5rem 0; max-width: 62rem; }}
.item h4 {{ margin: .1rem 0; padding: 0; font-size: 1rem; font-weight: 700; }}
.item p {{ margin: 0; line-height: 1.6; }}
.facts-line {{ display: flex; flex-wrap: wrap; gap: .25rem .4rem; margin: .2rem 0 .1rem; font-size: .78rem; line-height: 1.55; }}
.fact {{ border: 1px solid {palette.RULE}; border-radius: 2px; padding: 0 .4rem; color: {palette.MUTED}; }}
.fact i {{ font-style: normal; border-right: 1px solid {palette.RULE}; padding-right: .35rem; margin-right: .35rem; }}
.told {{ background: {palette.PANEL}; padding: .7rem .9rem; margin: 0; line-height: 1.85; white-space: pre-wrap; max-height: 24rem;
  overflow: auto; max-width: 46em; }}
.told mark {{ background: {palette.ACCENT_SOFT}; color: {palette.INK}; border-bottom: 2px solid {palette.ACCENT}; }}
.told mark.other {{ background: none; border-bottom: 2px dotted {palette.ACCENT}; }}
.told mark.attitude {{ background: none; border-bottom: 1px dashed {palette.MUTED}; }}
.suggested {{ border-left: 4px solid {palette.ACCENT}; background: {palette.PANEL}; padding: .55rem .9rem; }}
.suggested p {{ margin: 0; line-height: 1.55; }}
.suggested.abstains {{ border-left: 4px dashed {palette.LEVELS["orange"].colour}; background: none;
  outline: 1px solid {palette.RULE}; outline-offset: -1px; }}
.odds {{ display: grid; grid-template-columns: minmax(0, 1fr) 34% 3.4rem; column-gap: .7rem; align-items: center; margin: 0;
  font-size: .93rem; line-height: 2; border-bottom: 1px solid {palette.RULE}; font-variant-numeric: tabular-nums; }}
.odds.first {{ font-weight: 700; }}
.odds.head {{ font-size: .8rem; color: {palette.MUTED}; border-color: {palette.INK}; line-height: 1.7; font-weight: 400; }}
.odds span {{ overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }}
.odds span:last-child {{ text-align: right; }}
.odds .bar {{ height: .62rem; background: linear-gradient({palette.ACCENT}, {palette.ACCENT}) no-repeat left /
  calc(var(--share, 0) * 100%) 100%, {palette.GRID}; }}
.odds .bar.words {{ background: none; }}
.path {{ margin: 0 0 .5rem; line-height: 1.6; font-size: .95rem; max-width: 46em; }}
.path b {{ margin-right: .6rem; }}
.past p.text {{ display: -webkit-box; -webkit-line-clamp: 2; -webkit-box-orient: vertical; overflow: hidden; }}
.flag {{ border: 1px solid {palette.MUTED}; border-radius: 2px; padding: 0 .3rem; margin-left: .3rem; white-space: nowrap; }}
.level {{ display: inline-block; border-radius: 2px; padding: .05rem .45rem; font-size: .85rem; font-weight: 700;
  white-space: nowrap; line-height: 1.5; }}
{_levels()}
.level.green {{ background: {palette.GOOD}; color: {palette.WHITE}; }}
.level.cluster {{ background: {palette.WARNING}; color: {palette.PAPER}; }}
table.reading tbody tr:hover {{ background: {palette.PANEL}; }}
tr.chosen, table.reading tbody tr.chosen:hover {{ background: {palette.ACCENT_SOFT}; }}
table.reading {{ width: 100%; border-collapse: collapse; font-size: .93rem; }}
table.reading th {{ text-align: left; font-weight: 400; font-size: .8rem; color: {palette.MUTED};
  border-bottom: 1px solid {palette.INK}; padding: .25rem .5rem; white-space: nowrap; }}
table.reading td {{ border-bottom: 1px solid {palette.RULE}; padding: .32rem .5rem; vertical-align: baseline; }}
table.reading td:first-child {{ white-space: nowrap; }}
table.reading th.number, table.reading td.number, table.reading th.decimal, table.reading td.decimal,
table.reading th.change, table.reading td.change, table.reading th.bar, table.reading td.bar,
table.reading th.figure, table.reading td.figure
  {{ text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }}
table.reading td.bar {{ background: linear-gradient({palette.ACCENT_SOFT}, {palette.ACCENT_SOFT}) no-repeat left 50% /
  calc(var(--share, 0) * 100%) 62%; min-width: 7rem; }}
[data-testid="stMainBlockContainer"] [data-testid="stVerticalBlock"] {{ gap: .7rem; }}
[data-testid="stMetric"] {{ padding: 0; }}
[data-testid="stMetricLabel"] p {{ font-size: .84rem; color: {palette.MUTED}; }}
[data-testid="stMetricDelta"] {{ background: none; padding: 0; font-size: .82rem; color: {palette.INK}; }}
[data-testid="stMetric"] div:has(> [data-testid="stMetricDelta"]) {{ flex-direction: column; align-items: flex-start;
  gap: 0; }}
[data-testid="stMetricDeltaDescription"] {{ font-size: .82rem; }}
[data-testid="stMetricValue"] {{ font-size: 1.75rem; line-height: 1.25; font-weight: 700;
  font-variant-numeric: tabular-nums; }}
.quiet, .warning p, .item p, .page-head .lead, .said, ul.facts {{ max-width: 46em; }}
.note, .item p.note {{ max-width: 60em; }}
@page {{ size: A4 landscape; margin: 12mm; }}
@media print {{
  header[data-testid="stHeader"], .st-key-theme_switch, [data-testid="stPopover"], [data-testid="stButton"],
  [data-testid="stDownloadButton"], [data-testid="stSelectbox"], [data-testid="stButtonGroup"], [data-testid="stPageLink"],
  [data-testid="stTextInput"], [data-testid="stDateInput"], [data-testid="stPagination"] {{ display: none; }}
  .stApp, .stApp > div, [data-testid="stMain"], [data-testid="stAppViewContainer"] {{ position: static; overflow: visible;
    height: auto; }}
  .stMainBlockContainer {{ padding: 0; zoom: .74; }}
  html, body, .stApp, .stApp :is(main, section) {{ background: none !important; print-color-adjust: exact; }}
  [data-testid="stPlotlyChart"], [data-testid="stBidiComponentRegular"], [data-testid="stMetric"], .warning, .item, tr
    {{ break-inside: avoid; }}
  h2.section {{ break-after: avoid; }}
}}
</style>"""
