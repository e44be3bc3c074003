"""From a period, an area and an audience to files: which data, are the figures sound, who reads it, in which formats?

    source()   a day → the marts file
    found()    one marts file → Findings, reconciled          (figures, totalling)
    told()     Findings → Report, every number checked        (narrative, checking)
    made()     Report → the bytes of one format               (app/exports/report_*.py, the office's own templates)
    write()    several reports in several formats → files, all of them or none

A report rests on two moments: `as_of`, the day whose data it shows, and `at`, the moment it is issued, which gives its date
and up to which casework is known. Both given, the same bytes come out whatever was loaded since.
"""

import errno
import hashlib
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

from app import reader, versions
from app.reports import checking, figures, narrative, periods, register, settings, templates
from app.reports.figures import Findings
from app.reports.model import AUDIENCES, INTERNAL, Audience, Report
from app.reports.periods import Period

FORMATS = {"docx": "Word", "pptx": "PPT", "xlsx": "Excel", "pdf": "PDF"}
MAX_BROKEN = 3


class Unsound(Exception):
    """The figures do not add up, or the text says what they do not; one Chinese sentence. Nothing is written."""


class NotReplayed(Exception):
    """What was known on `day` has not been worked out; one Chinese sentence says how."""

    def __init__(self, day: date):
        self.day = day
        super().__init__(f"{day} 当天的数据还没有算过。请先运行 yanpan build --as-of {day} --replay。")


class NotWritten(Exception):
    """The folder takes no files; one Chinese sentence. None of the reports is there."""


@dataclass(frozen=True)
class Composed:
    """A report with what it rests on."""

    report: Report
    findings: Findings
    number: int | None
    revision: int
    at: datetime

    @property
    def area_code(self) -> str | None:
        """None: the whole city."""
        return None if self.findings.area.level == "city" else self.findings.area.code

    @property
    def stem(self) -> str:
        """诉求风险研判周报_2026-W46_安澜市_领导版"""
        report = self.report
        return register.file_name(
            periods.TITLES[report.kind], report.period_code, report.area_name, AUDIENCES[report.audience]
        )

    @property
    def basis(self) -> str:
        """Version and fingerprint, for the export log."""
        return f"{self.findings.version} {self.report.fingerprint}"


def compose(
    kind: str,
    period: str | None = None,
    area: str | None = None,
    audience: Audience | None = None,
    *,
    as_of: date | None = None,
    at: datetime | None = None,
    number: int | None = None,
    revision: int = 1,
    internal: bool | None = None,
) -> Composed:
    """A finished report. What is not given: the last complete period, the city, the data that serve, now, and what
    HOME/reports.toml says. Raises what `found` and `told` raise."""
    findings = found(source(as_of), kind, period, area, at=at or moment(as_of))
    return told(findings, audience, number=number, revision=revision, internal=internal)


def source(as_of: date | None = None) -> Path:
    """The marts file of that day: its replay, or the version that serves where it is of that day. Raises NotReplayed,
    versions.NoMarts."""
    if as_of is None:
        return versions.current_version()
    try:
        return versions.replay(str(as_of))
    except versions.NotReplayed:
        serving = versions.current_version()
        if about(serving)["as_of"] == str(as_of):
            return serving
        raise NotReplayed(as_of) from None


def about(version: Path) -> Mapping[str, str]:
    """What a marts file says of itself. Raises versions.NoMarts for one of an older program."""
    with reader.asking(version) as ask:
        meta = dict(ask("meta").iter_rows())
    if meta.get("schema") != versions.SCHEMA:
        raise versions.NoMarts(str(version))
    return meta


def last_complete(kind: str, meta: Mapping[str, str]) -> Period:
    """The last period that lies wholly inside the data; the first one where none does."""
    last_full_week = date.fromisoformat(meta["last_full_week"])
    if kind == "weekly":
        return periods.containing(kind, last_full_week)
    through = max(date.fromisoformat(meta["data_through"]), last_full_week + timedelta(days=6))
    period = periods.containing(kind, through)
    is_over = period.last_on <= through
    known = period if is_over else period.before()
    return known if known.first_on >= date.fromisoformat(meta["data_from"]) else period


def moment(as_of: date | None = None) -> datetime:
    """When is a report issued that does not say? Now; that of a past day at its end."""
    return datetime.combine(as_of, time(23, 59, 59)) if as_of else datetime.now().replace(microsecond=0)


def found(version: Path, kind: str, period: str | None, area: str | None, *, at: datetime) -> Findings:
    """The figures of the period (a code; None: the last complete one) in the area (a code; None: the city), from one marts
    file, with casework as it stood `at`.

    Raises periods.BadPeriod, figures.NoSuchArea, figures.NoData, versions.NoMarts, and Unsound where the figures do not add up.
    """
    meta = about(version)
    asked = periods.parse(kind, period) if period else last_complete(kind, meta)
    with reader.asking(version) as ask:
        findings = figures.find(ask, asked, None if area == meta["city_code"] else area, until=at)
    broken = findings.reconciliation.filter(~findings.reconciliation["is_ok"])
    if len(broken):
        row = broken.row(0, named=True)
        raise Unsound(
            f"勾稽校验未通过，没有生成材料：“{row['check_name']}”（{row['scope']}）应为 {row['n_expected']:,}，实为"
            f" {row['n_found']:,}，相差 {row['n_difference']:,}；共 {len(broken)} 项不符。请运行 yanpan check 核对数据后重新发布。"
        )
    return findings


def told(
    findings: Findings,
    audience: Audience | None = None,
    *,
    number: int | None = None,
    revision: int = 1,
    internal: bool | None = None,
) -> Composed:
    """The report of these figures for this audience. number: 第N期, default the one registered or next. revision: from 2 on
    the report is called 更正版. Raises settings.BadSetting, and Unsound where the text says a number the figures do not."""
    at = findings.until or moment()
    setting = settings.read(versions.home())
    audience = audience or setting.audience
    area_code = None if findings.area.level == "city" else findings.area.code
    if number is None:
        number = register.number(findings.period, area_code, audience)
    if internal is None:
        internal = setting.internal
    report = narrative.tell(
        findings,
        audience=audience,
        number=numbered(findings.period, number, revision),
        office=setting.issued_by(findings.city_name),
        issued_on=at.date(),
        mark=INTERNAL if internal else "",
    )
    wrong = checking.unsupported(report, findings)
    if wrong:
        said = "；".join(wrong[:MAX_BROKEN])
        raise Unsound(f"文中有 {len(wrong)} 处数字在本期结果里找不到，没有生成材料：{said}。请把这句话告诉管理员。")
    return Composed(report, findings, number, revision, at)


@dataclass(frozen=True)
class Draft:
    """A report, and its charts as they are printed: key → PNG."""

    composed: Composed
    pictures: Mapping[str, bytes]


def draft(
    version: Path, kind: str, period: str, area: str | None, audience: Audience, *, at: datetime, number: int | None,
    internal: bool, width: int, touched: object = None,
) -> Draft:  # fmt: skip
    """`found`, `told` and the charts, `width` pixels wide. touched: changes when the version or the casework has. Raises what
    `found` and `told` raise."""
    from app.exports import picture

    one = told(_found_once(version, kind, period, area, at, touched), audience, number=number, internal=internal)
    charts = one.report.charts()
    sizes = {chart.key: (width, round(width * chart.height)) for chart in charts}
    return Draft(one, {chart.key: picture.png(chart.figure, size=sizes[chart.key], bare=True) for chart in charts})


@lru_cache(maxsize=4)
def _found_once(version: Path, kind: str, period: str, area: str | None, at: datetime, _touched: object) -> Findings:
    """The same for both audiences."""
    return found(version, kind, period, area, at=at)


def refusal(template: Path) -> str:
    """Why the office's own template cannot be used; else empty."""
    from app.exports import slides

    try:
        if template.suffix == ".docx":
            templates.check(template)
        else:
            slides.opened({}, template)
    except templates.BadTemplate as bad:
        return str(bad)
    return ""


def numbered(period: Period, number: int | None, revision: int = 1) -> str:
    """2026年第46期; 2026年第46期更正版; 更正版; empty"""
    words = register.issue_words(number, revision)
    return f"{period.year}年{words}" if number is not None else words


def made(report: Report, form: str) -> bytes:
    """The report in one of FORMATS, by the office's own template where it has one. Raises templates.BadTemplate."""
    return _WRITERS[form](report)


def _word(report: Report) -> bytes:
    from app.exports import report_docx  # each of these libraries takes a while to load, and few reports need all

    return report_docx.docx(report, templates.find(report.kind, "docx", versions.home()))


def _slides(report: Report) -> bytes:
    from app.exports import report_pptx

    return report_pptx.pptx(report, templates.find(report.kind, "pptx", versions.home()))


def _workbook(report: Report) -> bytes:
    from app.exports import report_xlsx

    return report_xlsx.xlsx(report)


def _pdf(report: Report) -> bytes:
    from app.exports import report_pdf

    return report_pdf.pdf(report)


_WRITERS: Mapping[str, Callable[[Report], bytes]] = {"docx": _word, "pptx": _slides, "xlsx": _workbook, "pdf": _pdf}


def write(reports: Sequence[Composed], forms: Iterable[str], folder: Path) -> list[dict[str, Any]]:
    """Each report in each format below `folder`; all are finished before the first is put there.

    One row a file: path, format, audience, bytes, sha256. Raises templates.BadTemplate, NotWritten.
    """
    finished = [(one, form, made(one.report, form)) for one in reports for form in forms]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix=".yanpan-") as aside:
            for one, form, content in finished:
                (Path(aside) / f"{one.stem}.{form}").write_bytes(content)
            for path in Path(aside).iterdir():
                if (folder / path.name).is_dir():
                    raise IsADirectoryError(errno.EISDIR, f"{path.name} 是一个文件夹")
            for path in Path(aside).iterdir():
                path.replace(folder / path.name)
    except OSError as error:
        raise NotWritten(
            f"文件夹 {folder} 写不进去（{error.strerror}），没有生成材料。请检查路径、权限和磁盘空间。"
        ) from error
    rows = []
    for one, form, content in finished:
        name = f"{one.stem}.{form}"
        register.note_export("yanpan report", name, form, content, version=one.basis)
        rows.append(
            {
                "path": str(folder / name),
                "format": form,
                "audience": one.report.audience,
                "bytes": len(content),
                "sha256": hashlib.sha256(content).hexdigest(),
            }
        )
    return rows


def freeze(one: Composed, contents: Mapping[str, bytes], *, role: str) -> register.Issue:
    """定稿 of a report in the formats given. Raises what register.freeze raises."""
    return register.freeze(
        one.findings.period,
        {form: (f"{one.stem}.{form}", content) for form, content in contents.items()},
        area_code=one.area_code,
        area_name=one.report.area_name,
        audience=one.report.audience,
        number=one.number,
        revision=one.revision,
        title=one.report.title,
        mark=one.report.mark,
        version=one.findings.version,
        as_of=one.findings.as_of,
        fingerprint=one.report.fingerprint,
        at=one.at,
        role=role,
    )
