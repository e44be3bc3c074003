"""What must a file of this source look like? One page a source in Markdown, made of what the program itself reads.

Nothing on a page is written twice: columns, required ones and those never read come from the layouts, the labels and
invented examples from sql/seeds, words from the tables by which cells are read, sentences from the rules and errors that
say them. `yanpan layout contract --out docs/contracts` writes the pages; a test compares them with what is committed.
"""

import ast
import csv
import re
from collections.abc import Iterable, Mapping
from functools import cache
from importlib import import_module
from pathlib import Path

from pipelines.config import ROOT, SEEDS
from pipelines.layouts import files, headers
from pipelines.sources import SOURCES, events, ledger, litigation, mediation, parsing, reading, referrals
from pipelines.sources.reading import archive, facts, text, workbook
from pipelines.sources.recognise import Layout

NAMES = {
    "petition": "信访件",
    "hotline": "12345 工单",
    "grid": "网格事件",
    "mediation": "人民调解案件",
    "litigation": "诉讼案件",
    "ledger": "台账",
}
COMMAND = "yanpan layout contract"
SAMPLES = "../../data/sample"
REFUSING = ("pipelines.sources.reading", "pipelines.sources.recognise", "pipelines.ingest")
"""Modules whose SourceErrors refuse a whole file."""
TYPES = {
    **dict.fromkeys((*events.TIMES, *referrals.DATES, *ledger.DATES), "日期"),
    **dict.fromkeys((*events.FLAGS, "is_closed", "is_confidential", "is_report_required"), "是或否"),
    **dict.fromkeys(events.RATINGS, "满意度的词"),
    **dict.fromkeys(("persons", "n_visits"), "整数，1 至 9999"),
    "n_returns": "整数，0 至 9999",
    **dict.fromkeys(("archived_in_time", "archived_late"), "0 或 1"),
    **dict.fromkeys(("lon", "lat"), "小数（度）"),
    **dict.fromkeys(("status_word", "state_word"), "状态词"),
}
RATING_NAMES = {"satisfied": "满意", "fairly_satisfied": "基本满意", "dissatisfied": "不满意"}


def pages(known: files.Layouts) -> dict[str, str]:
    """File name → Markdown, README.md first, of all sources with the layouts in `known` (`files.load_all`)."""
    made = {"README.md": _overview(known)}
    for source in SOURCES:
        made[f"{source}.md"] = _items_page(source, known[source])
    for source, words in (("mediation", mediation.WORDS), ("litigation", litigation.WORDS)):
        made[f"{source}.md"] = _cases_page(source, known[source], words)
    made["ledger.md"] = _ledger_page(known["ledger"])
    return made


def write(folder: Path, known: files.Layouts) -> list[Path]:
    """The pages as files in this folder, which is made where it is missing."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, page in pages(known).items():
        (folder / name).write_text(page, encoding="utf-8")
        written.append(folder / name)
    return written


# ---------------------------------------------------------------- pages


def _overview(known: files.Layouts) -> str:
    rows = [
        (f"[{NAMES[source]}]({source}.md)", source, "、".join(f"`{name}`" for name in by_name))
        for source, by_name in known.items()
    ]
    return _page(
        "数据约定",
        "每种来源一页：要哪些列、怎样写、哪些不读取、什么样的行不收。给导出数据的单位看，也给核对文件的人看。",
        _table(("来源", "代码", "认得的版式"), rows),
        "## 先核对，再导入",
        "```sh\n"
        "yanpan layout check 文件            # 试读前 1000 行，不写入任何数据\n"
        "yanpan layout check 文件 --all      # 读完整个文件\n"
        "yanpan layout check 文件 --strict   # 有一行不能入库就以退出码 4 结束，供定时任务使用\n"
        "yanpan layout check 文件 --json     # 结果为一个 JSON 对象\n"
        "```",
        "核对结果逐项写明：认作哪种来源和版式，对上哪些列、不读取哪些列，每条规则拒收几行、在第几行、怎样改，各列填了多少，"
        "文件自报的合计。退出码：0 认得；3 认不得；4 加了 `--strict` 而有行不能入库。",
        "## 各来源共同的规定",
        _bullets(
            f"文件：{'、'.join(reading.EXPORT_SUFFIXES)}，以及装着它们的 .zip；看内容，不看扩展名（网页表格、XML 存成的 .xls 也认得）。",
            "编码：有 BOM 的按 BOM；否则按 UTF-8；不是 UTF-8 的按 GB18030（含 GBK、GB2312）。一个文件只能用一种编码。",
            "表头：前 20 行里找，前面可以有标题行、说明行；比较时不看空格、全角半角和大小写。同一工作簿里表头相同的工作表一起读，隐藏的不读。",
            f"空值：空白，以及 {'、'.join(f'`{word}`' for word in parsing.NULL_WORDS if word and '|' not in word)}。",
            "日期：`2026-10-12`、`2026-10-12 08:30:00`、`2026/10/12`、`2026年10月12日`、`20261012`、Excel 日期都可以；年份 1990 至 2099；按北京时间。",
            f"大小：一行不超过 {text.MAX_LINE_BYTES >> 20} MB；一个表不超过 {facts.MAX_COLUMNS:,} 列，工作表行数乘列数不超过 "
            f"{workbook.MAX_CELLS // 10_000:,} 万；压缩包解压后不超过 {archive.MAX_UNPACKED_BYTES >> 30} GB、{archive.MAX_MEMBERS:,} 个文件。"
            "看板上传单个文件不超过 500 MB。",
            "合计行：编号或序号一格里是“合计、总计、小计、共 N 件”的，不算一行数据；写明的件数与读到的件数对照。",
            "编号：请设为文本格式。被 Excel 当作数字、只剩 15 位有效数字的编号不收。",
        ),
        "每个批次都满足：**读入 = 入库 + 拒收 + 重复 + 范围外**，导入后打印，也在「数据接入 · 批次」里。",
        "## 更新、重复与撤回",
        _bullets(
            "同一文件（字节相同）再导入一次，什么也不变。",
            "同一编号再次出现：以后导出的为准，更新这一件；完全相同的行计入“重复”。以前知道的情况留着，可以回看任何一个过去的周一。",
            "补导旧文件时用 `yanpan ingest 文件 --known-on 导出日期` 注明，旧的说法不会盖掉新的。",
            "撤回一个批次：`yanpan undo 批次号`，或「数据接入 · 批次」里的撤回，如同从未导入；看板在下次 `yanpan build` 后更新。",
            "没有收的行不丢：`yanpan rejected 批次号` 或「数据接入 · 批次」可下载，每行写明规则、列和改法，不含个人信息。",
        ),
        "## 个人信息",
        _bullets(
            "只读约定里写明的列。其余的列在读文件时丢弃，连同已知涉及个人的列；批次里记下列名，不记内容。",
            "标题、内容在第一次写入之前脱敏；编号换成带密钥的散列；坐标归并到约 200 米的格。",
            "检举控告、涉法涉诉、要求保密的只计数：不存标题、内容和单位。",
            "原文件不保留：上传的处理完即删，`HOME/inbox` 里的移走后按天数删除。",
        ),
        "## 整个文件不收的情形",
        "都写明文件、位置、发现了什么、应为什么、下一步；这时什么也没有写入（退出码 3）。“…”处是文件里的实际情况。",
        _table(("发现", "应为", "下一步"), _refusals()),
        "## 没见过的表头",
        "`yanpan layout propose 文件` 按列名和内容给出对应的建议，核对后 `--save 版式名` 存成 `HOME/layouts/版式名.json`，以后自动使用；"
        f"本单位的版式也可以用 `{COMMAND} --out 文件夹` 生成这样的约定，发给导出数据的单位。",
    )


def _items_page(source: str, by_name: Mapping[str, Layout]) -> str:
    labels, notes, examples = headers.labels(), headers.notes(), headers.examples()
    words = import_module(f"pipelines.sources.{source}").STATUS
    parts = [
        _issued_by(source),
        "一件在入库后有：登记、发生、期限、答复、办结各时间，县区、镇街、社区村，分类、渠道、目的、人次，承办单位，状态，是否解决、满意度，脱敏后的标题和内容。",
    ]
    for name, layout in by_name.items():
        parts += [
            f"## 版式 `{name}`：{layout['title']}",
            _table(
                ("表头", "入库为", "必须有", "写法", "说明", "例（编的）"),
                [
                    (
                        "、".join(names),
                        labels[field],
                        "是" if set(names) & set(layout["required"]) else "",
                        TYPES.get(field, "文字"),
                        notes[field],
                        examples[field],
                    )
                    for field, names in _by_field(layout["columns"]).items()
                ],
            ),
            _separators(layout),
            _not_read(layout),
        ]
    return _page(
        f"数据约定：{NAMES[source]}（{source}）",
        *parts,
        "## 只计数的件",
        f"目的含 {_alternatives(events.CONFIDENTIAL_PURPOSE)}，分类含 {_alternatives(events.CONFIDENTIAL_CATEGORY)}，或标明要求保密的："
        "不存标题、内容和单位，不逐件列出。",
        "## 状态词",
        "词表外的词：有办结时间的算已办结，否则算办理中，导入时提示。没有状态列的，按各时间推定。",
        _table(("算作", "词"), _grouped(events.STATUS | words, files.STATES)),
        "## 是否与满意度的词",
        _rating_table(),
        "## 不收的行",
        _table(("规则", "说明和改法"), events.HINTS.items()),
        _field_count(),
        "## 别的表头",
        "表头不同也可以：`yanpan layout propose 文件` 认得下面的写法，核对一次、保存后自动使用。",
        _table(("入库为", "认得的表头"), _aliases(source)),
    )


def _cases_page(source: str, by_name: Mapping[str, Layout], words: referrals.Words) -> str:
    said = {row["field"]: row for row in _rows("referral_field.csv")}
    columns = _coded("referral_stage"), _coded("referral_outcome")
    parts = [_issued_by(source), "只按编号关联到信访、工单或网格事项；当事人、调解员、法官和任何文字都不读取。"]
    for name, layout in by_name.items():
        parts += [
            f"## 版式 `{name}`：{layout['title']}",
            _table(
                ("表头（任一种写法）", "含义", "必须有", "写法", "说明", "例（编的）"),
                [
                    (
                        "、".join(names),
                        said[field]["label"],
                        "是" if set(names) & set(layout["required"]) else "",
                        TYPES.get(field, "文字"),
                        said[field]["note"],
                        said[field]["example"],
                    )
                    for field, names in _by_field(layout["columns"]).items()
                ],
            ),
            _not_read(layout),
        ]
    stages = {word: stage for word, (stage, _) in words.stages.items()}
    results = {word: outcome for word, (_, outcome) in words.stages.items() if outcome} | words.results
    rules = {
        name: events.HINTS[name]
        for name in ("missing_item_number", "truncated_item_number", "bad_registered_at", "future_registered_at")
    }
    return _page(
        f"数据约定：{NAMES[source]}（{source}）",
        *parts,
        "## 状态与结果的词",
        "词表外的词按各阶段日期归类，导入时提示。",
        _table(("阶段", "状态词"), _grouped(stages, columns[0])),
        _table(("结果", "状态或结果的词"), _grouped(results, columns[1])),
        "## 纠纷类型",
        "写类型的编号，或含这些词即可；从上到下，先合者算；都不合的为 99 其他。",
        _table(
            ("编号", "类型", "含有"),
            [(code, name, _alternatives(pattern)) for code, (name, pattern) in referrals.DISPUTES.items()],
        ),
        "## 不收的行",
        f"状态含 {_alternatives(words.out_of_scope)} 的计入范围外。阶段日期倒着走的照收，提示，不计天数。",
        _table(("规则", "说明和改法"), rules.items()),
        _field_count(),
    )


def _ledger_page(by_name: Mapping[str, Layout]) -> str:
    own = ledger.fields()
    sub = {kind: "、".join(words) for kind, words in ledger.SUBTYPES.items()}
    parts = [
        _issued_by("ledger"),
        "空白模板在看板「台账 · 导入与模板」下载。一个文件放一种台账，认哪一种看起始日期一列的表头。",
        "只写单位和职务，不写人名：单位后面的人名去掉，领导一列只留职务的字样，事由和进展按办理记录的严格规则脱敏。",
    ]
    for name, layout in by_name.items():
        rows = [row for row in own if row["ledger_kind"] in (name, ledger.ANY_KIND)]
        parts += [
            f"## `{name}`：{layout['title']}",
            _table(
                ("表头（任一种写法）", "必须有", "写法", "说明", "例（编的）"),
                [
                    (
                        row["headers"].replace("|", "、"),
                        "是" if row["is_required"] else "",
                        TYPES.get(row["name"], "文字"),
                        "；".join(filter(None, (row["note"], f"认得 {sub[name]}" if row["name"] == "subtype" else ""))),
                        row["example"],
                    )
                    for row in sorted(rows, key=lambda row: row["ledger_kind"] == ledger.ANY_KIND)
                    if row["name"] != ledger.IDENTIFYING
                ],
            ),
        ]
    return _page(
        f"数据约定：{NAMES['ledger']}（ledger）",
        *parts,
        "## 不读取的列",
        _not_read(next(iter(by_name.values()))),
        "## 不收的行",
        _table(("规则", "说明和改法"), ledger.HINTS.items()),
        _field_count(),
    )


# ---------------------------------------------------------------- pieces


def _page(title: str, *parts: str) -> str:
    made = f"<!-- 由 {COMMAND} 按程序自己的对照表生成，请不要手改。 -->"
    return "\n\n".join([f"# {title}", made, *filter(None, parts)]) + "\n"


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    lines = [list(head), *([cell.replace("|", "\\|").replace("\n", " ") for cell in row] for row in rows)]
    made = ["| " + " | ".join(line) + " |" for line in lines]
    return "\n".join([made[0], "|" + "---|" * len(lines[0]), *made[1:]])


def _bullets(*lines: str) -> str:
    return "\n".join(f"- {line}" for line in lines)


def _issued_by(source: str) -> str:
    """The paragraph of the sample's page that says who exports the file and what one row is."""
    page = (ROOT / "data" / "sample" / source / "README.md").read_text(encoding="utf-8").replace("\n", "")
    said = re.search(r"\*\*谁导出\*\*：.*?\*\*一行\*\*[^。]*。", page)
    assert said is not None, source
    return said[0] + f"样例见 [data/sample/{source}]({SAMPLES}/{source}/README.md)。"


def _by_field(columns: Mapping[str, str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for header, field in columns.items():
        found.setdefault(field, []).append(header)
    return found


def _separators(layout: Layout) -> str:
    said = []
    if marks := layout.get("category_separators"):
        said.append(f"分类各级之间用 {'、'.join(f'`{mark}`' for mark in marks)} 隔开")
    if marks := layout.get("unit_separators"):
        order = "从小到大，取第一段" if "unit_name" in layout.get("reversed_paths", ()) else "取最后一段"
        said.append(f"单位写成路径的，用 {'、'.join(f'`{mark}`' for mark in marks)} 隔开，{order}")
    if crs := layout.get("crs"):
        said.append(f"坐标系为 {crs}")
    return "；".join(said) + "。" if said else ""


def _not_read(layout: Layout) -> str:
    return f"**不读取**：{'、'.join(layout['identifying'])}，以及任何不在上表里的列。"


def _alternatives(pattern: str) -> str:
    return "、".join(f"“{word}”" for word in pattern.split("|"))


def _grouped(words: Mapping[str, str], names: Mapping[str, str]) -> list[tuple[str, str]]:
    """Code names in their order, each with the words that mean it."""
    return [
        (label, "、".join(said))
        for code, label in names.items()
        if (said := [word for word, meant in words.items() if meant == code])
    ]


def _rating_table() -> str:
    flags = {word: str(value) for word, value in parsing.FLAG_WORDS.items()}
    rows = _grouped(flags, {"True": "是", "False": "否"}) + _grouped(parsing.SATISFACTION_WORDS, RATING_NAMES)
    return _table(("算作", "词"), rows) + "\n\n其他的词算没有填写。"


def _field_count() -> str:
    return "`wrong_field_count`：CSV 里一行切出的字段数与表头不同，多半是单元格里有没加引号的分隔符或换行；只记行号，不留内容。"


def _aliases(source: str) -> list[tuple[str, str]]:
    found: dict[str, list[str]] = {}
    for row in _rows("header.csv"):
        if row["source"] in ("", source):
            found.setdefault(row["field"], []).append(row["header"])
    return [(label, "、".join(found[field])) for field, label in headers.labels().items() if field in found]


@cache
def _rows(seed: str) -> list[dict[str, str]]:
    with (SEEDS / seed).open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def _coded(field: str) -> dict[str, str]:
    """Code → Chinese name, as sql/fields.csv explains the column: “pending 待受理 / accepted 已受理”."""
    with (SEEDS.parent / "fields.csv").open(encoding="utf-8", newline="") as lines:
        note = next(row["note"] for row in csv.DictReader(lines) if row["name"] == field)
    return dict(re.findall(r"([a-z_]+) ([^\s/，]+)", note))


# ---------------------------------------------------------------- sentences of refusal


def _refusals() -> list[tuple[str, str, str]]:
    """(found, expected, next step) of every SourceError of REFUSING, as its code says them; what varies is “…”."""
    found = []
    for name in REFUSING:
        module = import_module(name)
        path = Path(str(module.__file__))
        for file in sorted(path.parent.glob("*.py")) if path.name == "__init__.py" else [path]:
            constants = vars(import_module(f"{name}.{file.stem}" if file != path else name))
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "SourceError":
                    said = {one.arg: _sentence(one.value, constants) for one in node.keywords}
                    found.append((said["found"], said["expected"], said["next_step"]))
    return [row for row in dict.fromkeys(found) if row[0].strip("…")]


def _sentence(node: ast.expr, constants: Mapping[str, object]) -> str:
    """The words of an expression; of a choice the first; “…” for what is only known when it happens."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return re.sub("…+", "…", "".join(_sentence(part, constants) for part in node.values))
    if isinstance(node, ast.BinOp):
        return _sentence(node.left, constants) + _sentence(node.right, constants)
    if isinstance(node, ast.IfExp):
        return _sentence(node.body, constants)
    if isinstance(node, ast.FormattedValue):
        return _sentence(node.value, constants) if isinstance(node.value, ast.Name) else "…"
    known = constants.get(node.id) if isinstance(node, ast.Name) else None
    return known if isinstance(known, str) else "…"
