"""Is there personal data left in anything that is stored or published?

A second opinion, written without the redactor's rules in view. The redactor looks for cues and replaces widely; this looks
at structure and reports: check digits (GB 11643 identity numbers, Luhn card numbers, ISO/IEC 7812), the mobile and area
code plans, the form of addresses and plates, the commonest surnames beside a title or a label.

Two steps, so that a million rows take little time: one pattern passes over every text column of every table, and only cells
that could hold something are read closely. A finding names table, column, kind and how many cells;
of the value it shows no more than its shape (`###########`).

Hard kinds stop a publish (sql/checks/no_personal_data.sql). The others are hints: 高先生 can be a shop.
"""

import html
import re
import sqlite3
import unicodedata
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import islice
from pathlib import Path
from urllib.parse import quote

import duckdb
import polars as pl

from pipelines import publish, warehouse
from pipelines.config import Home
from pipelines.errors import CheckFailed

STATE_TEXTS = {
    "case_action": ("note", "snapshot", "actor_unit", "to_unit"),
    "delivery": ("subject", "body", "recipient", "last_error"),
    "report_issue": ("title", "area_name"),
    "export_log": ("what", "page"),
    "review": ("note", "unit_name"),
    "saved_view": ("name", "query", "unit"),
}
HARD_WORDS = {"mobile": "手机号", "id_card": "身份证号", "bank_card": "银行卡号", "email": "邮箱"}
HARD = frozenset(HARD_WORDS)
SCHEMA = {
    "storage": pl.String,  # the attached database, or the file
    "table_name": pl.String,
    "column_name": pl.String,
    "personal_kind": pl.String,  # null where nothing was found
    "is_hard": pl.Boolean,
    "n_cells": pl.Int64,  # cells with text
    "n_cells_found": pl.Int64,  # cells in which this kind was found
    "shape": pl.String,
}
# Business numbers live here by design: the clerk's way back to the business system, never published.
NUMBER_COLUMNS = {("item_lookup", "item_number")}
KEY = "^[0-9a-f]{12,16}$"  # a hash of ours, in these columns: by chance one in a thousand has eleven digits in a row
KEY_COLUMNS = {"event_key", "referral_key", "entry_key", "batch_id", "state_batch_id", "signal_id"}
OF_ITEMS = {
    ("marts", "event"): "event_key",
    ("marts", "item_fact"): "event_key",
    ("warehouse", "event"): "event_id",
    ("warehouse", "event_history"): "event_id",
    ("warehouse", "item_lookup"): "event_id",
}
"""The large tables, and by which column a row of them belongs to an item."""
WRITTEN_FOLDERS = ("exports", "logs", "jobs", "reports")  # what is written below HOME besides the two databases
TEXT_SUFFIXES = (".csv", ".tsv", ".txt", ".log", ".json", ".jsonl", ".md", ".html", ".svg", ".geojson")
LOG_NAMES = ("stdout", "stderr")
ZIP_SUFFIXES = (".xlsx", ".docx", ".pptx", ".zip")
MAX_MEMBER = 512 << 20  # bytes of one part of an archive; larger is no document
BLOCK_ROWS = 100_000
FEW_ROWS = 2000
WORKERS = 2
CHUNK = 1 << 20

_SURNAMES = "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘于蒋蔡余杜叶程苏魏吕丁任沈姚卢姜崔钟谭陆汪范金石廖贾夏韦付方白邹孟熊秦邱江尹薛闫段雷侯龙史陶黎贺顾毛郝龚邵万钱"
_CALLED = "先生|女士|小姐|阿姨|大爷|师傅"
_LABELS = "姓名|联系人|来电人|反映人|投诉人|我叫|本人叫|户主"
_ACCOUNTS = "微信号?|QQ号?|qq号?|Q群|抖音号|快手号|支付宝账号"
_PLATE = "[京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼][A-HJ-NP-Z][·• -]?[A-HJ-NP-Z0-9]{5,6}"
# Could the cell hold anything at all? For polars: a few words and short classes, so that its automaton stays small.
_DIGITS = r"[0-9０-９](?:[ \-—–_.·•()（）+]{0,3}[0-9０-９]){10}|[A-Z][·• -]?[A-Z0-9]{5}"
_WORDS = (
    rf"[@＠]|[一幺][三四五六七八九][零〇一二三四五六七八九幺]{{9}}|(?:{_LABELS})[:：是为]?\s?[{_SURNAMES}]|[^〕](?:{_CALLED})|"
    rf"(?:{_ACCOUNTS})[:：是 ]{{0,3}}[0-9A-Za-z０-９_]|[0-9０-９]\s?单元"
)

_RUNS = re.compile(r"\d+")
_BETWEEN = re.compile(r"[\s\-—–_·•()+]{1,3}")
_MOBILE = re.compile(r"1(?:3\d|4[5-9]|5[0-35-9]|6[2567]|7[0-8]|8\d|9[0-35-9])\d{8}")
_AREA = re.compile(r"0(?:10|2\d|[3-9]\d\d)[2-8]\d{6,7}")
_BORN = re.compile(r"(18|19|20)(\d\d)(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])")
_PROVINCES = {
    *(str(n) for n in (*range(11, 16), *range(21, 24), *range(31, 38), *range(41, 47), *range(50, 55), *range(61, 66)))
} | {"71", "81", "82", "83", "99"}  # 99: invented places
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_EMAIL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._%+\-]*\s?@\s?[A-Za-z0-9][A-Za-z0-9\-]*(?:\s?\.\s?[A-Za-z]{2,})+")
_FILE_NUMBER = re.compile(r"(?:编号|单号|文号|案号|证号|代码|合同|订单|流水|批次|发票|户号|表号|字第)\D{0,8}$")
_CHINESE_MOBILE = re.compile("[一幺][三四五六七八九][零〇一二三四五六七八九幺]{9}")
_SOFT = {
    "plate": re.compile(rf"(?<![A-Za-z]){_PLATE}(?![A-Za-z0-9])"),
    "passport": re.compile(r"(?<![A-Za-z0-9])[EGHMPDSCW][A-Z]?\d{8}(?!\d)"),
    "name": re.compile(rf"(?<![\w〕])[{_SURNAMES}][一-鿿]{{0,2}}(?:{_CALLED})|(?:{_LABELS})[:：是为]?\s?[{_SURNAMES}][一-鿿]{{1,2}}(?![一-鿿])"),
    "account": re.compile(rf"(?:{_ACCOUNTS})[:：是 ]{{0,3}}(?=[A-Za-z_\-]*\d)[0-9A-Za-z_\-]{{5,20}}"),
    "address_unit": re.compile(r"\d+\s?(?:栋|幢|号楼|座)\s?\d{1,2}\s?单元"),
}  # fmt: skip


def scan_tables(
    connection: duckdb.DuckDBPyConnection, databases: Sequence[str] | None = None, *, is_followed: bool = False
) -> pl.DataFrame:
    """Every text column of every table of the attached databases (default: all that are files).

    SCHEMA; one row a column and kind found, or one row with personal_kind null and n_cells_found 0 for a clean column.
    `is_followed`: mart privacy_scan of the catalog `before` says what was found then, and temp table changed_item which
    items have changed since: of the tables in OF_ITEMS that were clean only the rows of these are read.
    """
    found = connection.execute(
        "select database_name, schema_name, table_name, list(column_name order by column_index)"
        " from duckdb_columns() join duckdb_tables() using (database_name, schema_name, table_name)"
        " where not duckdb_tables.temporary and not duckdb_columns.internal and (data_type = 'VARCHAR' or"
        " data_type = 'JSON' or data_type like '%VARCHAR%') and database_name not in ('memory', 'system', 'temp')"
        " group by all order by all"
    ).fetchall()
    chosen = [row for row in found if databases is None or row[0] in databases]
    clean = _clean(connection) if is_followed else frozenset()

    def scanned(row: tuple[str, str, str, list[str]]) -> list[tuple]:
        database, schema, table, columns = row
        scan = _scan_changed if (database, table) in clean else _scan_table
        with connection.cursor() as cursor:
            return scan(cursor, database, f'"{database}"."{schema}"."{table}"', table, columns)

    with ThreadPoolExecutor(WORKERS) as pool:
        return pl.DataFrame([one for rows in pool.map(scanned, chosen) for one in rows], schema=SCHEMA, orient="row")


def _clean(connection: duckdb.DuckDBPyConnection) -> frozenset[tuple[str, str]]:
    """Of OF_ITEMS, those in which nothing was found the last time; (database, table)."""
    # Temporary tables are the connection's own: the cursors that read side by side need one for all.
    connection.execute("create or replace table memory.changed_key as from temp.changed_item")
    looked = connection.execute(
        "select storage, table_name from before.privacy_scan group by all having sum(n_cells_found) = 0"
    ).fetchall()
    return frozenset(OF_ITEMS) & frozenset(looked)


def scan_home(home: Home) -> pl.DataFrame:
    """The version that serves, the warehouse, the case records, and the exports, logs and job records below HOME. SCHEMA.

    Folders of files on their way in (inbox, uploads) hold what offices send and are not looked at.
    """
    version = publish.current(home)
    with warehouse.storage_errors("没有复查"), duckdb.connect() as connection:
        databases = {"marts": version and publish.version_file(home, version), "warehouse": home.warehouse}
        for name, file in databases.items():
            if file and file.exists():
                quoted = str(file).replace("'", "''")
                try:
                    connection.execute(f"attach '{quoted}' as {name} (read_only)")
                except duckdb.IOException as error:
                    raise warehouse.WarehouseBusy(
                        f"{file.name} 正被另一个 yanpan 进程使用（导入或计算正在进行）。请等它结束后再运行 yanpan check。"
                    ) from error
        _attach_state(connection, home.path / "state.sqlite")
        tables = scan_tables(connection)
    folders = [home.path / name for name in WRITTEN_FOLDERS]
    return pl.concat([tables, scan_files([folder for folder in folders if folder.is_dir()])])


def _attach_state(connection: duckdb.DuckDBPyConnection, file: Path) -> None:
    """What people wrote in cases and what was sent, as the database `state`. (A PostgreSQL of the office is not looked at.)"""
    if not file.exists():
        return
    connection.execute("attach ':memory:' as state")
    with closing(sqlite3.connect(f"file:{quote(str(file))}?mode=ro", uri=True)) as state:
        known = {name for (name,) in state.execute("select name from sqlite_master where type = 'table'")}
        for table, columns in STATE_TEXTS.items():
            if table not in known:  # of an earlier program; the dashboard brings it up to date
                continue
            rows = state.execute(f"select {', '.join(columns)} from {table}").fetchall()
            frame = pl.DataFrame(rows, schema=dict.fromkeys(columns, pl.String), orient="row")
            connection.register("incoming_frame", frame.to_arrow())
            connection.execute(f"create table state.{table} as from incoming_frame")
            connection.unregister("incoming_frame")


def summary(scan: pl.DataFrame) -> dict:
    """Counts, the findings, and one Chinese sentence."""
    found = scan.filter(pl.col("n_cells_found") > 0)
    columns = scan.unique(["storage", "table_name", "column_name"])
    n_cells, n_found = int(columns["n_cells"].sum()), int(found["n_cells_found"].sum())
    where = "、".join(
        f"{row['table_name']}.{row['column_name'] or ''} {row['shape']}" for row in found.head(5).to_dicts()
    )
    return {
        "n_columns": len(columns),
        "n_cells": n_cells,
        "n_cells_found": n_found,
        "found": found.to_dicts(),
        "sentence": f"个人信息复查 {len(columns):,} 列、{n_cells:,} 格，发现 {n_found:,} 处"
        + (f"疑似（{where}）。请对照来源核实。" if n_found else "。"),
    }


def refuse(scan: pl.DataFrame) -> None:
    """CheckFailed where a hard kind was found; says where and its shape."""
    hard = scan.filter(pl.col("is_hard") & (pl.col("n_cells_found") > 0))
    if len(hard):
        first = hard.row(0, named=True)
        raise CheckFailed(
            f"个人信息复查未通过：{first['table_name']} 的“{first['column_name'] or '正文'}”有 {first['n_cells_found']:,} 处像是"
            f"{HARD_WORDS[first['personal_kind']]}（样子 {first['shape']}），另有 {len(hard) - 1} 列或文件。"
            "请撤回带入它的批次（yanpan batches、yanpan undo），在来源改正后重新导入；导出和日志请删去该文件。"
        )


def _scan_table(
    connection: duckdb.DuckDBPyConnection, database: str, source: str, table: str, columns: list[str]
) -> list[tuple]:
    """Few rows are read at once; of many, a column of few different values once a value, the others in blocks."""
    quoted = {name: f'"{name}"::varchar' for name in columns}
    n_rows = connection.execute(f"select count(*) from {source}").fetchall()[0][0]
    tally = {name: _Tally() for name in columns}
    long = columns
    if n_rows > FEW_ROWS:
        counts = ", ".join(f"approx_count_distinct({one})" for one in quoted.values())
        n_distinct = connection.execute(f"select {counts} from {source}").fetchall()[0]
        long = [name for name, n in zip(columns, n_distinct, strict=True) if n > max(1000, n_rows / 10)]
    for name in columns:
        if name not in long:
            grouped = connection.sql(f"select {quoted[name]} as value, count(*) as n from {source} group by all")
            values = grouped.pl()
            tally[name].add(values["value"], values["n"], (table, name))
    if long:
        chosen = ", ".join(quoted[name] for name in long)
        blocks = connection.sql(f"select {chosen} from {source}")
        for batch in blocks.to_arrow_reader(BLOCK_ROWS):
            frame = pl.DataFrame(pl.from_arrow(batch))
            for name, values in zip(long, frame.iter_columns(), strict=True):
                tally[name].add(values, None, (table, name))
    return [row for name in columns for row in tally[name].rows(database, table, name)]


def _scan_changed(
    connection: duckdb.DuckDBPyConnection, database: str, source: str, table: str, columns: list[str]
) -> list[tuple]:
    """As `_scan_table` where the rows of unchanged items were found clean before: only the others are read."""
    key = OF_ITEMS[database, table]
    texts = ", ".join(f'"{name}"::varchar' for name in columns)
    # One by one: whether a column is null the statistics may tell, and it takes half the time of counting its values.
    filled = [f'select count(*) from {source} where "{name}" is not null' for name in columns]
    n_cells = [n for query in filled for (n,) in connection.execute(query).fetchall()]
    rows = connection.sql(f"select {texts} from {source} where {key} in (select {key} from memory.changed_key)")
    tally = {name: _Tally() for name in columns}
    for batch in rows.to_arrow_reader(BLOCK_ROWS):
        for name, values in zip(columns, pl.DataFrame(pl.from_arrow(batch)).iter_columns(), strict=True):
            tally[name].add(values, None, (table, name))
    for name, n in zip(columns, n_cells, strict=True):
        tally[name].n_scanned = n
    return [row for name in columns for row in tally[name].rows(database, table, name)]


class _Tally:
    """What was found in one column: how many cells of which kind, and a shape of each."""

    def __init__(self) -> None:
        self.n_scanned = 0
        self.cells: Counter[str] = Counter()
        self.shapes: dict[str, str] = {}

    def add(self, values: pl.Series, times: pl.Series | None, column: tuple[str, str]) -> None:
        """`values`, each standing in as many cells as `times` says (one where None)."""
        filled = values.is_not_null()
        self.n_scanned += int(filled.sum() if times is None else times.filter(filled).sum())
        is_number = column in NUMBER_COLUMNS
        may_hold = values.str.contains(_WORDS if is_number else f"{_DIGITS}|{_WORDS}")
        if column[1] in KEY_COLUMNS:
            may_hold &= ~values.str.contains(KEY)
        if not may_hold.any():
            return
        at = may_hold.fill_null(False).arg_true()
        repeated = [1] * len(at) if times is None else times.gather(at).to_list()
        for value, n in zip(values.gather(at).to_list(), repeated, strict=True):
            for kind, shape in _kinds(value, is_number=is_number).items():
                self.cells[kind] += n
                self.shapes.setdefault(kind, shape)

    def rows(self, storage: str, table: str, column: str | None) -> list[tuple]:
        """In the order of SCHEMA."""
        if not self.cells:
            return [(storage, table, column, None, False, self.n_scanned, 0, None)]
        return [
            (storage, table, column, kind, kind in HARD, self.n_scanned, n, self.shapes[kind])
            for kind, n in sorted(self.cells.items())
        ]


def scan_files(paths: Iterable[Path]) -> pl.DataFrame:
    """Text files, logs, workbooks and documents, folders with all that is below them. SCHEMA; a line is a cell.

    Pictures and databases are passed over; a file that is no text and no archive is passed over as well.
    """
    rows = []
    for path in paths:
        files = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
        for file in files:
            for member, lines in _lines_of(file):
                tally = _Tally()
                while part := list(islice(lines, BLOCK_ROWS)):
                    tally.add(pl.Series(part, dtype=pl.String), None, (file.name, ""))
                rows += tally.rows("files", file.name, member)
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def _lines_of(file: Path) -> Iterator[tuple[str | None, Iterator[str]]]:
    if file.suffix.lower() in ZIP_SUFFIXES:
        if not zipfile.is_zipfile(file):
            return
        with zipfile.ZipFile(file) as archive:
            for member in archive.infolist():
                is_text = member.filename.lower().endswith((".xml", *TEXT_SUFFIXES))
                if is_text and member.file_size <= MAX_MEMBER:
                    yield member.filename, iter(_cells(_decoded(archive.read(member)), member.filename))
    elif file.suffix.lower() in TEXT_SUFFIXES or file.name in LOG_NAMES:
        yield None, _text_lines(file)


def _text_lines(file: Path) -> Iterator[str]:
    with file.open("rb") as stream:
        while lines := stream.readlines(CHUNK):
            yield from _decoded(b"".join(lines)).splitlines()


def _decoded(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("gb18030", errors="replace")


def _cells(text: str, name: str) -> list[str]:
    """What stands between the tags; formatting inside a word does not cut it, the end of a cell or paragraph does."""
    if not name.endswith(".xml"):
        return text.splitlines()
    text = re.sub(r"</(?:\w+:)?(?:si|c|p|row|tr|is)>", "\n", text)
    return [html.unescape(line) for line in re.sub(r"<[^>]*>", "", text).splitlines() if line.strip()]


def _kinds(value: str, *, is_number: bool = False) -> dict[str, str]:
    """Kind → masked shape of the first place where it stands. A business number is not taken for a card or an id."""
    text = unicodedata.normalize("NFKC", value)
    found: dict[str, str] = {}
    for match in _EMAIL.finditer(text):
        found.setdefault("email", _shape(match[0]))
    for match in _CHINESE_MOBILE.finditer(text):
        found.setdefault("mobile", "〇" * len(match[0]))
    if is_number:
        return found
    for kind, match_text in _numbers(text):
        found.setdefault(kind, _shape(match_text))
    for kind, pattern in _SOFT.items():
        if hit := pattern.search(text):
            found.setdefault(kind, _shape(hit[0]))
    return found


def _numbers(text: str) -> Iterator[tuple[str, str]]:
    """Runs of digits, alone and joined over separators as people write numbers in groups."""
    runs = [(match.start(), match.end()) for match in _RUNS.finditer(text)]
    if sum(stop - begin for begin, stop in runs) < 11:
        return
    for first, (start, end) in enumerate(runs):
        digits = text[start:end]
        for last in range(first, min(first + 18, len(runs))):
            if last > first:
                gap, after = text[end : runs[last][0]], runs[last]
                if not (_BETWEEN.fullmatch(gap) or (gap == "." and last - first <= 2)):
                    break
                end = after[1]
                digits += text[after[0] : end]
            if len(digits) > 21:
                break
            groups = tuple(b - a for a, b in runs[first : last + 1])
            if len(digits) >= 11 and (kind := _kind(digits, groups, text, start, end)):
                yield kind, text[start:end]


def _kind(digits: str, groups: tuple[int, ...], text: str, start: int, end: int) -> str | None:
    before, after = text[max(0, start - 20) : start], text[end : end + 2]
    is_id_tail = after[:1] in ("X", "x") and len(digits) == 17
    if re.match(r"[A-Za-z]", after) and not is_id_tail:
        return None  # the head of a code
    if re.search(r"[A-Za-z]$|\d\.$", before) or re.match(r"[元万亿吨米]|\.\d", after):
        return None  # the tail of a code, a fraction, an amount
    grouped = len(groups) == 1 or set(groups) == {1} or (groups[0] >= 3 and min(groups) >= 2)
    if not grouped or ("." in text[start:end] and groups != (3, 4, 4)):  # otherwise a fraction
        return None
    if _MOBILE.fullmatch(digits[-11:]) and (len(digits) == 11 or digits[:-11] in ("86", "0086", "0")):
        return "mobile"
    is_named = not _FILE_NUMBER.search(before)
    if (is_id_tail or len(digits) in (15, 18)) and _is_id_card(digits + "X" * is_id_tail, is_named=is_named):
        return "id_card"
    if 16 <= len(digits) <= 19 and groups[0] >= 4 and is_named and _is_card(digits):
        return "bank_card"
    if 10 <= len(digits) <= 12 and _AREA.fullmatch(digits):
        return "landline"
    return None


def _is_id_card(number: str, *, is_named: bool) -> bool:
    """GB 11643. Where the check digit is wrong, a plausible birth before 2016 is enough: people mistype."""
    if number[:2] not in _PROVINCES:
        return False
    if len(number) == 15:
        return is_named and bool(_BORN.fullmatch("19" + number[6:12]))
    if not (born := _BORN.fullmatch(number[6:14])):
        return False
    check = "10X98765432"[sum(weight * int(digit) for weight, digit in zip(_WEIGHTS, number[:17], strict=True)) % 11]
    return check == number[17].upper() or (is_named and born[1] + born[2] < "2016")


def _is_card(number: str) -> bool:
    """ISO/IEC 7812: a payment network's first digit and the Luhn sum."""
    doubled = (int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(number)))
    return number[0] in "3456" and sum(n // 10 + n % 10 for n in doubled) % 10 == 0


def _shape(text: str) -> str:
    """Digits as #, letters as x, Chinese characters as 〇."""
    return re.sub(r"[一-鿿]", "〇", re.sub(r"[A-Za-z]", "x", re.sub(r"\d", "#", text)))[:30]
