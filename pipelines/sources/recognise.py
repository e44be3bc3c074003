"""Which source and which header layout is this file? Decided by its headers, before anything is written."""

import re
import unicodedata
from functools import lru_cache
from typing import NamedTuple, NotRequired, TypedDict

import polars as pl

from pipelines import names, redact
from pipelines.config import SEEDS
from pipelines.errors import SourceError
from pipelines.sources import reading

_HEADER_PART = (
    r"信访|来信|来访|来电|诉求|投诉|举报|工单|事件|案件|登记|录入|受理|办理|办结|答复|回复|反馈|交办|转办|派单|派遣|签收|处置|处理|结案|归档|发生|上报|提交|"
    r"创建|更新|推送|导入|联系|申请|反映|督办|主办|协办|承办|责任|牵头|所属|所在|问题|事项|纠纷|调解|诉讼|客户|用户|市民|群众|业务|服务|任务|流程|详细|主要|"
    r"一级|二级|三级|是否|首次|最终|截止|计划|实际|内部|外部|统一|被|人|者|员|件|单|的|省|市|县|区|乡镇|街道|社区|村|网格|居住|来源|当前|"
    r"编号|单号|案号|号码|编码|代码|时间|日期|时限|期限|名称|姓名|电话|手机|地址|地点|位置|类型|类别|分类|种类|性质|内容|标题|主题|摘要|描述|事由|状态|环节|"
    r"进度|单位|部门|机构|渠道|方式|途径|区域|区划|级别|等级|备注|说明|序号|数量|人数|人次|件数|次数|金额|结果|意见|情况|评价|满意度|满意|经度|纬度|坐标"
)
"""What headers are made of; anything else in the place of one may be content and is not repeated in a message."""
_CONTENT = re.compile(
    rf"\d{{4}}|\d+\s*(?:栋|幢|座|号楼|单元|室)|^\d+(?:\.\d+)?$|^(?:{names.COMPOUND}|[{names.SURNAMES}])[一-鿿]{{1,2}}$"
)


class Layout(TypedDict):
    """Plain data: one known set of headers. The built-in ones and those kept as files have the same structure."""

    title: str  # what a user calls it
    columns: dict[str, str]  # their header → our name; several headers may share one name (first non-empty wins)
    required: tuple[str, ...]  # headers without which the file cannot be taken in
    identifying: tuple[str, ...]  # headers known to identify persons or to be of no use: dropped unread
    category_separators: NotRequired[tuple[str, ...]]  # what joins the levels of a category
    unit_separators: NotRequired[tuple[str, ...]]  # a unit is written as a path; without them its name is taken whole
    reversed_paths: NotRequired[tuple[str, ...]]  # which of category, unit_name, place are written from small to large
    status_words: NotRequired[dict[str, str]]  # their word → one of the seven states
    constants: NotRequired[dict[str, str]]  # our name → the value of every row, for what the file does not say
    # The headers whose cells together are the item's number, or "content": made of what the row says.
    item_number_from: NotRequired[tuple[str, ...] | str]
    crs: NotRequired[str]  # wgs84 | cgcs2000 | gcj02 | bd09
    bounds: NotRequired[tuple[float, float, float, float]]  # west, south, east, north, where points may lie


class Recognised(NamedTuple):
    source: str
    layout_name: str
    layout: Layout
    tables: list[reading.Table]  # one a sheet; a text file has one
    wanted: dict[str, str]  # the file's own header → the layout's header
    dropped: list[str]  # headers that are not stored

    @property
    def batch_id(self) -> str:
        """First 12 hex digits of the file's SHA-256: the same bytes are the same batch."""
        return self.tables[0].facts.sha256[:12]

    @property
    def file_name(self) -> str:
        return self.tables[0].facts.name


@lru_cache(maxsize=8192)  # a folder of files asks for those of every layout again and again
def header_key(header: str) -> str:
    """Headers are compared without spaces, width and case.

    >>> header_key(" 来电人电话／账号 ")
    '来电人电话/账号'
    """
    return "".join(unicodedata.normalize("NFKC", header).replace("\ufeff", "").split()).casefold()


def recognise(facts: reading.FileFacts, layouts: dict[str, dict[str, Layout]]) -> Recognised:
    """The layout whose required headers are all there and of which most headers are found.

    `layouts`: source → layout name → layout, already narrowed if the caller named one; of equals the first is taken. A
    required header may be replaced by another one of the same meaning. A layout that knows few of the file's headers
    is not taken: two files may share a number, a date and a text, and mean other things by the rest.
    """
    found = reading.previews(facts)
    seen = [
        (preview, index, {header_key(cell) for cell in row} - {""})
        for preview in found
        for index, row in enumerate(preview.rows[:20])
    ]
    best = None
    for source, by_name in layouts.items():
        for name, layout in by_name.items():
            keys = {header_key(header) for header in (*layout["columns"], *layout["identifying"])}
            required = _required(layout)
            for preview, index, present in seen:
                if present:
                    score = (_has(required, present), len(keys & present), -len(keys - present))
                    if best is None or score > best[0]:
                        best = (score, source, name, layout, preview, index)
    if best is None or not _is_known(*best[0], preview=best[4], index=best[5]):
        raise _unknown(facts, found, layouts)
    (is_complete, *_), source, name, layout, preview, index = best
    if not is_complete:
        present = {header_key(cell) for cell in preview.rows[index]}
        missing = [
            header for header, keys in zip(layout["required"], _required(layout), strict=True) if not keys & present
        ]
        raise SourceError(
            facts.name,
            where=f"第 {index + 1} 行（表头）",
            found=f"缺少列「{'」「'.join(missing)}」的表头（其余最接近版式“{layout['title']}”）",
            expected=f"至少包含「{'」「'.join(layout['required'])}」",
            next_step="请在业务系统导出时勾选缺少的列，或核对表头文字后重新导入；如是新的表头，"
            f"请运行 yanpan layout propose {facts.name} 查看建议的对应。",
        )
    tables = _same_tables(facts, found, preview, index, layout)
    if all(_has_no_rows(table) for table in tables):
        raise SourceError(
            facts.name,
            where=f"第 {index + 1} 行（表头）以下",
            found=f"没有数据行（版式“{layout['title']}”的表头齐全）",
            expected="至少一行数据",
            next_step="请核对导出时的筛选条件和时间范围后重新导出。",
        )
    names = {header_key(header): header for header in layout["columns"]}
    wanted: dict[str, str] = {}
    for header in tables[0].headers:
        key = header_key(header)
        if key in names and names[key] not in wanted.values():
            wanted[header] = names[key]
    dropped = [header for header in tables[0].headers if header not in wanted and header.strip()]
    return Recognised(source, name, layout, tables, wanted, dropped)


def _required(layout: Layout) -> list[set[str]]:
    """For each required header the keys that satisfy it: its own, and those of headers with the same meaning."""
    same: dict[str, set[str]] = {}
    for header, name in layout["columns"].items():
        same.setdefault(name, set()).add(header_key(header))
    return [same.get(layout["columns"].get(header, ""), {header_key(header)}) for header in layout["required"]]


def _has(required: list[set[str]], present: set[str]) -> bool:
    return all(keys & present for keys in required)


def _is_known(is_complete: bool, n_known: int, minus_missing: int, *, preview: reading.Preview, index: int) -> bool:
    n_there = len({header_key(cell) for cell in preview.rows[index]} - {""})
    if n_known < 3:
        return is_complete and minus_missing == 0 and n_known == n_there
    return not is_complete or n_known >= 8 or 2 * n_known >= n_there


def _has_no_rows(table: reading.Table) -> bool:
    """Nothing below the header, where the preview shows the whole table."""
    rows = table.preview.rows
    return len(rows) < reading.PREVIEW_ROWS and not any(
        cell.strip() for row in rows[table.header_index + 1 :] for cell in row
    )


def _same_tables(
    facts: reading.FileFacts,
    found: list[reading.Preview],
    preview: reading.Preview,
    index: int,
    layout: Layout,
) -> list[reading.Table]:
    """The recognised table, and the other visible sheets that continue it under the same headers."""
    headers = preview.rows[index]
    tables = [reading.Table(facts, preview, index, unique_headers(headers, preview.rows[index + 1 :]))]
    if preview.sheet is None:
        return tables
    for other in found:
        if other.sheet == preview.sheet:
            continue
        for at, row in enumerate(other.rows[:20]):
            if [header_key(cell) for cell in row] == [header_key(cell) for cell in headers]:
                tables.append(reading.Table(facts, other, at, tables[0].headers))
                break
        else:
            if sum(sum(bool(cell.strip()) for cell in row) > 2 for row in other.rows) > 1:
                facts.note(f"“{other.sheet_name}”的表头与“{preview.sheet_name}”不同，没有读取。")
    return sorted(tables, key=lambda table: table.preview.sheet or 0)


def unique_headers(headers: list[str], below: list[list[str]]) -> list[str]:
    """Headers made unique; a table whose rows all carry the same number of extra empty fields gets as many more.

    >>> unique_headers(["a", "b", "a"], [["1", "2", "3", ""]])
    ['a', 'b', 'a (2)', ' ']
    """
    seen: dict[str, int] = {}
    unique = []
    for position, header in enumerate(headers):
        name = header.replace("\ufeff", "").strip() or " " * (position + 1)
        seen[name] = seen.get(name, 0) + 1
        unique.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    widths = {len(row) for row in below if any(row)}
    if (
        len(widths) == 1
        and (extra := widths.pop() - len(headers)) > 0
        and not any(any(row[len(headers) :]) for row in below)
    ):
        unique += [" " * (len(unique) + 1 + n) for n in range(extra)]
    return unique


def _unknown(
    facts: reading.FileFacts, found: list[reading.Preview], layouts: dict[str, dict[str, Layout]]
) -> SourceError:
    widest = max(found, key=lambda preview: max((len(row) for row in preview.rows), default=0), default=None)
    known_headers = {
        header_key(header)
        for by_name in layouts.values()
        for layout in by_name.values()
        for header in (*layout["columns"], *layout["identifying"])
    } | {header_key(header) for header in pl.read_csv(SEEDS / "header.csv", infer_schema=False)["header"]}
    rows = [[cell.strip() for cell in row if cell.strip()] for row in (widest.rows[:20] if widest else [])]
    of_headers = [
        [one for one in cells if header_key(one) in known_headers or re.fullmatch(f"(?:{_HEADER_PART}){{1,8}}", one)]
        for cells in rows
    ]
    # The row most like a header, else the fullest: where nothing is like one, all of it may be content.
    at = max(
        range(len(rows)),
        key=lambda n: (len(of_headers[n]) if 3 * len(of_headers[n]) >= len(rows[n]) > 1 else 0, len(rows[n])),
        default=None,
    )
    cells, words = (rows[at], of_headers[at]) if at is not None else ([], [])
    plain, _ = redact.redact(pl.Series(cells, dtype=pl.String))
    is_data = 3 * len(words) < len(cells) and (plain.to_list() != cells or any(map(_CONTENT.search, cells)))
    n_others = len(cells) - len(words[:12])
    others = [f"另 {n_others} 列" if words else f"{n_others} 列，列名都没有见过"] if n_others else []
    known = "、".join(layout["title"] for by_name in layouts.values() for layout in by_name.values())
    return SourceError(
        facts.name,
        found=f"第{f' {at + 1} ' if at else '一'}行像是数据，不是表头"
        if is_data
        else f"不认识的表头（{'，'.join(filter(None, ['、'.join(words[:12]), *others]))}）"
        if cells
        else "没有可识别的表头",
        expected=f"已知版式之一：{known}",
        next_step=f"请核对是否选错文件；如是新的版式，请运行 yanpan layout propose {facts.name} 查看建议的对应，核对后保存。",
    )
