"""What an office takes from its ledgers and brings to them: a 督办单 or 交办单 in Word, an empty ledger in Excel."""

import io
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from docx import Document
from docx.enum.text import WD_ALIGN_PARAGRAPH
from docx.shared import Length, Mm, Pt

from app import fields, ledgers, wording
from app.exports import form, workbook
from app.exports.archive import same_bytes

DEMANDS = {
    "supervision": (
        "核实情况和成因，提出措施和完成时间，按下列步骤时限办理和反馈。",
        "不属本单位职责的，及时说明理由，不得自行转出。",
        "只就事项办理；不打听、不透露是谁反映的，不向反映人施压。",
    ),
    "assignment": (
        "在办理期限内反馈结果，提交办结报告。",
        "不属本单位职权的，5 个工作日内提出异议并说明理由，经同意后退回。",
        "只就事项办理；不打听、不透露是谁反映的，不向反映人施压。",
    ),
}
STEP_HEAD = ("步骤", "到期日", "时限的由来", "完成情况")
STEP_WIDTHS = (Mm(14), Mm(21), Mm(64), Mm(30))
LINE = Mm(9.5)
EMPTY_ROWS = 200
CHOICES = {
    "state_word": ("办理中", "已反馈", "已办结", "撤销"),
    "is_report_required": ("是", "否"),
}
RESULTS = {
    "supervision": ("已解决", "部分解决", "未解决"),
    "assignment": ("已解决", "部分解决", "未解决"),
    "leader_case": ("已化解", "部分化解", "未化解"),
    "backlog": ("已化解", "部分化解", "未化解"),
    "advice": ("采纳", "部分采纳", "未采纳"),
    "screening": ("调处成功", "部分调处", "调处不成"),
    "reception": ("已解决", "部分解决", "未解决"),
}
SUBTYPES = {
    "supervision": ("联合督查", "专项督查", "个案督查"),
    "advice": ("改进工作建议", "完善政策建议", "追究责任建议"),
    "screening": ("经常排查", "集中排查", "常规排查", "重点排查", "滚动排查"),
}


def sheet(
    entry: Mapping[str, Any], steps: Sequence[Mapping[str, Any]], kind: Mapping[str, Any], notes: Sequence[str]
) -> bytes:
    """One entry of 督办 or 交办 as .docx: what is asked of the unit, by when and why, with room to sign and answer.

    entry: row of query ledger_entries; steps: rows of ledger_steps; kind: row of ledger_kinds; notes: as-of day, version.
    Same input → same bytes.
    """
    title = f"{kind['kind_name']}单"
    document = Document()
    form.set_up(document, title)
    head = document.add_paragraph()
    head.alignment = WD_ALIGN_PARAGRAPH.CENTER
    form.say(head, title, font=form.SONG, size=Pt(22))
    form.tight(head, after=Pt(4), pitch=None)
    under = document.add_paragraph()
    number = entry["ledger_number"] or f"（系统键 {entry['entry_key']}）"
    form.say(under, f"编号：{number}　　状态：{ledgers.standing(entry, kind)}")
    form.tight(under, after=Pt(2))

    table = document.add_table(rows=0, cols=4)
    form.frame(table, form.WIDTHS)
    subtype = fields.words("subtype").get(entry["subtype"] or "", form.BLANK)
    opened = kind["opened_word"]
    form.row(table, ("事项", ledgers.name(entry)), least=LINE)
    form.row(
        table, ("区域", entry["place_name"] or form.BLANK), ("问题类别", entry["issue_name"] or form.BLANK), least=LINE
    )
    form.row(table, ("责任单位", entry["unit_name"] or form.BLANK), least=LINE)
    form.row(table, (f"{opened}日期", wording.full_day(entry["opened_on"])), ("办理期限", _due(entry)), least=LINE)
    last = (
        ("办结报告", "需报送" if entry["is_report_required"] else "不需报送")
        if entry["ledger_kind"] == "assignment"
        else ("督办类型", subtype)
    )
    form.row(table, ("签批领导", entry["leader_role"] or form.BLANK), last, least=LINE)
    inner = [STEP_HEAD, *(_step(step, kind) for step in steps)]
    form.inner(form.row(table, ("步骤时限", "")), inner, [Length(width) for width in STEP_WIDTHS], left=(2,))
    demands = DEMANDS[entry["ledger_kind"]]
    form.row(table, ("办理要求", "\n".join(f"{n}. {said}" for n, said in enumerate(demands, start=1))))
    stamp = "（盖章）：　　　　　　　　　年　　月　　日"
    form.row(table, ("签收", ""), least=Mm(22), stamp=f"签收单位{stamp}")
    form.row(table, ("办理反馈", ""), least=Mm(70), stamp=f"反馈单位{stamp}")

    foot = document.add_paragraph()
    form.say(foot, f"{''.join(notes)}到期日不含起算当日。不列当事人信息，不作个人依据。", size=form.SMALL)
    form.tight(foot, before=Pt(3), pitch=form.PITCH[form.SMALL])
    buffer = io.BytesIO()
    document.save(buffer)
    return same_bytes(buffer.getvalue())


def _due(entry: Mapping[str, Any]) -> str:
    return wording.full_day(entry["due_on"]) if entry["due_on"] else "未写明"


def _step(step: Mapping[str, Any], kind: Mapping[str, Any]) -> tuple[str, str, str, str]:
    due, done = step["step_due_on"], step["done_on"]
    state = ledgers.progress(step)
    return (
        step["step_name"],
        f"{due}" if due else "—",
        ledgers.clock(step, kind),
        f"{done} {state}" if done else state,
    )


def template(kind: str) -> bytes:
    """An empty ledger as .xlsx: the columns the importer knows, with lists to choose from, and a sheet that explains them."""
    columns = ledgers.template_fields(kind)
    buffer, title = io.BytesIO(), f"{ledgers.KINDS[kind]}台账"
    with workbook.opened(buffer, title) as book:
        sheet = book.add_worksheet(title)
        look = {"bold": True, "font_name": workbook.FONT, "bottom": 1, "valign": "vcenter", "align": "center"}
        must, may = (book.add_format({**look, "bg_color": colour}) for colour in ("#CFE0E6", "#F2F0EA"))
        text = book.add_format({"font_name": workbook.FONT, "num_format": "@"})
        day = book.add_format({"font_name": workbook.FONT, "num_format": "yyyy-mm-dd", "align": "center"})
        for at, column in enumerate(columns):
            is_day = isinstance(ledgers.as_day(column["example"]), date) or column["name"].endswith("_on")
            sheet.write_string(0, at, column["header"], must if column["is_required"] else may)
            sheet.set_column(at, at, _width(column), day if is_day else text)
            chosen = _choices(kind, column["name"])
            if chosen:
                sheet.data_validation(1, at, EMPTY_ROWS, at, {"validate": "list", "source": list(chosen)})
        sheet.set_row(0, 24)
        sheet.freeze_panes(1, 0)
        _explain(book, kind, columns)
    return buffer.getvalue()


def _choices(kind: str, name: str) -> Sequence[str]:
    if name == "subtype":
        return SUBTYPES.get(kind, ())
    return RESULTS[kind] if name == "result_word" else CHOICES.get(name, ())


def _width(column: Mapping[str, str]) -> float:
    wide = {"title": 36, "progress": 36, "unit_name": 26, "category": 26, "item_number": 22, "line_number": 6}
    return wide.get(column["name"], max(12, 2.2 * len(column["header"]) + 2))


def _explain(book: Any, kind: str, columns: Sequence[Mapping[str, str]]) -> None:
    """Two columns: what a column is called, what to write there."""
    sheet = book.add_worksheet("说明")
    bold = book.add_format({"bold": True, "font_name": workbook.FONT, "font_size": 14})
    name = book.add_format(
        {"bold": True, "font_name": workbook.FONT, "valign": "top", "bottom": 4, "bottom_color": "#DAD6CC"}
    )
    wrapped = book.add_format(
        {"font_name": workbook.FONT, "text_wrap": True, "valign": "top", "bottom": 4, "bottom_color": "#DAD6CC"}
    )
    sheet.set_column(0, 0, 16)
    sheet.set_column(1, 1, 96)
    sheet.write_string(0, 0, f"{ledgers.KINDS[kind]}台账怎样填", bold)
    row = 2
    for column in columns:
        sentences = [
            "必填。" if column["is_required"] else "",
            f"{column['note']}。" if column["note"] else "",
            f"例如 {column['example']}。" if column["example"] else "",
            f"表头也可以写作：{column['aliases']}。" if column["aliases"] else "",
        ]
        sheet.write_string(row, 0, column["header"], name)
        sheet.write_string(row, 1, "".join(sentences), wrapped)
        row += 1
    for label, said in (
        (
            "不要填写",
            f"姓名、电话、证件号、住址等一律不读取（{'、'.join(ledgers.dropped_headers()[:12])} 等列即使有也会丢弃）；事项和进展里也不要写人名。",
        ),
        (
            "怎样导入",
            "在「数据接入」上传，或运行 yanpan ledger import 文件名；随后 yanpan build。同一条再次导入即更新。",
        ),
        ("一个文件", "一个文件放一种台账；表头前可以有标题行，末行可以有合计。"),
    ):
        sheet.write_string(row + 1, 0, label, name)
        sheet.write_string(row + 1, 1, said, wrapped)
        row += 1
