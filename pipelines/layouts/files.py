"""Which layouts does this home know? The built-in ones and HOME/layouts/<name>.json, plain files an office may edit."""

import json
import os
import re
from pathlib import Path
from typing import Any

import polars as pl

from pipelines.config import Home
from pipelines.errors import UsageError
from pipelines.layouts import headers
from pipelines.sources import REGISTERS, SOURCES, parsing
from pipelines.sources.coordinates import system_named
from pipelines.sources.events import FIELDS
from pipelines.sources.recognise import Layout, header_key

STATES = {
    "registered": "已登记",
    "transferred": "已转送",
    "accepted": "已受理",
    "in_progress": "办理中",
    "replied": "已答复",
    "closed": "已办结",
    "declined": "不予受理",
}
KEYS = ("source", *Layout.__annotations__)
LISTS = ("required", "identifying", "category_separators", "unit_separators", "reversed_paths")
REVERSIBLE = ("category", "unit_name", "place")
NOT_CONSTANT = {
    *("item_number", "title", "text", "lon", "lat", "marks", "line_number", "number_part", "handling_role"),
    *("archived_in_time", "archived_late", "persons"),
}
CONTENT = ("category", "category_top", "category_middle", "category_leaf", "title", "text")
Layouts = dict[str, dict[str, Layout]]  # source → name → layout


def built_in() -> Layouts:
    return {source: dict(one.layouts) for source, one in (SOURCES | REGISTERS).items()}


def load_all(home: Home | None) -> Layouts:
    """Kept layouts before built-in ones: of two that fit equally well, the office's own is used.

    Raises UsageError naming the file and its first fault: a layout that cannot be read must not be passed over.
    """
    found: Layouts = {source: {} for source in (*SOURCES, *REGISTERS)}
    for path in kept_files(home):
        source, layout = read(path)
        found[source][path.stem] = layout
    for source, by_name in built_in().items():
        found[source] |= by_name
    return found


def kept_files(home: Home | None) -> list[Path]:
    return sorted(home.layouts.glob("*.json")) if home is not None and home.layouts.is_dir() else []


def chosen(home: Home | None, source: str | None, layout: str | None) -> Layouts:
    """All known layouts, or those the caller's words leave; `layout` may also be the path of a layout file."""
    if source is not None and source not in SOURCES and source not in REGISTERS:
        raise UsageError(f"没有来源“{source}”。可用：{'、'.join((*SOURCES, *REGISTERS))}。")
    if layout is not None and layout.endswith(".json"):
        own_source, one = read(Path(layout))
        if source not in (None, own_source):
            raise UsageError(f"版式文件 {Path(layout).name} 的 source 为“{own_source}”，与 --source {source} 不一致。")
        return {own_source: {Path(layout).stem: one}}
    known = load_all(home)
    left = {
        name: {key: one for key, one in by_name.items() if layout in (None, key, f"{name}/{key}")}
        for name, by_name in known.items()
        if source in (None, name)
    }
    left = {name: by_name for name, by_name in left.items() if by_name}
    if not left:
        names = "、".join(
            f"{name}/{key}（{one['title']}）" for name, by_name in known.items() for key, one in by_name.items()
        )
        raise UsageError(f"没有版式“{layout}”。可用：{names}，或一个 .json 版式文件。")
    return left


def read(path: Path) -> tuple[str, Layout]:
    """(source, layout) of a layout file; UsageError says in a sentence what is wrong with it."""
    twice: list[str] = []

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        keys = [key for key, _ in pairs]
        twice.extend(key for key in dict.fromkeys(keys) if keys.count(key) > 1)
        return dict(pairs)

    try:
        said = json.loads(path.read_text(encoding="utf-8-sig"), object_pairs_hook=once)
    except OSError as error:
        raise UsageError(f"版式文件 {path.name} 打不开（{type(error).__name__}）。请检查路径和读取权限。") from error
    except ValueError as error:
        where = f"第 {error.lineno} 行" if isinstance(error, json.JSONDecodeError) else "编码"
        raise UsageError(
            f"版式文件 {path.name} 不是完整的 JSON（{where}附近）。请检查逗号、引号和括号，并存为 UTF-8。"
        ) from error
    if isinstance(said, dict):
        said.setdefault("title", path.stem)
    faults = [f"“{key}”写了两次，只能写一次。" for key in twice] or validate(said)
    if faults:
        raise UsageError(f"版式文件 {path.name} 无法使用：{' '.join(faults)}")
    return said["source"], from_json(said)


def from_json(said: dict) -> Layout:
    """A valid dict, as JSON gives it, as a Layout."""
    layout: dict[str, Any] = {"title": said["title"], "columns": dict(said["columns"])}
    layout |= {"required": tuple(said["required"]), "identifying": tuple(said.get("identifying", ()))}
    for key in ("category_separators", "unit_separators", "reversed_paths", "bounds"):
        if key in said:
            layout[key] = tuple(said[key])
    for key in ("status_words", "constants"):
        if said.get(key):
            layout[key] = dict(said[key])
    if (number := said.get("item_number_from")) is not None:
        layout["item_number_from"] = number if isinstance(number, str) else tuple(number)
    if said.get("crs"):
        layout["crs"] = said["crs"]
    return layout  # type: ignore[return-value]


def to_json(source: str, layout: Layout) -> dict:
    """Plain lists and dicts in a fixed order, `source` first: what a layout file holds."""
    said: dict[str, Any] = {"source": source, **layout}
    return {key: list(value) if isinstance(value, tuple) else value for key, value in said.items()}


def validate(said: Any) -> list[str]:
    """What is wrong with a layout as JSON gives it: one Chinese sentence a fault, none if it can be used.

    Unknown names (with the nearest known one), a header given twice, what is missing, columns about persons that
    would be kept, options that contradict each other.
    """
    if not isinstance(said, dict):
        return ["应为一个 JSON 对象（花括号），含 source、title、columns、required。"]
    faults = _structure(said)
    if faults:
        return faults
    columns: dict[str, str] = said["columns"]
    faults += _columns(columns, said)
    faults += _options(columns, said)
    names = set(columns.values()) | set(said.get("constants", {}))
    if "registered_at" not in names:
        faults.append("缺少登记时间：请把一列对应到 registered_at，或在 constants 里给出 registered_at 的日期。")
    if "item_number" not in names and "item_number_from" not in said:
        faults.append(
            '缺少事项编号：请把一列对应到 item_number，或用 item_number_from 指定几列，没有编号时写 "content"。'
        )
    if not names & set(CONTENT):
        faults.append("没有可分析的内容：分类、标题、内容至少要有一列。")
    return faults


def _structure(said: dict) -> list[str]:
    faults = []
    for key in said:
        if key not in KEYS:
            near = headers.nearest(key, list(KEYS))
            faults.append(f"不认识的项“{key}”" + (f"，是否想写 {near}？" if near else f"，可用：{'、'.join(KEYS)}。"))
    faults += [f"缺少 {key}。" for key in ("source", "title", "columns", "required") if key not in said]
    if said.get("source", "petition") not in SOURCES:
        faults.append(f"source 为“{said['source']}”，应为 {'、'.join(SOURCES)} 之一。")
    for key in ("columns", "status_words", "constants"):
        if key in said and not (isinstance(said[key], dict) and all(isinstance(v, str) for v in said[key].values())):
            faults.append(f"{key} 应为“名称: 文字”的对照表。")
    for key in LISTS:
        if key in said and not (isinstance(said[key], list | tuple) and all(isinstance(v, str) for v in said[key])):
            faults.append(f"{key} 应为文字列表。")
    if not isinstance(said.get("title", ""), str) or not said.get("title", " ").strip():
        faults.append("title 应为这个版式的中文名称。")
    if "columns" in said and not said["columns"]:
        faults.append("columns 是空的，至少要对应一列。")
    return faults


def _columns(columns: dict[str, str], said: dict) -> list[str]:
    faults = []
    seen: dict[str, str] = {}
    for header, name in columns.items():
        key = header_key(header)
        if not key:
            faults.append("columns 里有空的列名。")
        if key in seen:
            faults.append(f"列“{header}”与“{seen[key]}”是同一列名，只能对应一次。")
        seen[key] = header
        if name not in FIELDS:
            near = headers.nearest_field(name)
            faults.append(
                f"列“{header}”对应到不认识的名称“{name}”"
                + (f"，是否想写 {near}（{headers.labels()[near]}）？" if near else f"，可用：{'、'.join(FIELDS)}。")
            )
        elif word := headers.personal(header):
            faults.append(f"列“{header}”涉及个人（“{word}”），不能保留；请移到 identifying，该列不会被读取。")
    for header in said["required"]:
        if header_key(header) not in seen:
            faults.append(f"required 里的“{header}”不在 columns 中。")
    for header in said.get("identifying", ()):
        if header_key(header) in seen:
            faults.append(f"列“{header}”同时在 columns 和 identifying 中，只能在一处。")
    return faults


def _options(columns: dict[str, str], said: dict) -> list[str]:
    faults = []
    mapped = set(columns.values())
    for name, value in said.get("constants", {}).items():
        if name not in FIELDS:
            near = headers.nearest_field(name)
            faults.append(f"constants 里的名称“{name}”不认识" + (f"，是否想写 {near}？" if near else "。"))
        elif name in NOT_CONSTANT:
            faults.append(f"{name}（{headers.labels()[name]}）不能全文件同一个值。")
        elif name in mapped:
            faults.append(f"{name}（{headers.labels()[name]}）已有对应的列，不能再给固定值。")
        elif not value.strip():
            faults.append(f"constants 里 {name} 的值是空的。")
        elif name.endswith("_at") and parsing.parse_time(pl.Series([value.strip()])).null_count():
            faults.append(f"constants 里 {name} 的值“{value}”不是日期，应为 2024-01-05 这样。")
    for word, state in said.get("status_words", {}).items():
        if state not in STATES:
            words = "、".join(f"{name}（{label}）" for name, label in STATES.items())
            faults.append(f"状态“{word}”对应到“{state}”，应为以下之一：{words}。")
    number = said.get("item_number_from")
    if number is not None:
        faults += _number(number, columns)
        if "item_number" in mapped:
            faults.append("已有一列对应到 item_number，不能再用 item_number_from。")
    for name in said.get("reversed_paths", ()):
        if name not in REVERSIBLE:
            faults.append(f"reversed_paths 里的“{name}”应为 {'、'.join(REVERSIBLE)} 之一。")
    for key in ("category_separators", "unit_separators"):
        faults += [f"{key} 里有空的分隔符。" for mark in said.get(key, ()) if not mark.strip()][:1]
    if "crs" in said and (not isinstance(said["crs"], str) or system_named(said["crs"]) is None):
        faults.append(f"crs 为“{said['crs']}”，应为 cgcs2000、wgs84、gcj02、bd09 或 EPSG:代号。")
    if "bounds" in said and not _is_box(said["bounds"]):
        faults.append("bounds 应为四个数：西、南、东、北（度）。")
    if ("lon" in mapped) != ("lat" in mapped):
        faults.append("经度和纬度要同时对应，现在只有其中一列。")
    return faults


def _number(number: Any, columns: dict[str, str]) -> list[str]:
    if number == "content":
        return []
    if isinstance(number, str) or not isinstance(number, list | tuple) or not number:
        return ['item_number_from 应为列名的列表，或 "content"（按内容编号，完全相同的行算一件）。']
    return [
        f"item_number_from 里的“{header}”不在 columns 中；只用来编号的列请对应到 number_part。"
        for header in number
        if header not in columns
    ]


def _is_box(bounds: Any) -> bool:
    if not (isinstance(bounds, list | tuple) and len(bounds) == 4 and all(isinstance(v, int | float) for v in bounds)):
        return False
    west, south, east, north = bounds
    return -180 <= west < east <= 180 and -90 <= south < north <= 90


def save(home: Home, name: str, source: str, layout: Layout, *, replace: bool = False) -> Path:
    """Keep a confirmed layout as HOME/layouts/<name>.json; UsageError where it is not valid or the name is taken."""
    if not re.fullmatch(r"[\w\u4e00-\u9fff][\w\u4e00-\u9fff（）()\- ]{0,39}", name):
        raise UsageError(f"版式名“{name}”不能用作文件名。请用 40 字以内的汉字、字母、数字、横线。")
    if any(name in by_name for by_name in built_in().values()):
        raise UsageError(f"“{name}”是内置版式的名字，请换一个。")
    said = to_json(source, layout)
    if faults := validate(said):
        raise UsageError(f"版式“{name}”没有保存：{' '.join(faults)}")
    path = home.layouts / f"{name}.json"
    text = json.dumps(said, ensure_ascii=False, indent=2) + "\n"
    if path.exists() and not replace and path.read_text(encoding="utf-8") != text:
        raise UsageError(f"已有版式“{name}”，内容不同。请换一个名字，或加 --replace 覆盖。")
    home.layouts.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{name}.{os.getpid()}.new")
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(path)
    return path


def remove(home: Home, name: str) -> Path:
    """Take a kept layout away; what was loaded with it stays."""
    path = home.layouts / f"{name}.json"
    if path not in kept_files(home):
        kept = "、".join(path.stem for path in kept_files(home)) or "无"
        raise UsageError(f"没有保存过版式“{name}”。已保存：{kept}。")
    path.unlink()
    return path


def listed(home: Home) -> list[dict]:
    """All layouts with their standing, broken files among them: source, name, title, kept, n_columns, fault, layout."""
    rows: list[dict] = []
    for path in kept_files(home):
        try:
            source, layout = read(path)
        except UsageError as error:
            rows.append({"source": None, "name": path.stem, "title": None, "kept": True, "fault": str(error)})
            continue
        rows.append(_listed(source, path.stem, layout, kept=True))
    rows += [
        _listed(source, name, layout, kept=False)
        for source, by_name in built_in().items()
        for name, layout in by_name.items()
    ]
    return rows


def _listed(source: str, name: str, layout: Layout, *, kept: bool) -> dict:
    one = {"source": source, "name": name, "title": layout["title"], "kept": kept, "fault": None}
    return one | {"n_columns": len(layout["columns"]), "layout": to_json(source, layout)}
