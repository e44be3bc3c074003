"""What could the columns of this file be? A proposal from the headers' words and the values' looks, to be confirmed.

A header is read by its aliases (any source's), by an alias inside it, or by what its words point to; the values then
confirm or contradict. Without a telling header only values that can hardly be anything else count. Columns about
persons, by their header or by their values, are dropped, and those known by header are not even read. A column nobody
recognises is dropped too: only what is on the list comes in.
"""

import re
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any, TypedDict

import polars as pl

from pipelines.errors import SourceError, UsageError
from pipelines.layouts import categories, files, headers, profile
from pipelines.layouts.profile import Profile
from pipelines.sources import SOURCES, parsing, reading
from pipelines.sources.coordinates import CHINA
from pipelines.sources.events import FIELDS, TIMES
from pipelines.sources.recognise import header_key, unique_headers

LEVELS = ("category_top", "category_middle", "category_leaf")
SURE, KEEP = 0.8, 0.5  # from here on said as sure; from here on proposed at all
HEADER_ROWS = 20
SOURCE_NAMES = {"petition": "信访件", "hotline": "12345 工单", "grid": "网格事件"}
SOURCE_WORDS = {
    "petition": "信访|来信|来访|求决|问题属地|登记机构|去向机构",
    "hotline": "12345|热线|工单|来电|留言|诉求|市民|承办单位|咨询",
    "grid": "网格|城管|巡查|案卷|案件|事件|部件|单元网格|处置|streetname|cell_name|rec_id|taskid",
}
# Words of few values may be shown as examples; place and unit names are public, text and titles are not.
EXAMPLES = {
    *("channel", "purpose", "severity", "category", "category_top", "category_middle", "category_leaf", "county_name"),
    *("town_name", "unit_name", "unit_co_name", "handling_role", "is_first", "is_repeat", "is_group", "status_word"),
    *("is_closed", "is_solved", "satisfaction", "is_confidential"),
}


class Alternative(TypedDict):
    field: str
    label: str
    confidence: float
    reason: str


class Column(TypedDict):
    header: str
    position: int  # 1 for the first column
    action: str  # keep | drop
    field: str | None
    label: str | None
    confidence: float
    reason: str
    is_identifying: bool
    filled_share: float | None  # null where the column was not read
    n_distinct: int | None
    shapes: list[str]  # what the values look like, none for dropped columns
    examples: list[dict]  # words that many rows share, only for columns of a vocabulary
    alternatives: list[Alternative]


class Proposal(TypedDict):
    """Everything a person needs to confirm, change or refuse it; plain data for `--json`."""

    file: str
    kind: str  # events | categories | places | units | boundary | unknown
    kind_reason: str
    sheet: str
    header_row: int
    n_sampled: int
    source: str | None
    source_reason: str
    columns: list[Column]
    layout: dict | None  # as it would be saved, `source` first
    missing: list[dict]  # what must be given before it can be saved: {field, label, sentence, options}
    status_words: list[dict]  # of the status column: {word, n, state, label, how: known | guessed | open}
    notes: list[str]
    next_step: str
    fields: list[dict]  # our names a column may be given: {field, label, note}


@dataclass(frozen=True)
class Choices:
    """What the person who confirms has decided; everything else stays as proposed."""

    columns: dict[str, str | None] = field(default_factory=dict)  # header → our name, None = drop
    constants: dict[str, str] = field(default_factory=dict)
    item_number_from: tuple[str, ...] | str | None = None
    status_words: dict[str, str] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)  # title, crs, bounds, separators, reversed_paths


class _Reading(TypedDict):
    confidence: float
    reason: str
    is_named: bool  # the header says so, not the values alone


@dataclass
class _Seen:
    """One column on the way."""

    header: str
    position: int
    personal: str | None
    look: Profile | None
    readings: dict[str, _Reading]
    field: str | None = None
    confidence: float = 0.0
    reason: str = ""


def propose(facts: reading.FileFacts, *, source: str | None = None, choices: Choices | None = None) -> Proposal:
    """A layout for this file and why; nothing is written.

    `source`: petition, hotline or grid where the caller knows. Raises SourceError where there is no table to look at.
    """
    chosen = choices or Choices()
    if source is not None and source not in SOURCES:
        raise UsageError(f"没有来源“{source}”。可用：{'、'.join(SOURCES)}。")
    name = facts.name
    found = reading.previews(facts)
    if (boundary := _geojson(found, name)) is not None:
        return boundary
    preview, index = _header_row(found, name)
    names = unique_headers(preview.rows[index], preview.rows[index + 1 :])
    table = reading.Table(facts, preview, index, names)
    seen, n_rows = _look(table)
    if n_rows == 0:
        raise SourceError(
            name,
            where=f"第 {index + 1} 行（表头）以下",
            found="没有数据行，看不出各列是什么",
            expected="至少几行数据",
            next_step="请换一个有数据的导出文件。",
        )
    kind, why = _kind(seen)
    source, source_why = (source, "按指定") if source else _source(seen, name)
    base: dict[str, Any] = {
        "file": name,
        "kind": kind,
        "kind_reason": why,
        "sheet": preview.sheet_name,
        "header_row": index + 1,
        "n_sampled": n_rows,
        "fields": [{"field": f, "label": label, "note": headers.notes()[f]} for f, label in headers.labels().items()],
    }
    if kind != "events":
        nothing: dict[str, Any] = {
            "source": None,
            "source_reason": "",
            "layout": None,
            "missing": [],
            "status_words": [],
            "notes": [],
        }
        columns = [_column(one) for one in seen]
        return Proposal(**base, **nothing, columns=columns, next_step=_other_next_step(kind, name))  # type: ignore[typeddict-item]
    _read_headers(seen, source)
    _assign(seen)
    notes: list[str] = []
    _fix_times(seen, notes)
    _fix_categories(seen)
    _fix_places(seen, notes)
    _choose(seen, chosen)
    options, status_words = _options(seen, chosen, notes)
    layout: dict[str, Any] = {
        "source": source,
        "title": chosen.options.get("title")
        or f"{SOURCE_NAMES[source]}（{PurePath(name.split('›')[-1].strip()).stem[:30]}）",
        "columns": {one.header: one.field for one in seen if one.field},
        "required": _required(seen),
        "identifying": [one.header for one in seen if not one.field and one.header.strip()],
        **options,
    }
    missing = _missing(layout)
    _notes(seen, layout, notes)
    return Proposal(
        **base,  # type: ignore[typeddict-item]
        source=source,
        source_reason=source_why,
        columns=[_column(one) for one in seen],
        layout=layout,
        missing=missing,
        status_words=status_words,
        notes=[*notes, *facts.notes],
        next_step=_next_step(name, missing),
    )


# --- what is there ----------------------------------------------------------------------------------------------


def _geojson(found: list[reading.Preview], name: str) -> Proposal | None:
    """A boundary file is text in braces, not a table."""
    first = next((cell for preview in found for row in preview.rows[:1] for cell in row[:1]), "").lstrip("\ufeff \t")
    if not first.startswith(("{", "[{")):
        return None
    start = " ".join(cell for row in found[0].rows[:10] for cell in row)
    kind = "boundary" if re.search("Feature|Topology|coordinates|Polygon", start) else "unknown"
    return Proposal(
        file=name,
        kind=kind,
        kind_reason="内容是 GeoJSON 边界，不是事项" if kind == "boundary" else "内容是 JSON，不是表格",
        sheet="",
        header_row=0,
        n_sampled=0,
        source=None,
        source_reason="",
        columns=[],
        layout=None,
        missing=[],
        status_words=[],
        notes=[],
        next_step=_other_next_step(kind, name),
        fields=[],
    )


def _header_row(found: list[reading.Preview], name: str) -> tuple[reading.Preview, int]:
    """The row that reads like headers: short different words, known ones among them, as wide as what is below it."""
    best: tuple[tuple[float, int], reading.Preview, int] | None = None
    for preview in found:
        widths = [sum(bool(cell.strip()) for cell in row) for row in preview.rows]
        usual = max(widths, default=0)
        for index, row in enumerate(preview.rows[:HEADER_ROWS]):
            cells = [cell.strip() for cell in row if cell.strip()]
            if len(cells) < 2 or len(cells) < 0.5 * usual or index + 1 >= len(preview.rows):
                continue
            words = [cell for cell in cells if len(cell) <= 30 and not re.search(r"\d{5,}|^\d+(?:\.\d+)?$", cell)]
            if len(words) < 0.7 * len(cells) or len(set(cells)) < 0.9 * len(cells):
                continue
            known = sum(
                headers.alias_key(cell) in headers.aliases() or headers.personal(cell) is not None for cell in cells
            )
            score = (3 * known + len(words) / len(cells) + len(cells) / 20, -index)
            if best is None or score > best[0]:
                best = (score, preview, index)
    if best is None:
        raise SourceError(
            name,
            found="前 20 行里没有像表头的一行（或只有一列）",
            expected="一行列名，下面是数据",
            next_step="请在业务系统导出时勾选“包含表头”，或在第一行补上列名后再试。",
        )
    return best[1], best[2]


def _look(table: reading.Table) -> tuple[list[_Seen], int]:
    """The columns with their profiles; those about persons by their header are not read."""
    seen = [
        _Seen(header, position, headers.personal(header), None, {}) for position, header in enumerate(table.headers, 1)
    ]
    wanted = [one.header for one in seen if one.personal is None and one.header.strip()]
    n_rows, sample = 0, None
    if wanted:
        blocks = reading.read(table, wanted)
        try:
            for rows, _ in blocks:
                if len(rows):
                    every = max(1, len(rows) // profile.SAMPLE_ROWS)
                    sample = rows.gather_every(every).head(profile.SAMPLE_ROWS)
                    n_rows = len(sample)
                    break
        finally:
            close = getattr(blocks, "close", None)
            if close:
                close()
    for one in seen:
        if sample is not None and one.header in sample.columns:
            one.look = profile.profile(sample[one.header])
            known = headers.aliases().get(headers.alias_key(one.header), [])
            one.personal = profile.personal(
                one.look,
                is_known=any(alias.field not in ("title", "text", "unit_name", "unit_co_name") for alias in known),
                is_number=any(alias.field == "item_number" for alias in known),
            )
            if one.personal:
                one.reason = f"涉及个人：{one.personal}"
        elif one.personal:
            one.reason = f"涉及个人：列名含“{one.personal}”"
    return seen, n_rows


def _kind(seen: list[_Seen]) -> tuple[str, str]:
    """Events, or one of the lists an office also keeps?"""
    looked = [one for one in seen if one.look is not None and one.look.n_filled]
    keys = [header_key(one.header) for one in seen]
    has_date = any(one.look.shares["date"] >= 0.5 for one in looked if one.look)
    has_text = any(one.look.median_length >= 15 and one.look.shares["hanzi"] >= 0.3 for one in looked if one.look)
    levels = categories.level_columns([one.header for one in looked])
    if len(levels) >= 2 and not has_date and not has_text and len(levels) >= 0.5 * len(looked):
        return "categories", f"只有分类的 {len(levels)} 级（{'、'.join(levels)}），没有日期和内容"
    if has_date:
        return "events", "有日期列，一行是一件事项"
    is_coded = any(re.search(r"区划|place_code|adcode|areacode|行政代码|统计.*代码", key) for key in keys) or any(
        one.look.shares["integer"] >= 0.9 and one.look.unique_share >= 0.9 and one.look.median_length in (6, 9, 12)
        for one in looked
        if one.look
    )
    n_places = sum(
        max(one.look.shares[kind] for kind in ("county", "town", "community")) >= 0.6 and one.look.unique_share >= 0.5
        for one in looked
        if one.look
    )
    if (is_coded or any("人口" in key or "population" in key for key in keys)) and n_places and not has_text:
        return "places", "是区划清单（代码和名称），没有日期"
    is_units = any(re.search(r"单位|部门|机构|unit|department|agency", key) for key in keys)
    if (
        is_units
        and not has_text
        and any(one.look.shares["unit"] >= 0.6 and one.look.unique_share >= 0.6 for one in looked if one.look)
    ):
        return "units", "是单位清单，没有日期"
    known = {alias.field for one in seen for alias in headers.aliases().get(headers.alias_key(one.header), ())}
    if has_text or known & {"item_number", "text", "title", "status_word"}:
        return "events", "有编号或内容，一行是一件事项，但没有日期列"
    return "unknown", "没有日期、编号和内容列，看不出是哪种文件"


def _source(seen: list[_Seen], name: str) -> tuple[str, str]:
    """Whose export is this: aliases only one source uses, the file's name, the words of channels and purposes."""
    points = dict.fromkeys(SOURCES, 0.0)
    why: dict[str, list[str]] = {one: [] for one in SOURCES}
    for one in seen:
        users = {alias.source for alias in headers.aliases().get(headers.alias_key(one.header), ())}
        if users and "" not in users:
            for user in users:
                points[user] += 1 / len(users)
                if len(users) == 1:
                    why[user].append(one.header)
    for source, words in SOURCE_WORDS.items():
        if hit := re.search(words, name, re.IGNORECASE):
            points[source] += 2
            why[source].insert(0, f"文件名含“{hit[0]}”")
        points[source] += 0.5 * sum(bool(re.search(words, one.header, re.IGNORECASE)) for one in seen)
    best = max(points, key=lambda one: (points[one], one == "hotline"))
    if points[best] == 0:
        return "hotline", "列名看不出来源，暂按 12345 工单；请用 --source 指定"
    others = sorted(points.values())[-2]
    sure = "" if points[best] >= others + 1 else "（不太确定，可用 --source 指定）"
    words = "、".join(f"“{word}”" if not word.startswith("文件名") else word for word in why[best][:4])
    return best, (f"{words}是{SOURCE_NAMES[best]}的写法" if words else f"列名像{SOURCE_NAMES[best]}") + sure


# --- what each column may be ------------------------------------------------------------------------------------


def _read_headers(seen: list[_Seen], source: str) -> None:
    for one in seen:
        if one.personal or one.look is None:
            continue
        for name, (confidence, owner, why) in headers.meanings(one.header).items():
            if owner not in ("", source):
                confidence -= 0.08
            fit, said = _fit(name, one.look)
            if one.look.n_filled == 0:
                reading_of = _Reading(
                    confidence=round(confidence * 0.9, 3), reason=f"{why}；取样各行都是空的", is_named=True
                )
            elif fit < 0.25:
                reading_of = _Reading(confidence=round(0.35 * confidence, 3), reason=f"{why}，但{said}", is_named=True)
            else:
                value = confidence * (0.6 + 0.4 * fit) + (0.07 if fit >= 0.9 else 0)
                reading_of = _Reading(confidence=round(min(0.99, value), 3), reason=f"{said}，{why}", is_named=True)
            one.readings[name] = reading_of
        for name, (confidence, why) in _by_values(one).items():
            if name not in one.readings or one.readings[name]["confidence"] < confidence:
                one.readings[name] = _Reading(confidence=confidence, reason=why, is_named=False)


def _fit(name: str, look: Profile) -> tuple[float, str]:
    """How well the values suit this field (0–1), and what they are."""
    share = look.shares
    if not look.n_filled:
        return 0.5, "取样各行都是空的"
    if name in TIMES:
        whole = share["date"] + (share["serial"] if share["serial"] >= 0.5 else 0)
        return min(1.0, whole), f"{min(1, whole):.0%} 的值是日期"
    if name == "item_number":
        id_like = max(share["identifier"], share["integer"], share["exponent"])
        if share["date"] >= 0.9 and look.unique_share < 0.9:
            return 0.0, "值是日期"
        return min(1.0, look.unique_share * (0.4 + 0.6 * id_like)), f"{look.unique_share:.0%} 的值各不相同"
    if name in ("lon", "lat"):  # exchanged columns are put right when the file is taken in
        inside = max(share["lon"], share["lat"])
        return inside, f"{inside:.0%} 的值是经纬度" if inside else "值不是度（可能是米制坐标）"
    if name in ("is_first", "is_repeat", "is_group", "is_closed", "archived_in_time", "archived_late"):
        fit = max(share["flag"], 0.6 if look.n_distinct <= 3 else 0.0)
        return fit, f"{share['flag']:.0%} 的值是是/否" if share["flag"] >= 0.25 else f"只有 {look.n_distinct} 种值"
    if name == "is_confidential":
        return (0.9 if look.n_distinct <= 4 else 0.0), f"只有 {look.n_distinct} 种值"
    if name in ("is_solved", "satisfaction", "bureau_satisfaction", "is_contacted"):
        fit = max(share["satisfaction"], share["flag"], 0.5 if look.n_distinct <= 8 else 0)
        return fit, f"只有 {look.n_distinct} 种值"
    if name == "status_word":
        few = 0.75 if look.n_distinct <= 40 and look.median_length <= 14 else 0.0
        return max(share["status"], few), f"{share['status']:.0%} 的值是已知的状态词"
    if name in ("persons", "n_returns", "line_number"):
        return share["integer"], f"{share['integer']:.0%} 的值是整数"
    if name in ("county_name", "town_name", "community_name"):
        kind = name.removesuffix("_name")
        fit = max(
            share[kind],
            0.6 if look.is_vocabulary and share["hanzi"] < 0.2 and share["integer"] < 0.2 else 0,
            0.55 if look.is_vocabulary and share["hanzi"] > 0.5 and not share["date"] else 0,
        )
        label = headers.labels()[name]
        return fit, f"{share[kind]:.0%} 的值像{label}名称" if share[kind] >= 0.25 else f"只有 {look.n_distinct} 种值"
    if name == "place":
        return max(share["place"], share["address"]), f"{max(share['place'], share['address']):.0%} 的值带区划或地址"
    if name in ("unit_name", "unit_co_name"):
        fit = max(share["unit"], 0.75 if look.is_vocabulary and share["integer"] < 0.2 else 0.3)
        return fit, f"{share['unit']:.0%} 的值像单位名称" if share["unit"] >= 0.25 else f"只有 {look.n_distinct} 种值"
    if name == "handling_role":
        return share["role"], f"{share['role']:.0%} 的值是主办、协办"
    if name == "title":
        fit = 1.0 if look.median_length >= 4 and share["date"] < 0.2 and share["integer"] < 0.2 else 0.0
        return fit, f"值是短句（约 {look.median_length:.0f} 字）"
    if name == "text":
        return (
            1.0 if look.median_length >= 8 else 0.5 if look.median_length >= 4 else 0.0
        ), f"值是长文字（约 {look.median_length:.0f} 字）"
    if name in ("grid_name", "marks", "number_part"):
        return 0.8, f"有 {look.n_distinct} 种值"
    if name in ("category", "category_top", "category_middle", "category_leaf"):
        if share["date"] >= 0.2:
            return 0.0, f"{share['date']:.0%} 的值是日期"
        if share["integer"] >= 0.5:
            return (0.5 if look.is_vocabulary else 0.0), f"值是 {look.n_distinct} 种代码，不是名称"
        fit = 1.0 if look.is_vocabulary else 0.6 if look.median_length <= 40 else 0.2
        return fit, f"{look.n_distinct} 种分类反复出现" if look.is_vocabulary else f"有 {look.n_distinct} 种值"
    few = 0.9 if look.is_vocabulary and look.n_distinct <= 60 and share["date"] < 0.2 else 0.0
    return few, f"只有 {look.n_distinct} 种值"  # channel, purpose, severity


def _by_values(one: _Seen) -> dict[str, tuple[float, str]]:
    """What the values can hardly be anything but, whatever the header says."""
    look = one.look
    assert look is not None
    share, found = look.shares, {}
    if look.n_filled < 5:
        return {}
    if re.search(headers.REPLY, one.header, re.IGNORECASE):
        return {}
    if share["date"] >= 0.9:
        found["registered_at"] = (0.5, f"{share['date']:.0%} 的值是日期，列名看不出是哪个时间")
        return found
    if share["town"] >= 0.8 and look.is_vocabulary:
        found["town_name"] = (0.62, f"{share['town']:.0%} 的值以街道、镇、乡结尾")
    if share["community"] >= 0.8 and share["town"] < 0.3:
        found["community_name"] = (0.62, f"{share['community']:.0%} 的值以社区、村结尾")
    if share["county"] >= 0.8 and look.is_vocabulary and share["community"] < 0.5:
        found["county_name"] = (0.58, f"{share['county']:.0%} 的值以区、县、市结尾")
    if share["role"] >= 0.8:
        found["handling_role"] = (0.7, f"{share['role']:.0%} 的值是主办、协办")
    if share["satisfaction"] >= 0.8:
        found["satisfaction"] = (0.62, f"{share['satisfaction']:.0%} 的值是满意程度")
    if share["purpose"] >= 0.8 and look.n_distinct <= 15:
        found["purpose"] = (0.6, f"{share['purpose']:.0%} 的值是投诉、咨询等目的")
    if share["status"] >= 0.8 and share["flag"] < 0.5:
        found["status_word"] = (0.66, f"{share['status']:.0%} 的值是已知的状态词")
    if share["unit"] >= 0.7 and look.is_vocabulary and share["town"] < 0.7 and share["county"] < 0.5:
        found["unit_name"] = (0.55, f"{share['unit']:.0%} 的值像单位名称")
    if (
        share["place"] >= 0.9
        and share["address"] < 0.5
        and look.median_length >= 6
        and not look.is_vocabulary
        and look.median_length <= 25
    ):
        found["place"] = (0.5, f"{share['place']:.0%} 的值带区划")
    if share["hanzi"] >= 0.9 and look.median_length >= 25 and look.unique_share >= 0.5:
        found["text"] = (0.6, f"值是长文字（约 {look.median_length:.0f} 字）")
    if (
        share["identifier"] >= 0.95 and look.unique_share >= 0.98 and look.filled_share >= 0.98
        and look.median_length >= 6 and share["date"] < 0.5 and share["decimal"] < 0.5
    ):  # fmt: skip
        found["item_number"] = (0.55, "每行的值各不相同，样子像编号")
    return found


def _assign(seen: list[_Seen]) -> None:
    """The surest reading first; a field is given to one column, the others take their next reading."""
    offers = sorted(
        (
            (reading_of["confidence"], -one.position, name, one)
            for one in seen
            for name, reading_of in one.readings.items()
        ),
        key=lambda offer: offer[:2],
        reverse=True,
    )
    taken: set[str] = set()
    for confidence, _, name, one in offers:
        if confidence >= KEEP and one.field is None and name not in taken:
            _give(one, name)
            taken.add(name)


def _give(one: _Seen, name: str | None, reason: str | None = None, confidence: float | None = None) -> None:
    known = one.readings.get(name or "")
    one.field = name
    one.confidence = confidence if confidence is not None else known["confidence"] if known else 0.0
    one.reason = reason or (known["reason"] if known else "")


def _with(seen: list[_Seen], name: str) -> _Seen | None:
    return next((one for one in seen if one.field == name), None)


def _fix_times(seen: list[_Seen], notes: list[str]) -> None:
    """Something must be the time of registration: the nearest thing to it, else the first unnamed date."""
    if _with(seen, "registered_at"):
        return
    for name in ("occurred_at", "accepted_at"):
        if one := _with(seen, name):
            if (meant := one.readings.get("registered_at")) is not None and meant["is_named"]:
                _give(one, "registered_at")  # 受理时间 is the registration where there is no other
                return
            label = headers.labels()[name]
            _give(one, "registered_at", f"{one.reason}；没有登记时间列，以{label}代替", one.confidence - 0.1)
            notes.append(f"没有登记时间列，用“{one.header}”代替；期限和周次会从这个时间算起。")
            return


def _fix_categories(seen: list[_Seen]) -> None:
    """One path or several levels, not both: a column that holds whole paths stands alone, else it is one of the levels.

    Columns that all claim to be levels, more than the names say apart, are put in order by how many words they have.
    """
    whole = _with(seen, "category")
    if whole is not None and whole.look and profile.path_separators(whole.look)[0]:
        for name in LEVELS:
            if one := _with(seen, name):
                _give(one, None, f"“{whole.header}”一格里已有各级分类")
        return
    left_out = [one for one in seen if one.field is None and _level_confidence(one) >= 0.7]
    levels = [one for name in ("category", *LEVELS) if (one := _with(seen, name))]
    if len(levels) == 1 and not left_out:
        _give(levels[0], "category", levels[0].reason, levels[0].confidence)
    elif len(levels) + len(left_out) <= len(LEVELS) and (left_out or whole):
        together = sorted([*levels, *left_out], key=lambda one: (one.look.n_distinct if one.look else 0, one.position))
        for one in together:
            one.field = None
        for name, one in zip(LEVELS, together, strict=False):
            confidence = max(0.6, _level_confidence(one) - 0.05)
            _give(
                one,
                name,
                f"有 {one.look.n_distinct if one.look else 0} 种值，按粗细排为{headers.labels()[name]}",
                confidence,
            )
    elif whole:
        _give(whole, None, "已有三级分类列")


def _level_confidence(one: _Seen) -> float:
    return max(
        (one.readings[name]["confidence"] for name in ("category", *LEVELS) if name in one.readings), default=0.0
    )


def _fix_places(seen: list[_Seen], notes: list[str]) -> None:
    """Points need both numbers; an address is not read where columns already name town or community."""
    lon, lat = _with(seen, "lon"), _with(seen, "lat")
    for one, other in ((lon, lat), (lat, lon)):
        if one and not other:
            _give(one, None, "只有经度或纬度其中一个")
    for one in seen:
        meant = headers.aliases().get(headers.alias_key(one.header), ())
        if one.field or not one.look or not one.look.n_filled or not any(a.field in ("lon", "lat") for a in meant):
            continue
        if max(one.look.shares["lon"], one.look.shares["lat"]) < 0.25:
            one.reason = "值不是经纬度（可能是当地的米制坐标），不能直接使用"
            note = "坐标列的值不是经纬度度数（可能是当地的米制坐标），没有采用；请向业务系统要经纬度。"
            if note not in notes:
                notes.append(note)
    place = _with(seen, "place")
    named = [one for name in ("town_name", "community_name") if (one := _with(seen, name))]
    if place and any(one.look and one.look.filled_share >= 0.5 for one in named):
        _give(place, None, "已有区划列，不需要整串地址")
    elif place and place.look and place.look.n_filled:
        parsed = parsing.parse_place(pl.Series(list(place.look.words), dtype=pl.String))
        n_found = parsed.select(pl.any_horizontal(pl.all().is_not_null()).sum()).item()
        share = n_found / len(place.look.words)
        if share < 0.1 and place.confidence < 0.99:
            _give(place, None, f"只有 {share:.0%} 的地址能切出区划")
        else:
            place.reason += "；只切出县区、镇街、社区村"


def _choose(seen: list[_Seen], chosen: Choices) -> None:
    """The person's own decisions over the proposal."""
    by_key = {header_key(one.header): one for one in seen}
    for header, name in chosen.columns.items():
        one = by_key.get(header_key(header))
        if one is None:
            near = headers.nearest(header, [each.header for each in seen])
            raise UsageError(f"文件里没有列“{header}”" + (f"，是否想写“{near}”？" if near else "。"))
        if name is not None and name not in FIELDS:
            near = headers.nearest_field(name)
            raise UsageError(
                f"不认识的名称“{name}”"
                + (f"，是否想写 {near}（{headers.labels()[near]}）？" if near else f"，可用：{'、'.join(FIELDS)}。")
            )
        if name is not None and one.personal:
            raise UsageError(f"列“{one.header}”涉及个人（{one.personal}），不能保留。")
        if name is not None:
            for other in seen:
                if (
                    other.field == name
                    and other is not one
                    and header_key(other.header) not in map(header_key, chosen.columns)
                ):
                    _give(other, None, f"改由“{one.header}”提供")
        _give(one, name, "按指定", 1.0 if name else 0.0)
    for name in chosen.constants:
        if (one := _with(seen, name)) and header_key(one.header) not in map(header_key, chosen.columns):
            _give(one, None, "改用固定值")
    if chosen.item_number_from is not None:
        if (one := _with(seen, "item_number")) and header_key(one.header) not in map(header_key, chosen.columns):
            _give(one, None, "改用指定的编号方式")
        if not isinstance(chosen.item_number_from, str):
            for header in chosen.item_number_from:
                one = by_key.get(header_key(header))
                if one is None:
                    raise UsageError(f"编号要用的列“{header}”不在文件里。")
                if one.personal:
                    raise UsageError(f"列“{one.header}”涉及个人（{one.personal}），不能用来编号。")
                if one.field is None:
                    _give(one, "number_part", "按指定用来编号", 1.0)


def _options(seen: list[_Seen], chosen: Choices, notes: list[str]) -> tuple[dict, list[dict]]:
    """Separators, order of paths, coordinate system and words of state, as the values show them."""
    options: dict[str, Any] = {}
    turned = []
    category, unit, place = (_with(seen, name) for name in ("category", "unit_name", "place"))
    if category and category.look and category.look.n_filled:
        marks, is_reversed = profile.path_separators(category.look)
        if marks:
            options["category_separators"] = list(marks)
            turned += ["category"] if is_reversed else []
    if unit and unit.look:
        marks, is_reversed = profile.path_separators(unit.look)
        if marks and marks[0] not in ("-", "—", "_", ":", "："):
            options["unit_separators"] = list(marks)
            turned += ["unit_name"] if is_reversed else []
            notes.append(
                f"“{unit.header}”是用“{marks[0]}”连接的路径，取{'最前' if is_reversed else '最后'}一段为承办单位。"
            )
    if place and place.look and profile.is_reversed_place(place.look):
        turned.append("place")
    if turned:
        options["reversed_paths"] = turned
    lon, lat = _with(seen, "lon"), _with(seen, "lat")
    if lon and lat:
        options |= _bounds(lon, lat, notes)
        for hint, crs in (
            ("gcj", "gcj02"),
            ("wgs", "wgs84"),
            ("bd09", "bd09"),
            ("baidu", "bd09"),
            ("2000", "cgcs2000"),
        ):
            if hint in header_key(lon.header):
                options["crs"] = crs
    status = _with(seen, "status_word")
    words = _status_words(status, chosen) if status else []
    if guessed := {one["word"]: one["state"] for one in words if one["how"] == "guessed"} | chosen.status_words:
        options["status_words"] = guessed
    if chosen.constants:
        options["constants"] = dict(chosen.constants)
    if chosen.item_number_from is not None:
        number = chosen.item_number_from
        options["item_number_from"] = number if isinstance(number, str) else list(number)
    return options | {key: value for key, value in chosen.options.items() if key != "title"}, words


def _bounds(lon: _Seen, lat: _Seen, notes: list[str]) -> dict[str, list[float]]:
    """Points of a place abroad need to be told where they may lie; those in China, exchanged or not, do not."""
    boxes = [one.look.box for one in (lon, lat) if one.look and one.look.box]
    if len(boxes) < 2:
        return {}
    for x, y in (boxes, boxes[::-1]):
        if CHINA[0] <= sum(x) / 2 <= CHINA[2] and CHINA[1] <= sum(y) / 2 <= CHINA[3]:
            return {}
    if max(map(abs, boxes[1])) > 90:
        boxes = boxes[::-1]  # exchanged
    (west, east), (south, north) = boxes
    if max(map(abs, boxes[1])) > 90 or max(map(abs, boxes[0])) > 180:
        return {}  # no degrees
    notes.append("坐标不在国内：已按取样给出 bounds（坐标应在的范围），请核对；范围外的点不采用。")
    return {"bounds": [round(value, 1) for value in (west - 0.3, south - 0.3, east + 0.3, north + 0.3)]}


def _status_words(status: _Seen, chosen: Choices) -> list[dict]:
    """The words of the status column that several rows share, and which state each means."""
    rows = []
    look = status.look
    assert look is not None
    for word, n in look.words.most_common(40):
        if len(word) > 20 or re.search(r"\d{4,}", word):
            continue
        known = profile.STATUS_WORDS.get(word.casefold())
        state = chosen.status_words.get(word) or known or profile.state_of(word)
        how = "known" if known else "guessed" if state else "open"
        if n < profile.SHARED_BY and how == "open":
            continue  # a rare word may be anything; the ledger will count it
        rows.append({"word": word, "n": n, "state": state, "label": files.STATES.get(state or ""), "how": how})
    return rows


def _required(seen: list[_Seen]) -> list[str]:
    names = ["item_number", "registered_at"]
    first = next((name for name in ("category", "category_top", "text", "title") if _with(seen, name)), None)
    names += [first] if first else []
    found = [one for name in names if (one := _with(seen, name))]
    return [one.header for one in found] or [one.header for one in seen if one.field][:1]


def _missing(layout: dict) -> list[dict]:
    """What has to be decided before this can be saved."""
    names = set(layout["columns"].values()) | set(layout.get("constants", {}))
    missing = []

    def say(name: str, sentence: str, options: list[str]) -> None:
        missing.append({"field": name, "label": headers.labels()[name], "sentence": sentence, "options": options})

    if "registered_at" not in names:
        say(
            "registered_at",
            "没有日期列。请补导出登记时间；整个文件属于同一天的，给一个固定日期。",
            ["--map 列名=registered_at", "--constant registered_at=2024-01-31"],
        )
    if "item_number" not in names and "item_number_from" not in layout:
        say(
            "item_number",
            "没有编号列。请补导出编号；确实没有的，按内容编号（完全相同的行算一件），或指定几列合成编号。",
            ["--number-from content", "--number-from 列名,列名", "--map 列名=item_number"],
        )
    if not names & set(files.CONTENT):
        say("text", "没有分类、标题或内容列，没有可分析的内容。", ["--map 列名=category", "--map 列名=text"])
    return missing


def _notes(seen: list[_Seen], layout: dict, notes: list[str]) -> None:
    names = set(layout["columns"].values()) | set(layout.get("constants", {}))
    if not names & {"county_name", "town_name", "community_name", "place", "lon"}:
        notes.append(
            "没有地点列：事项会计入“未定位”，地图和镇街排名用不上。整个文件属于同一县区的，可加 --constant county_name=某县。"
        )
    if not names & {"category", "category_top"}:
        notes.append("没有分类列：事项计为“未分类”，高频事项只能从文字里看。")
    number = _with(seen, "item_number")
    if number and number.look and number.look.n_filled and number.look.unique_share < 0.95:
        co = "按主办、协办合并为一件" if "handling_role" in names else "同一编号的多行会合并为一件"
        notes.append(f"编号有重复（{1 - number.look.unique_share:.0%} 的行）：{co}。")
    if number and number.look and number.look.n_filled and number.look.shares["exponent"] >= 0.02:
        notes.append(
            f"“{number.header}”有被 Excel 当作数字截断的编号（如 1.23E+17），这些行会被拒收；请把该列设为文本后重新导出。"
        )
    if layout.get("item_number_from") == "content" and not names & {"text", "title"}:
        notes.append("按内容编号，但没有标题和内容：同一时间、分类、地点的不同事项会并成一件，请慎用。")
    unsure = [one.header for one in seen if one.field and one.confidence < SURE]
    if unsure:
        notes.append(f"请特别核对把握不大的列：{'、'.join(unsure)}。")


def _column(one: _Seen) -> Column:
    look = one.look
    is_kept = one.field is not None
    labels = headers.labels()
    return Column(
        header=one.header,
        position=one.position,
        action="keep" if is_kept else "drop",
        field=one.field,
        label=labels[one.field] if one.field else None,
        confidence=round(one.confidence, 2) if is_kept else 0.0,
        reason=one.reason or _why_dropped(one),
        is_identifying=one.personal is not None,
        filled_share=round(look.filled_share, 3) if look else None,
        n_distinct=look.n_distinct if look else None,
        shapes=list(look.shapes) if look and is_kept else [],
        examples=profile.shared_words(look) if look and one.field in EXAMPLES else [],
        alternatives=[]
        if one.personal
        else [
            Alternative(field=name, label=labels[name], confidence=round(said["confidence"], 2), reason=said["reason"])
            for name, said in sorted(one.readings.items(), key=lambda item: -item[1]["confidence"])
            if name != one.field and said["confidence"] >= 0.2
        ][:4],
    )


def _why_dropped(one: _Seen) -> str:
    if not one.header.strip():
        return "没有列名"
    if re.search(headers.REPLY, one.header, re.IGNORECASE):
        return "答复、备注类文字不需要，且常写有个人信息"
    if one.readings:
        name, said = max(one.readings.items(), key=lambda item: item[1]["confidence"])
        return f"像{headers.labels()[name]}，但已有更合适的列" if said["confidence"] >= KEEP else said["reason"]
    return "看不出用途，默认不读取"


def _next_step(name: str, missing: list[dict]) -> str:
    if missing:
        fixes = "；".join(f"{one['label']}：{one['options'][0]}" for one in missing)
        return f"还缺 {'、'.join(one['label'] for one in missing)}，补上后才能保存（{fixes}）。"
    return f"核对后保存：yanpan layout propose {name} --save 版式名；再试读：yanpan layout check {name}。"


def _other_next_step(kind: str, name: str) -> str:
    return {
        "categories": f"这是分类表，不是事项。对应到本系统的事项：yanpan layout propose {name} --save-as-categories hotline（来源按实际填写）。",
        "places": f"这是区划清单。请直接导入：yanpan ingest {name}。",
        "boundary": f"这是边界文件。请直接导入：yanpan ingest {name}。",
        "units": "这是单位清单，不需要导入：承办单位取自事项本身。",
        "unknown": "请核对是否选错文件；事项文件至少要有日期、编号，以及分类、标题、内容之一。",
    }[kind]
