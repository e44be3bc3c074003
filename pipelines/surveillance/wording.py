"""What is said of a signal: one sentence to read aloud, what it consists of, what a careful reader should know."""

import json
from datetime import date

import polars as pl

from pipelines.surveillance.clusters import MAX_WINDOW_WEEKS

EVERYTHING_RAISED = 0.25

KINDS = {
    "excess": "数量超出",
    "rise": "近8周偏高",
    "cluster": "空间聚集",
    "repeat": "重复未解",
    "channel": "多渠道同时",
    "overdue": "逾期偏多",
    "satisfaction": "不满意偏多",
    "returns": "退回偏多",
    "matter": "同一事项集中",
    "emerging": "新词集中出现",
}
"""The kinds of evidence in the reader's words."""


def chance_words(chance_per_year: float) -> str:
    """「纯属偶然的机会」 in words a leader can say aloud."""
    if chance_per_year >= 1:
        return f"一年约 {chance_per_year:.0f} 次"
    years = 1 / max(chance_per_year, 1e-12)
    if years <= 100:
        return f"约 {years:.0f} 年一次"
    return "百年不足一次"


def sentence(signal: dict) -> str:
    """One sentence to read aloud: where, what, how many against how many, since when, how likely by chance.

    `signal` names what it needs: place_full_name, issue_name and, by `kind`, what it is about (`about`: the title of a matter,
    the words, the radius and weeks of a cluster).

    >>> sentence({"place_full_name": "云溪区和平街道", "issue_name": "供暖", "observed": 63, "expected": 12.4, "upper_bound": 24.0,
    ...           "since_on": date(2026, 11, 2), "n_weeks": 2, "chance_per_year": 0.02})
    '云溪区和平街道“供暖”本周 63 件，按往年和近期水平应在 12 件左右（上限 24 件），多出 51 件；自 11月2日那一周算起，本周是第 2 周。这样的波动纯属偶然的机会：约 50 年一次。'
    """
    own_words = {"matter": _matter, "cluster": _cluster, "emerging": _words, **dict.fromkeys(UNIT_COUNTS, _unit)}
    said = own_words.get(signal.get("kind", "excess") if signal.get("subject") else "", _excess)(signal)
    which = "这样的波动" if signal.get("is_rarest", True) else "按最罕见的一周算，这样的波动"
    return f"{said}。{which}纯属偶然的机会：{chance_words(signal['chance_per_year'])}。"


UNIT_COUNTS = {
    "overdue": ("到期", "逾期"),
    "satisfaction": ("评价", "不满意"),
    "returns": ("办结", "被退回"),
}
"""What a unit's items are counted among, and what is counted."""


def _excess(signal: dict) -> str:
    unsaid = {"excess", "rise"} if signal["n_weeks"] == 1 else {"excess"}  # one jump is no course of eight weeks
    if signal.get("n_of_matter"):
        unsaid |= {"matter", "emerging"}  # said below, by name
    others = "、".join(KINDS[kind] for kind in signal.get("kinds") or [] if kind not in unsaid)
    also = f"，并有{others}" if others else ""
    over = f"多出 {signal['observed'] - signal['expected']:.0f} 件"
    if signal["observed"] <= signal["upper_bound"]:
        over += "，单看本周没有超出上限"
    about = f"；其中 {signal['n_of_matter']} 件说的是同一件事：{signal['about']}" if signal.get("n_of_matter") else ""
    return (
        f"{signal['place_full_name']}“{signal['issue_name']}”本周 {signal['observed']} 件，按往年和近期水平"
        f"{_should_be(signal)}（上限 {signal['upper_bound']:.0f} 件），{over}；{_lasting(signal)}{also}{about}"
    )


def _matter(signal: dict) -> str:
    return (
        f"{signal['place_full_name']}近 4 周有 {signal['observed']} 件诉求说的是同一件事：{signal['about']}，"
        f"至今共 {signal['base']} 件；{_lasting(signal)}{_and_also(signal)}"
    )


def _cluster(signal: dict) -> str:
    n_weeks = min(signal["n_weeks"], MAX_WINDOW_WEEKS)
    span = f"近 {n_weeks} 周" if n_weeks > 1 else "本周"
    return (
        f"{signal['place_full_name']}“{signal['issue_name']}”{span}在方圆约 {max(signal['radius_km'], 0.1):.1f} 公里内集中出现 "
        f"{signal['observed']} 件，按平时的分布{_should_be(signal)}{_and_also(signal)}"
    )


def _words(signal: dict) -> str:
    return (
        f"{signal['place_full_name']}近期有 {signal['observed']} 件诉求提到{signal['about']}，此前很少见，"
        f"按以往{_should_be(signal)}，多属“{signal['issue_name']}”；{_lasting(signal)}{_and_also(signal)}"
    )


def _unit(signal: dict) -> str:
    base, cases = UNIT_COUNTS[signal["kind"]]
    return (
        f"{signal['unit_name']}近 4 周{base} {signal['base']} 件，其中{cases} {signal['observed']} 件，按该单位以往水平"
        f"{_should_be(signal)}（上限 {signal['upper_bound']:.0f} 件）；{_lasting(signal)}{_and_also(signal)}"
    )


def _should_be(signal: dict) -> str:
    return f"应在 {signal['expected']:.0f} 件左右" if signal["expected"] >= 1 else "应不到 1 件"


def _lasting(signal: dict) -> str:
    since = signal["since_on"]
    if signal["n_weeks"] == 1:
        return "本周首次出现"
    return f"自 {since.month}月{since.day}日那一周算起，本周是第 {signal['n_weeks']} 周"


def _and_also(signal: dict) -> str:
    others = "、".join(KINDS[kind] for kind in signal["kinds"][1:])
    return f"，并有{others}" if others else ""


def title(signal: dict) -> str:
    """A short name without figures: a unit and its trouble, a matter, or a place and an issue.

    >>> title({"place_full_name": "云溪区和平街道", "issue_name": "供暖", "unit_name": None, "about": None, "kind": "excess"})
    '云溪区和平街道 供暖'
    """
    if signal["unit_name"]:
        return f"{signal['unit_name']} {KINDS[signal['kind']]}"
    if signal["kind"] in ("matter", "emerging") and signal["about"]:
        return f"{signal['place_full_name']} {signal['about']}"
    return f"{signal['place_full_name']} {signal['issue_name']}"


def caveat(parts: dict, observed: int, arrived: float = 1.0, raised: float = 0.0) -> str:
    """What a careful reader should know before acting on it; '' if nothing.

    `arrived`: share of the week known so far. `raised`: share of all issues that are above their bound in the whole city.
    """
    notes = []
    if raised > EVERYTHING_RAISED:
        notes.append(
            f"本周全市有 {raised:.0%} 的事项同时超出上限，可能是数据范围变了（新接入、补录、改渠道），不像一件事"
        )
    if arrived < 1:
        notes.append(f"本周的数据估计只到了 {arrived:.0%}，预期已按此折算")
    busiest = parts["days"][0] if len(parts["days"]) > 1 else None
    if busiest and busiest["n_events"] >= 0.7 * observed:
        day = date.fromisoformat(busiest["name"])
        notes.append(f"{busiest['n_events'] / observed:.0%} 集中在 {day.month}月{day.day}日一天登记，可能是集中补录")
    if observed and parts["unlocated"] >= 0.3 * observed:
        notes.append(f"{parts['unlocated'] / observed:.0%} 没有写明社区村")
    return "；".join(notes)


def blind_spots(signal: dict, parts: dict, *, silent: list[str], searched_from: date, n_without_text: int) -> list[str]:
    """What the system cannot see about this warning, in sentences.

    `silent`: sources that usually report here and did not this week. `searched_from`: first week searched for clusters.
    `n_without_text`: items of the week whose text is not there to be read.
    """
    said = [f"{name}本周没有这个区域的数据" for name in silent]
    observed = max(signal["observed"], 1)
    if signal["unit_name"]:
        return [*said, "只看限办、评价和退回的记录，看不到案情难易；没有登记办结时间的不计"]
    if parts["unlocated"] >= 0.1 * observed:
        said.append(f"{_share_word(parts['unlocated'], observed)}没有写明社区村，更小范围的聚集看不全")
    if signal["week_start_on"] < searched_from:
        said.append("这一周没有做空间聚集搜索（只搜索最近 13 周）")
    if n_without_text >= 0.1 * observed:
        said.append(f"{_share_word(n_without_text, observed)}没有可读的内容（未填或按规定不读），是不是同一件事看不全")
    return [*said, "没有来反映的人和没有接入的渠道，系统看不到"]


def _share_word(n: int, total: int) -> str:
    """A share in words: a count this small is not for everybody to see."""
    return "多数诉求" if 2 * n >= total else "一部分诉求"


def parts(items: pl.DataFrame, signals: pl.DataFrame, place_names: dict[str, str]) -> list[dict]:
    """What each signal consists of, in signal order: issues (of a group), places, units, sources, channels, days, each most first.

    `items`: signal_no (row of the signal), registered_on, county_code, town_code, community_code, issue_name, unit_name,
    source, channel.
    """
    result = []
    by_signal = items.partition_by("signal_no", as_dict=True)
    for number, signal in enumerate(signals.iter_rows(named=True)):
        rows = by_signal.get((number,), items.clear())
        below = {"city": "county_code", "county": "town_code", "town": "community_code"}[signal["place_level"]]
        is_mixed = signal["unit_name"] is not None or signal["issue_code"] == signal["group_code"]
        result.append(
            {
                **({"issues": _top(rows, "issue_name")} if is_mixed else {}),
                "places": _top(rows, below, place_names),
                "units": _top(rows, "unit_name") if signal["unit_name"] is None else [],
                "sources": _top(rows, "source"),
                "channels": _top(rows, "channel"),
                "days": _top(rows, "registered_on", limit=7),
                "unlocated": rows["community_code"].null_count(),
            }
        )
    return result


def _top(rows: pl.DataFrame, column: str, names: dict[str, str] | None = None, limit: int = 5) -> list[dict]:
    counted = (
        rows.drop_nulls(column).group_by(column).len("n_events").sort(["n_events", column], descending=[True, False])
    )
    return [
        {"name": (names or {}).get(key, str(key)), **({"code": key} if names else {}), "n_events": n}
        for key, n in counted.head(limit).iter_rows()
    ]


def as_json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
