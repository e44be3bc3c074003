"""会议材料 on the page: what is chosen, how it will read, what it rests on, its files, its issues, what was taken away."""

from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl
import sqlalchemy as sa
import streamlit as st

from app import aside, disclosure, downloads, filters, marts, page, palette, roles, theme, versions, wording
from app.access import signin
from app.casework import store, workflow
from app.casework.store import Unavailable
from app.reports import figures, make, periods, register, settings, templates
from app.reports.make import Composed, Draft
from app.reports.model import AUDIENCES, INTERNAL, Chart, Heading, Paragraph, Report, Table
from app.reports.periods import BadPeriod, Period

KINDS = {"weekly": "周报", "monthly": "月报", "quarterly": "季报", "annual": "年报"}
MIMES = {
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "pdf": "application/pdf",
}
ICONS = {"docx": ":material/description:", "pptx": ":material/slideshow:", "xlsx": ":material/table:", "pdf": ":material/picture_as_pdf:"}  # fmt: skip
PAGES = {
    "weekly": "本周研判", "hotspots": "热点地图", "trends": "趋势分析", "issues": "高频事项", "warnings": "预警清单", "warning": "一条预警",
    "service": "办理质效", "ledgers": "台账", "mediation": "访调诉", "topics": "专题与溯源",
    "reports": "报告中心", "intake": "数据接入", "yanpan report": "命令行",
}  # fmt: skip
REFUSALS = (
    make.Unsound, figures.NoData, figures.NoSuchArea, settings.BadSetting, templates.BadTemplate, disclosure.BadSetting,
    workflow.BadSetting, aside.Gone,
)  # fmt: skip
"""What is said instead of a report."""
N_ISSUES, N_EXPORTS = 30, 300
PICTURE_WIDTH = 1460
"""Of the pictures on the page: Streamlit makes a wider one smaller, anew at each run (140 ms a picture)."""
LOOK_EVERY_SECONDS = 0.5
DONE = "_report_frozen"


@dataclass(frozen=True)
class Asked:
    """One report as chosen on the page, and all that it depends on: the key of what is worked out once."""

    version: str
    touched: int
    """Of the marts file, of the settings: a file of the same name may have new content."""
    set_at: int
    so_far: tuple[int, int] | None
    """Actions of cases."""
    kind: str
    period: str
    area: str | None
    audience: str
    internal: bool
    number: int | None
    """第N期, as registered or next."""
    day: date
    """Its date."""
    is_past: bool
    """Of a day looked back at: casework as it stood at its end."""


# ---------------------------------------------------------------- what is chosen


def chosen(edition: page.Edition) -> Asked | None:
    """The filters: kind, period, area, audience, mark. None, with a sentence, for a period that cannot be shown."""
    setting = settings.read(versions.home())
    kind_column, period_column, area_column, audience_column, mark_column = st.columns(
        [2.4, 2.7, 1.6, 1.7, 1.3], vertical_alignment="bottom"
    )
    with kind_column:
        kind = filters.choose("种类", KINDS, key="kind", kind="buttons")
    with period_column:
        period = _period(kind, edition)
    with area_column:
        area = filters.choose("区域", areas(edition), key="area")
    with audience_column:
        audience = filters.choose(
            "版本", dict[str, str](AUDIENCES.items()), key="audience", default=setting.audience, kind="buttons"
        )
    with mark_column:
        internal = st.checkbox(
            "内部资料",
            setting.internal,
            key="internal",
            bind="query-params",
            help=f"标注“{INTERNAL}”。本系统不标密级。",
        )
    if period is None:
        return None
    version = marts.file()
    as_of = st.query_params.get(marts.AS_OF)
    return Asked(
        version=str(version),
        touched=_touched(version),
        set_at=_touched(versions.home() / settings.FILE),
        so_far=_actions_so_far(),
        kind=kind,
        period=period,
        area=area or None,
        audience=audience,
        internal=internal,
        number=register.number(periods.parse(kind, period), area or None, audience),  # type: ignore[arg-type]
        day=date.fromisoformat(as_of) if as_of else page.today(),
        is_past=as_of is not None,
    )


def areas(edition: page.Edition) -> dict[str, str]:
    """Of which places may this reader have a report? Its figures are counted without a scope: it must be one of these."""
    places, mine = marts.query("places"), signin.scope()
    if mine is None:
        counties = places.filter(pl.col("place_level") == "county").select("place_code", "place_name")
        return {filters.ALL: edition.city_name, **dict(counties.iter_rows())}
    inside = places.filter(pl.col("place_code").is_in(mine.codes if mine.is_area else ()))
    page.require(inside, "您的范围里没有可以出材料的县区或镇街。")
    return dict(inside.select("place_code", "place_name").iter_rows())


def _period(kind: str, edition: page.Edition) -> str | None:
    """The code of a period with data, newest first; the last complete one by default. Another period is never shown in place of
    the one asked for."""
    default = make.last_complete(kind, marts.meta())
    known = offered(kind, edition.data_from, edition.data_through, default)
    options = {period.code: _period_words(period, edition) for period in known}
    asked = st.query_params.get("period")
    if asked is not None and asked not in options:
        try:
            missing: Period | None = periods.parse(kind, asked)
        except BadPeriod as wrong:
            if any(_is_code(other, asked) for other in KINDS):  # left over from another kind
                filters.forget("period")
                return filters.choose("期次", options, key="period", default=default.code, say_default=True)
            sentence, missing = str(wrong), None
        if missing:
            sentence = f"{missing.name}没有入库的事项；数据从 {edition.data_from} 到 {edition.data_through}。"
        st.session_state["period"] = None
        page.quiet(f"{sentence}请另选一期。")
        st.button("看最近一期", key="newest_period", on_click=filters.forget, args=("period",))
        return None
    return filters.choose("期次", options, key="period", default=default.code, say_default=True)


def offered(kind: str, data_from: date, data_through: date, default: Period) -> list[Period]:
    """The periods with data, newest first, and the default among them."""
    period = max(periods.containing(kind, data_through), default, key=lambda one: one.first_on)
    found = []
    while period.last_on >= data_from:
        found.append(period)
        period = period.before()
    return found


def _period_words(period: Period, edition: page.Edition) -> str:
    last = max(edition.data_through, edition.last_full_week + timedelta(days=6))
    span = f"（{period.span.split('年', 1)[1]}）" if period.kind == "weekly" else ""
    return f"{period.name}{span}{'，未收满' if period.last_on > last else ''}"


def _is_code(kind: str, code: str) -> bool:
    try:
        periods.parse(kind, code)
    except BadPeriod:
        return False
    return True


def _touched(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def _actions_so_far() -> tuple[int, int] | None:
    """How many actions were taken in cases: rows are never changed, so their number tells whether anything is new."""
    action = store.case_action.c.id
    try:
        with store.reading() as connection:
            n, last = connection.execute(sa.select(sa.func.count(), sa.func.max(action))).one()
    except Unavailable as missing:
        page.quiet(str(missing))
        return None
    return n, last or 0


# ---------------------------------------------------------------- worked out once


@st.cache_data(show_spinner=False, max_entries=256)
def _asked_at(of: tuple[object, ...], day: date, is_past: bool) -> datetime:
    """The moment up to which casework counts, the same for both audiences: now, or the end of a past day."""
    return _moment(day, is_past)


@st.cache_resource(show_spinner=False, max_entries=24)
def _begun(asked: Asked) -> Future[Draft]:
    """The draft, worked out beside the server once."""
    of = asked
    touched = (of.touched, of.so_far)
    return aside.begin(
        make.draft,
        Path(of.version),
        of.kind,
        of.period,
        of.area,
        of.audience,  # type: ignore[arg-type]  # one of AUDIENCES
        at=_asked_at((of.version, *touched, of.kind, of.period, of.area), of.day, of.is_past),
        number=of.number,
        internal=of.internal,
        width=PICTURE_WIDTH,
        touched=touched,
    )


def _moment(day: date, is_past: bool = False) -> datetime:
    return make.moment(day) if is_past else datetime.combine(day, make.moment().time())


@st.cache_resource(show_spinner=False, max_entries=16)
def _content(asked: Asked, form: str, template: tuple[str, int] | None) -> bytes:
    """template: of which it is made, so that a template saved anew makes another."""
    return aside.do(make.made, _begun(asked).result().composed.report, form)


def draft(asked: Asked) -> Draft | None:
    """The report; None, with a sentence, where it cannot be made, or while it is being made."""
    try:
        begun = _begun(asked)
        if begun.done():
            return begun.result()
    except REFUSALS as refusal:
        _begun.clear(asked)
        page.quiet(str(refusal))
        return None
    except BaseException:  # not kept: who looks again tries again
        _begun.clear(asked)
        raise
    _follow(begun)
    return None


@st.fragment(run_every=LOOK_EVERY_SECONDS)
def _follow(begun: Future[Draft]) -> None:
    if begun.done():
        st.rerun(scope="app")
    st.html('<p class="doing" aria-live="polite">正在汇总本期数字、核对勾稽、写成材料…</p>')
    st.skeleton(height=420)


# ---------------------------------------------------------------- as it reads


def paper(draft: Draft) -> None:
    """The report as a document: what Word and PDF say, with the same pictures."""
    report = draft.composed.report
    with st.container(key="paper"):
        mark = f'<p class="mark">{wording.escape(report.mark)}</p>' if report.mark else ""
        number = f'<p class="number">{wording.escape(report.number)}</p>' if report.number else ""
        st.html(
            f'{theme.shown(STYLE)}{mark}<h2 class="title">{wording.escape(report.title)}</h2>{number}'
            f'<p class="issuer"><span>{wording.escape(report.office)}</span><span>{wording.full_day(report.issued_on)}</span></p>'
            f'<p class="span">{wording.escape(report.area_name)}　{wording.escape(report.period_name)}</p>'
        )
        text: list[str] = []
        for block in report.blocks:
            if isinstance(block, Chart):
                _flush(text)
                st.image(draft.pictures[block.key], width="stretch", alt=block.title)
                text.append(f'<p class="caption">{wording.escape(block.title)}</p>')
            else:
                text.append(_block(block))
        _flush(text)
        notes = "".join(f"<li>{wording.escape(note)}</li>" for note in report.notes)
        st.html(f'<div class="basis"><h4>口径说明</h4><ol>{notes}</ol></div>')


def appendix(report: Report) -> None:
    """附表 and what the slides say, folded."""
    if report.appendix:
        with st.expander(f"附表 {len(report.appendix)} 张", key="appendix", on_change="rerun") as tables:
            if tables.open:
                with st.container(key="paper_tables"):
                    st.html("".join(_table(table) for table in report.appendix))
    with st.expander(f"幻灯片 {len(report.slides)} 页", key="slides"):
        lines = "".join(
            f'<li><span class="note">{wording.escape(slide.section)}</span> {wording.escape(slide.headline)}</li>'
            for slide in report.slides
        )
        st.html(f'<ol class="slides">{lines}</ol>')


def _flush(text: list[str]) -> None:
    if text:
        st.html("".join(text))
        text.clear()


def _block(block: Heading | Paragraph | Table) -> str:
    if isinstance(block, Heading):
        return f'<h3 class="level{block.level}">{wording.escape(block.text)}</h3>'
    if isinstance(block, Paragraph):
        lead = f"<b>{wording.escape(block.lead)}</b>" if block.lead else ""
        return f"<p>{lead}{wording.escape(block.text)}</p>"
    return _table(block)


def _table(table: Table) -> str:
    title = f'<p class="caption">{wording.escape(table.title)}</p>'
    note = f'<p class="under">{wording.escape(table.note)}</p>' if table.note else ""
    if table.frame.is_empty():
        return title + (note or '<p class="under">本期没有。</p>')
    kinds = ["figure" if column.is_figure else column.kind for column in table.columns]
    total = sum(column.width for column in table.columns)
    widths = "".join(f'<col style="width:{column.width / total:.1%}">' for column in table.columns)
    head = "".join(
        f'<th class="{kind}">{wording.escape(word)}</th>' for kind, word in zip(kinds, table.head(), strict=True)
    )
    rows = "".join(
        "<tr>"
        + "".join(f'<td class="{kind}">{wording.escape(cell)}</td>' for kind, cell in zip(kinds, cells, strict=True))
        + "</tr>"
        for cells in table.cells()
    )
    return (
        f"{title}<table><colgroup>{widths}</colgroup><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>{note}"
    )


# ---------------------------------------------------------------- what it rests on, and its files


def soundness(one: Composed) -> None:
    """勾稽 and where every number comes from."""
    checks, findings = one.findings.reconciliation, one.findings
    page.section("核对")
    st.html(
        f'<p class="verdict good"><span>勾稽 {len(checks)} 项全部相符</span></p>'
        '<p class="verdict good"><span>文中数字都能在附表和数据里找到</span></p>'
        f'<p class="note">数据指纹 {findings.fingerprint}　数据版本 {findings.version}<br>数据截至 {wording.full_day(findings.data_through)}，'
        f"办理情况截至 {wording.full_day(one.at.date())} {one.at:%H:%M}</p>"
    )
    if st.button("逐项看", type="tertiary", icon=":material/checklist:", key="checks"):
        reconciliation(checks)


@st.dialog("勾稽，逐项", width="large")
def reconciliation(checks: pl.DataFrame) -> None:
    """What was held against what, and did it agree?"""
    shown = checks.with_columns(pl.when("is_ok").then(pl.lit("✓ 相符")).otherwise(pl.lit("✕ 不符")).alias("is_ok"))
    labels = {
        "check_name": "核对什么", "scope": "范围", "n_expected": "应为", "n_found": "实为", "n_difference": "相差",
        "is_ok": "结果",
    }  # fmt: skip
    page.grid(shown, key="reconciliation", labels=labels, widths={"check_name": 300}, height=560)


def files(one: Composed, asked: Asked) -> None:
    """A button a format, made when pressed."""
    page.section("下载", "按下时生成")
    left, right = st.columns(2, gap="small")
    for n, (form, word) in enumerate(make.FORMATS.items()):
        problem, template = _template(one.report.kind, form)
        if problem:
            page.quiet(problem)
        (left, right)[n % 2].download_button(
            word,
            downloads.noted(partial(_content, asked, form, template), f"{one.stem}.{form}", version=one.basis),
            f"{one.stem}.{form}",
            MIMES[form],
            key=f"download_report_{form}",
            on_click="ignore",
            icon=ICONS[form],
            width="stretch",
            disabled=bool(problem),
            help=f"用本单位的模板 {Path(template[0]).name}" if template else None,
        )


def _template(kind: str, form: str) -> tuple[str, tuple[str, int] | None]:
    """Why the office's own template cannot be used, else empty; its path and the time it was saved, None for the built-in one."""
    path = templates.find(kind, form, versions.home()) if form in ("docx", "pptx") else None
    if path is None:
        return "", None
    saved = (str(path), _touched(path))
    return _wrong_with(*saved), saved


@st.cache_data(show_spinner=False, max_entries=8)
def _wrong_with(template: str, saved: int) -> str:
    """saved: when it was."""
    return aside.do(make.refusal, Path(template))


def issuing(one: Composed, asked: Asked) -> None:
    """定稿: by the office alone; what was issued stays as it is, a later issue is its 更正版."""
    page.section("定稿", "编号、存档，以后不再改动")
    if st.session_state.get(DONE):
        page.quiet(st.session_state.pop(DONE))
    if asked.is_past:
        page.quiet("正在回看过去的一天，不能定稿。")
        return
    try:
        last = register.latest(asked.kind, asked.period, asked.area, one.report.audience)
    except Unavailable:  # said above
        return
    if last:
        same = "与现在的数字相同" if last.fingerprint == one.report.fingerprint else "现在的数字与它不同"
        st.html(
            f'<p class="note">{wording.escape(last.words)}已于 {last.issued_at:%Y-%m-%d %H:%M} 定稿，指纹 {last.fingerprint}，{same}；'
            "见「已定稿」。</p>"
        )
    actor = roles.picker("issue")
    if actor.role != register.ISSUER:
        st.html('<p class="note">由研判中心定稿。</p>')
        return
    if not one.findings.is_complete:
        page.quiet("本期还没有收满，不能定稿。")
        return
    number = None
    if one.number is not None:
        number = int(
            st.number_input("期号", 1, settings.MAX_NUMBER, one.number, key=f"number_{asked.kind}_{asked.period}_{asked.area}_{asked.audience}") or one.number
        )  # fmt: skip
    forms = st.pills(
        "格式",
        list(make.FORMATS),
        selection_mode="multi",
        default=list(make.FORMATS),
        format_func=lambda form: make.FORMATS[form],
        key="frozen_formats",
    )
    revision = last.revision + 1 if last else 1
    label = f"定稿{register.issue_words(number, revision)}"
    if st.button(label, type="primary", key="freeze", icon=":material/lock:", disabled=not forms):
        _freeze(asked, number, revision, [form for form in make.FORMATS if form in forms], actor.role)


def _freeze(asked: Asked, number: int | None, revision: int, forms: list[str], role: str) -> None:
    """Worked out anew, with casework up to this moment, so that the same command gives the same bytes."""
    with st.status("正在定稿…", expanded=True) as status:
        try:
            status.write("汇总数字、核对勾稽")
            found = (Path(asked.version), asked.kind, asked.period, asked.area)
            findings = aside.do(make.found, *found, at=_moment(asked.day))
            one = aside.do(
                make.told,
                findings,
                asked.audience,  # type: ignore[arg-type]
                number=number,
                revision=revision,
                internal=asked.internal,
            )
            contents = {}
            for form in forms:
                status.write(f"生成 {make.FORMATS[form]}")
                contents[form] = aside.do(make.made, one.report, form)
            status.write("存档、登记")
            issue = make.freeze(one, contents, role=role)
            signin.noted("casework", f"issue {asked.kind} {asked.period} {asked.area or ''} {issue.words}")
        except (*REFUSALS, register.Refused, Unavailable) as refusal:
            status.update(label="没有定稿", state="error")
            page.quiet(str(refusal))
            return
    st.session_state[DONE] = f"{issue.words}已定稿，{len(issue.files)} 个文件存档，见「已定稿」。"
    st.rerun()


# ---------------------------------------------------------------- issued, taken away, by the clock


def issued() -> None:
    """The frozen issues, newest first, each with its files as they were issued."""
    try:
        known = register.issues(N_ISSUES)
    except Unavailable as missing:
        page.quiet(str(missing))
        return
    page.section("已定稿", f"最近 {N_ISSUES} 次；文件与定稿时逐字节相同，下载前核对校验值")
    if mine := signin.scope():
        known = [issue for issue in known if issue.area_code in mine.codes]
    if not known:
        page.quiet("还没有定稿过。在「本期材料」里选好一期，由研判中心定稿。")
        return
    for issue in known:
        key = "_".join((issue.kind, issue.period_code, issue.area_code, issue.audience, str(issue.revision)))
        period = periods.parse(issue.kind, issue.period_code)
        with st.container(key=f"issue_{key}", gap="xsmall"):
            about = [
                issue.area_name,
                AUDIENCES[issue.audience],
                f"{issue.issued_at:%Y-%m-%d %H:%M} 由{workflow.ROLES.get(issue.role, issue.role)}定稿",
                f"数据取 {issue.as_of}（版本 {issue.version}）",
                f"指纹 {issue.fingerprint}",
                issue.mark.replace("　", " "),
            ]
            st.html(
                f'<div class="result"><b>{wording.escape(issue.title)} {period.name} {wording.escape(issue.words)}</b>'
                f'<p class="note">{wording.escape(" · ".join(filter(None, about)))}</p></div>'
            )
            with st.container(horizontal=True, gap="small"):
                for file in issue.files:
                    problem = register.problem(file)
                    if problem:
                        page.quiet(problem)
                        continue
                    st.download_button(
                        f"{make.FORMATS[file.format]}",
                        downloads.noted(
                            partial(register.content, file),
                            file.name,
                            version=f"{issue.version} {issue.fingerprint}",
                            is_marked=False,
                        ),
                        file.name,
                        MIMES[file.format],
                        key=f"issued_{key}_{file.format}",
                        on_click="ignore",
                        icon=ICONS[file.format],
                        type="tertiary",
                    )
                with st.popover("再生成", type="tertiary", icon=":material/terminal:", key=f"command_{key}"):
                    st.html('<p class="note">在服务器上运行这条命令，得到逐字节相同的文件：</p>')
                    st.code(issue.command(), language=None, wrap_lines=True)


def taken_away(edition: page.Edition) -> None:
    """The export log."""
    page.section("导出记录", f"最近 {N_EXPORTS} 次下载；不记网络地址；{roles.kept().rstrip('。')}")
    try:
        rows: list[Mapping[str, Any]] = list(register.exports(N_EXPORTS))
    except Unavailable as missing:
        page.quiet(str(missing))
        return
    if not rows:
        page.quiet("还没有人下载过。")
        return
    labels = {
        "at": "时间", "role": "身份", "page": "页面", "what": "文件", "format": "格式", "version": "数据版本、指纹", "n_bytes": "大小（字节）",
    }  # fmt: skip
    kinds = {"at": pl.Datetime, "n_bytes": pl.Int64}
    frame = pl.DataFrame(rows, schema={name: kinds.get(name, pl.String) for name in labels}).with_columns(
        pl.col("page").replace(PAGES), pl.col("role").replace(workflow.ROLES).fill_null("未选")
    )
    page.grid(frame, key="exports", labels=labels, widths={"what": 420}, height=560)
    page.foot(frame, name="导出记录", notes=edition.notes("含命令行生成的材料。"), key="exports_foot", labels=labels)


CRON = """\
# 导入和发布之后再生成材料；时间按本单位的安排改
0 6 * * 1         yanpan watch --once --home /srv/yanpan                                  # 周一 6:00 导入并发布
30 6 * * 1        yanpan report weekly    --audience both --home /srv/yanpan --out /srv/材料/周报
0 7 1 * *         yanpan report monthly   --audience both --home /srv/yanpan --out /srv/材料/月报
30 7 1 1,4,7,10 * yanpan report quarterly --home /srv/yanpan --out /srv/材料/季报
0 8 5 1 *         yanpan report annual    --home /srv/yanpan --out /srv/材料/年报
"""


def by_the_clock() -> None:
    """How the files are there when the office opens."""
    page.section("定时生成", "让材料在上班前就绪")
    st.html(
        "<p>在服务器的定时任务（<code>crontab -e</code>）里加上这几行，把 <code>/srv/…</code> 换成本单位的数据目录和共享文件夹。"
        "不写 <code>--period</code> 就是最近收满的一期；勾稽不符或文中数字无出处时不写任何文件，退出代码为 4。</p>"
    )
    st.code(CRON, language=None)
    st.html(
        '<p class="note">Windows 用“任务计划程序”运行同样的命令。落款、期号、内部资料标记写在数据目录的 reports.toml（样例 docs/reports.example.toml）；'
        "本单位的 Word、PPT 模板放在数据目录的 templates 文件夹。</p>"
    )


def tabs() -> list[str]:
    """Those this reader may open: the log and the server's commands are of the whole office."""
    return [name for name in TABS if signin.scope() is None or name == "已定稿"]


TABS: Mapping[str, Callable[[page.Edition], None]] = {
    "已定稿": lambda _edition: issued(),
    "导出记录": taken_away,
    "定时生成": lambda _edition: by_the_clock(),
}

STYLE = f"""<style>
.st-key-paper {{ background: {palette.WHITE}; border: 1px solid {palette.RULE}; padding: 3.2rem 4.4rem 3rem; gap: .2rem; }}
.st-key-paper, .st-key-paper_tables {{ font-family: "FangSong", "STFangsong", "仿宋", "仿宋_GB2312", "Yanpan Serif SC", "Yanpan Sans SC", serif; }}
.st-key-paper p {{ font-size: 1.06rem; line-height: 1.9; text-indent: 2em; margin: 0; text-align: justify; }}
.st-key-paper p b {{ font-family: "KaiTi", "STKaiti", "楷体", "楷体_GB2312", "Yanpan Serif SC", "Yanpan Sans SC", serif; }}
.st-key-paper h2.title {{ text-align: center; font-family: "FZXiaoBiaoSong-B05S", "方正小标宋简体", "STZhongsong", "SimSun", "Yanpan Serif SC", "Yanpan Sans SC", serif; font-size: 1.9rem; font-weight: 700;
  padding: .2rem 0 .1rem; }}
.st-key-paper p.mark {{ text-indent: 0; font-family: inherit; font-weight: 700; font-size: .95rem; }}
.st-key-paper p.number {{ text-align: center; text-indent: 0; }}
.st-key-paper p.issuer {{ display: flex; justify-content: space-between; text-indent: 0; border-bottom: 1.5px solid {palette.INK}; padding: .5rem 0 .25rem;
  font-size: 1rem; line-height: 1.6; }}
.st-key-paper p.span {{ text-align: center; text-indent: 0; color: {palette.MUTED}; font-size: .95rem; padding: .5rem 0 .2rem; }}
.st-key-paper h3 {{ font-size: 1.12rem; font-weight: 700; padding: .55rem 0 .1rem; margin: 0; text-indent: 2em; letter-spacing: 0; }}
.st-key-paper h3.level1 {{ font-family: "SimHei", "STHeiti", "黑体", "Yanpan Sans SC", sans-serif; }}
.st-key-paper h3.level2 {{ font-family: "KaiTi", "STKaiti", "楷体", "楷体_GB2312", "Yanpan Serif SC", "Yanpan Sans SC", serif; font-weight: 400; }}
.st-key-paper p.caption, .st-key-paper_tables p.caption {{ text-align: center; text-indent: 0; font-family: "SimHei", "STHeiti", "黑体", "Yanpan Sans SC", sans-serif; font-size: .92rem;
  padding: .5rem 0 .2rem; margin: 0; }}
.st-key-paper p.under, .st-key-paper_tables p.under {{ text-indent: 0; font-size: .84rem; line-height: 1.6; color: {palette.MUTED}; margin: .2rem 0 .7rem; }}
.st-key-paper table, .st-key-paper_tables table {{ width: 100%; border-collapse: collapse; table-layout: fixed; font-size: .9rem; line-height: 1.45;
  border-top: 1.5px solid {palette.INK}; border-bottom: 1.5px solid {palette.INK}; margin: 0; }}
.st-key-paper th, .st-key-paper_tables th {{ font-weight: 700; text-align: left; border-bottom: 1px solid {palette.INK}; padding: .3rem .4rem; }}
.st-key-paper td, .st-key-paper_tables td {{ border-bottom: 1px solid {palette.GRID}; padding: .28rem .4rem; vertical-align: top; overflow-wrap: anywhere; }}
.st-key-paper .figure, .st-key-paper_tables .figure {{ text-align: right; font-variant-numeric: tabular-nums; }}
.st-key-paper .basis {{ border-top: 1px solid {palette.RULE}; margin-top: 1.2rem; padding-top: .6rem; color: {palette.MUTED}; font-size: .86rem; line-height: 1.6; }}
.st-key-paper .basis h4 {{ font-size: .92rem; padding: 0; font-family: "SimHei", "STHeiti", "黑体", "Yanpan Sans SC", sans-serif; }}
.st-key-paper .basis ol {{ margin: .2rem 0 0; padding-left: 1.4rem; }}
.st-key-report_side {{ position: sticky; top: 4.4rem; }}
[data-testid="stColumn"]:has(.st-key-report_side) {{ align-self: stretch; }}
ol.slides {{ margin: 0; padding-left: 1.6rem; font-size: .93rem; line-height: 1.8; }}
</style>"""
