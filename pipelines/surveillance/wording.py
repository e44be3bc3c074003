"""What is said of a signal: one sentence to read aloud, what it consists of, what a careful reader should know."""

import json
from datetime import date

import polars as pl

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

    >>> sentence({"place_full_name": "云溪区和平街道", "issue_name": "供暖", "observed": 63, "expected": 12.4, "upper_bound": 24.0,
    ...           "since_on": date(2026, 11, 2), "n_weeks": 2, "chance_per_year": 0.02})
    '云溪区和平街道“供暖”本周 63 件，按往年和近期水平应在 12 件左右（上限 24 件），多出 51 件；自 11月2日那一周算起，本周是第 2 周。这样的波动纯属偶然的机会：约 50 年一次。'
    """
    since = signal["since_on"]
    lasting = (
        "本周首次出现"
        if signal["n_weeks"] == 1
        else f"自 {since.month}月{since.day}日那一周算起，本周是第 {signal['n_weeks']} 周"
    )
    unsaid = {"excess", "rise"} if signal["n_weeks"] == 1 else {"excess"}  # one jump is no course of eight weeks
    others = "、".join(KINDS[kind] for kind in signal.get("kinds") or [] if kind not in unsaid)
    also = f"，并有{others}" if others else ""
    about = f"应在 {signal['expected']:.0f} 件左右" if signal["expected"] >= 1 else "应不到 1 件"
    over = f"多出 {signal['observed'] - signal['expected']:.0f} 件"
    if signal["observed"] <= signal["upper_bound"]:
        over += "，单看本周没有超出上限"
    which = "这样的波动" if signal.get("is_rarest", True) else "这件事里最罕见的一周"
    return (
        f"{signal['place_full_name']}“{signal['issue_name']}”本周 {signal['observed']} 件，按往年和近期水平{about}"
        f"（上限 {signal['upper_bound']:.0f} 件），{over}；{lasting}{also}。"
        f"{which}纯属偶然的机会：{chance_words(signal['chance_per_year'])}。"
    )


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
    busiest = parts["days"][0]
    if len(parts["days"]) > 1 and busiest["n_events"] >= 0.7 * observed:
        day = date.fromisoformat(busiest["name"])
        notes.append(f"{busiest['n_events'] / observed:.0%} 集中在 {day.month}月{day.day}日一天登记，可能是集中补录")
    if parts["unlocated"] >= 0.3 * observed:
        notes.append(f"{parts['unlocated'] / observed:.0%} 没有写明社区村")
    return "；".join(notes)


def parts(items: pl.DataFrame, signals: pl.DataFrame, place_names: dict[str, str]) -> list[dict]:
    """What each signal consists of, in signal order: sources, channels, communities, days, each most first.

    `items`: week_start_on, registered_on, county_code, town_code, community_code, issue_code (that of the signal: an
    issue or a group), source, channel.
    """
    result = []
    by_week_issue = items.partition_by("week_start_on", "issue_code", as_dict=True)
    for signal in signals.iter_rows(named=True):
        rows = by_week_issue.get((signal["week_start_on"], signal["issue_code"]), items.clear())
        if signal["place_level"] != "city":
            rows = rows.filter(pl.col(f"{signal['place_level']}_code") == signal["place_code"])
        below = {"city": "county_code", "county": "town_code", "town": "community_code"}[signal["place_level"]]
        result.append(
            {
                "places": _top(rows, below, place_names),
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
