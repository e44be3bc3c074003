"""From the places and weeks that hold to the few signals of a week: one event, one signal, told as one story.

An event shows in a town, its county and the city, in an issue and its group, this week and next: of these one speaks,
and it keeps its name while it goes on. A signal's `signal_id` is made of where and when it first spoke, so that the same
data give the same name, and on the same evidence further weeks change no earlier signal. (Clusters are searched for the last
weeks only, and the budget looks at all judged weeks: what was shown on a past Monday is kept by a replay of that day.)

The office says how many signals a week it can look at (`Rule.budget`) and how many chance ones it puts up with
(`Rule.false_per_week`). The second is the rate of false discoveries too (`Rule.q`): in a week in which nothing is going on
it lets q signals pass. Both become one threshold, `max_chance_per_year`: the rarer of what the second allows and of what keeps
the average week within the first.

Besides these, claims (`claims`: matters, clusters, new words, units) become further evidence of the signal that already
speaks of their place and issue, or a signal of their own where none does; each kind of them adds its CLAIM_SHARES of the
chance ones.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta

import polars as pl

from pipelines.surveillance import claims as claiming
from pipelines.surveillance.claims import MAX_GAP_WEEKS
from pipelines.surveillance.indicators import UNIT_KINDS
from pipelines.surveillance.joining import NODE

MIN_OBSERVED = 5
MIN_EXCESS, MIN_EXCESS_SHARE = 3.0, 0.25  # items, of the expectation: less in a week below its bound is not told
RAISED_P = 0.05  # a story goes on while its weeks are at least this unusual
SPEAKING_P = 0.01  # and is listed in the weeks that are at least this unusual
MAX_SILENCE_WEEKS = 4  # between two weeks in which one story is told: `rise` looks back at 8
CARRIES = 0.5  # places below speak for the place above when they carry this share of its excess
TAKES_OVER = 0.8  # and one of them for a place that has been telling the story when it carries this share
EVENTS_PER_CHANCE_ALARM = 0.5  # neighbouring weeks and levels share their chance; measured on cities without events
MAX_FDR = 0.5
ATTEMPTS = 12  # to keep to the budget, each with half the chance
CHANCE_LEVELS = ((0.01, "red"), (0.1, "orange"), (1.0, "yellow"))  # at most this often a year by chance alone
RED_MIN_EXCESS = 20  # a week
LEVELS = {"red": 0, "orange": 1, "yellow": 2, "blue": 3}
SILENCE = timedelta(weeks=MAX_SILENCE_WEEKS)
CLAIM_SHARES = {"matter": 0.25, "cluster": 0.01, "emerging": 0.1, "unit": 0.1}
"""Of the chance signals of the counts, how many each kind of claim may add. Clusters as large as 0.7 times a year by their own
account came twelve times as often in demo cities without events there: alone they have to be rarer than that."""

SIGNAL_COLUMNS = [
    *NODE, "signal_id", "signal_level", "kind", "kinds", "observed", "base", "expected", "upper_bound", "excess", "p_value",
    "chance_per_year", "since_on", "n_weeks", "rank", "is_rarest", "subject", "unit_name", "matter_id",
]  # fmt: skip
_ROW_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "week_start_on": pl.Date, "place_level": pl.String, "place_code": pl.String, "issue_code": pl.String,
    "kinds": pl.List(pl.String), "observed": pl.Int64, "base": pl.Int64, "expected": pl.Float64,
    "upper_bound": pl.Float64, "excess": pl.Float64, "weekly_excess": pl.Float64, "p_value": pl.Float64, "chance_per_year": pl.Float64,
    "since_on": pl.Date, "n_weeks": pl.Int64, "is_rarest": pl.Boolean, "subject": pl.String, "unit_name": pl.String,
    "matter_id": pl.String, "signal_id": pl.String,
}  # fmt: skip


@dataclass(frozen=True)
class Rule:
    """What the office asks for, and the threshold that follows."""

    budget: int = 10  # signals a week at most
    false_per_week: float = 0.1  # signals a week that chance alone may bring
    tightened: float = 1.0  # share of the allowed chance that keeps the average week within the budget

    @property
    def max_chance_per_year(self) -> float:
        return 52 * self.false_per_week * self.tightened / EVENTS_PER_CHANCE_ALARM

    @property
    def q(self) -> float:
        return min(self.false_per_week, MAX_FDR)

    def max_claim_chance_per_year(self, kind: str) -> float:
        """Of a matter, cluster, word or unit that speaks by itself."""
        return CLAIM_SHARES.get(kind, CLAIM_SHARES["unit"]) * self.max_chance_per_year

    @property
    def stated_false_per_week(self) -> float:
        """Of the counts alone; see `stated_with_claims`."""
        return self.false_per_week * self.tightened

    @property
    def stated_with_claims(self) -> float:
        return self.stated_false_per_week * (1 + sum(CLAIM_SHARES.values()))


def tell(
    controlled: pl.DataFrame,
    places: pl.DataFrame,
    issues: pl.DataFrame,
    rule: Rule,
    claims: pl.DataFrame | None = None,
) -> tuple[pl.DataFrame, Rule]:
    """The signals of every judged week, ranked, at most `rule.budget` a week: SIGNAL_COLUMNS; and the rule in force.

    `controlled` from `joining.control`; `places`: place_code, parent_code; `issues`: issue_code, group_code and, if known,
    severity (1 = ordinary); `claims`: see `claims.CLAIM_COLUMNS`.
    """
    asking = claiming.empty() if claims is None else claims
    judged = controlled if len(controlled) else asking  # without counts that could be judged there are still claims
    budget = rule.budget * max(judged["week_start_on"].n_unique(), 1)
    told = _speaking(controlled), _in_order(asking), _Above.of(places, issues)
    for attempt in range(1, ATTEMPTS + 1):
        rows = _stories(*told, rule, most=budget if attempt < ATTEMPTS else None)
        if len(rows) <= budget:
            break
        rule = replace(rule, tightened=rule.tightened / 2)
    signals = pl.DataFrame(rows, schema=_ROW_SCHEMA)
    # More weeks and more kinds of evidence weigh as a quarter of the excess each, up to double.
    weight = (
        pl.col("weekly_excess")
        * pl.col("severity")
        * (1 + 0.25 * (pl.min_horizontal("n_weeks", 5) - 1))
        * (1 + 0.25 * (pl.col("kinds").list.len().clip(1, 5) - 1))
    )
    ranked = (
        signals.join(_severities(issues), on="issue_code", how="left", maintain_order="left")
        .with_columns(
            pl.col("severity").fill_null(1.0),
            pl.struct("chance_per_year", "weekly_excess")
            .map_elements(level, return_dtype=pl.String)
            .alias("signal_level"),
            pl.when(pl.col("subject").is_null() & (pl.col("observed") > pl.col("upper_bound")))
            .then(pl.lit("excess"))  # a count above its bound is what the reader sees first, whatever else tells more
            .otherwise(pl.col("kinds").list.first().fill_null("excess"))
            .alias("kind"),
        )
        .with_columns(pl.col("signal_level").replace_strict(LEVELS, return_dtype=pl.Int64).alias("urgency"))
        .sort("week_start_on", "urgency", -weight, maintain_order=True)
        .with_columns(pl.int_range(1, pl.len() + 1, dtype=pl.Int64).over("week_start_on").alias("rank"))
    )
    listed = ranked.filter(pl.col("rank") <= rule.budget).sort("week_start_on", "rank")
    return listed.select(SIGNAL_COLUMNS), rule


def _severities(issues: pl.DataFrame) -> pl.DataFrame:
    """issue_code, severity: of issues, and of groups as their mildest issue."""
    if "severity" not in issues.columns:
        return pl.DataFrame(schema={"issue_code": pl.String, "severity": pl.Float64})
    known = issues.select("issue_code", pl.col("severity").cast(pl.Float64))
    groups = issues.group_by(pl.col("group_code").alias("issue_code")).agg(pl.col("severity").cast(pl.Float64).min())
    return pl.concat([known, groups.join(known, on="issue_code", how="anti")])


def _stories(speaking: pl.DataFrame, claims: pl.DataFrame, above: "_Above", rule: Rule, most: int | None) -> list[dict]:
    """The signals by this rule, in _ROW_SCHEMA; of more than `most`, as many as show that it is more."""
    holding = speaking.filter(pl.col("held_chance") <= rule.max_chance_per_year)
    spoken = _by_week(holding.select(list(_ROW_SCHEMA)))
    asked = _by_week(claims)
    rows: list[dict] = []
    last: dict[str, dict] = {}  # by signal_id: the row that told the story last
    told: set[tuple[str, str]] = set()  # claims that once were rare enough go on while they are made
    for week in sorted({*spoken, *asked}):
        last = {name: row for name, row in last.items() if row["week_start_on"] >= week - SILENCE}
        signals = _one_event_one_signal(spoken[week].to_dicts() if week in spoken else [], above, list(last.values()))
        if week in asked:
            _add_claims(signals, asked[week], above, rule, told)
        rows += _named(signals, above, last)
        if most is not None and len(rows) > most:
            break
    return rows


def _by_week(frame: pl.DataFrame) -> dict[date, pl.DataFrame]:
    return {week[0]: rows for week, rows in frame.partition_by("week_start_on", as_dict=True).items()}


def _speaking(controlled: pl.DataFrame) -> pl.DataFrame:
    """The weeks that could be told, whatever the rule: _ROW_SCHEMA and held_chance, by which the rule decides."""
    runs = _runs(controlled.with_columns((pl.col("observed") - pl.col("expected")).alias("excess")))
    # The week itself must show it: above its bound, or raised enough beside other evidence.
    shows = pl.col("excess") >= pl.max_horizontal(pl.lit(MIN_EXCESS), MIN_EXCESS_SHARE * pl.col("expected"))
    return (
        runs.filter(
            pl.col("held_chance").is_not_null(),
            pl.col("p_joined") <= SPEAKING_P,
            pl.col("observed") >= MIN_OBSERVED,
            pl.col("excess") > 0,
            (pl.col("observed") > pl.col("upper_bound")) | shows,
        )
        .with_columns(
            pl.col("p_joined").alias("p_value"),
            pl.col("excess").alias("weekly_excess"),
            *(pl.lit(None, _ROW_SCHEMA[name]).alias(name) for name in ("base", "subject", "unit_name", "matter_id")),
            pl.lit(None, pl.String).alias("signal_id"),
        )
        .select(*_ROW_SCHEMA, "held_chance")
        .sort(NODE)
    )


def _in_order(claims: pl.DataFrame) -> pl.DataFrame:
    """The claims of each week as they are asked."""
    order = pl.col("kind").replace_strict({kind: n for n, kind in enumerate(claiming.ORDER)}, return_dtype=pl.Int64)
    return claims.sort("week_start_on", order, "chance_per_year", -pl.col("observed"), "subject", maintain_order=True)


def _add_claims(
    signals: list[dict], claims: pl.DataFrame, above: "_Above", rule: Rule, told: set[tuple[str, str]]
) -> None:
    """Claims of one week into its signals: as further evidence where one speaks of the same, else as signals of their own."""
    for claim in claims.iter_rows(named=True):
        is_unit = claim["kind"] in UNIT_KINDS
        own = {"unit_name": claim["subject"] if is_unit else None}
        asked = {**claim, **own}
        excess = claim["observed"] - (claim["expected"] or 0.0)
        same = next((row for row in signals if above.related(row, asked)), None)
        if same is not None:
            same["kinds"] = list(dict.fromkeys([*(same["kinds"] or ["excess"]), claim["kind"]]))
            same["matter_id"] = same["matter_id"] or claim["matter_id"]
        elif (
            (
                claim["chance_per_year"] <= rule.max_claim_chance_per_year(claim["kind"])
                or (claim["kind"], claim["subject"]) in told
            )
            and claim["observed"] >= MIN_OBSERVED
            and excess > 0
        ):
            told.add((claim["kind"], claim["subject"]))
            row = {name: claim.get(name) for name in _ROW_SCHEMA}
            weekly = excess / max(claim["span"], 1)
            signals.append({**row, **own, "kinds": [claim["kind"]], "excess": excess, "weekly_excess": weekly})


def _runs(tested: pl.DataFrame) -> pl.DataFrame:
    """Unbroken runs of raised weeks of one place × issue.

    Adds since_on, n_weeks; held_chance: that of the rarest surviving week so far, null before there is one, so that a run
    speaks from the first week on that was rare enough; and lets chance_per_year be that of the rarest week so far: an
    event that goes on does not become an accident again.
    """
    keys = ["place_code", "issue_code"]
    raised = tested.filter(pl.col("p_joined") < RAISED_P).sort(*keys, "week_start_on")
    breaks = (pl.col("week_start_on").diff().over(keys) > pl.duration(days=7 * MAX_GAP_WEEKS)).fill_null(True)
    run = [*keys, "run"]
    return raised.with_columns(breaks.cum_sum().over(keys).alias("run")).with_columns(
        pl.col("week_start_on").min().over(run).alias("since_on"),
        pl.when("survives").then("chance_per_year").cum_min().forward_fill().over(run).alias("held_chance"),
        (pl.col("chance_per_year") <= pl.col("chance_per_year").cum_min().over(run)).alias("is_rarest"),
        pl.col("chance_per_year").cum_min().over(run),
        ((pl.col("week_start_on") - pl.col("week_start_on").min()).dt.total_days() // 7 + 1).over(run).alias("n_weeks"),
    )


@dataclass(frozen=True)
class _Above:
    """Who is above whom, in places and in issues."""

    parent_of: dict[str, str | None]
    group_of: dict[str, str | None]

    @classmethod
    def of(cls, places: pl.DataFrame, issues: pl.DataFrame) -> "_Above":
        return cls(
            dict(places.select("place_code", "parent_code").iter_rows()),
            dict(issues.select("issue_code", "group_code").iter_rows()),
        )

    def place(self, upper: str, lower: str) -> bool:
        """Is `lower` the place `upper` or within it?"""
        at: str | None = lower
        while at is not None and at != upper:
            at = self.parent_of.get(at)
        return at == upper

    def issue(self, upper: str, lower: str) -> bool:
        return upper == lower or self.group_of.get(lower) == upper

    def related(self, one: dict, other: dict) -> bool:
        """Could both be the same event: one place within the other, one issue within the other? Or one unit's doing?

        Two matters of one place and issue that speak by themselves are two events.
        """
        if one["unit_name"] or other["unit_name"]:
            return one["unit_name"] == other["unit_name"]
        if one["subject"] and other["subject"] and one["matter_id"] and other["matter_id"]:
            return one["matter_id"] == other["matter_id"]
        a, b = (one["place_code"], one["issue_code"]), (other["place_code"], other["issue_code"])
        is_issue = self.issue(a[1], b[1]) or self.issue(b[1], a[1])
        return is_issue and (self.place(a[0], b[0]) or self.place(b[0], a[0]))


def _one_event_one_signal(week: list[dict], above: _Above, told: list[dict]) -> list[dict]:
    """Of what may be one event this week, let either the particular or the general speak.

    What is below (a place within, an issue of the group) speaks where it carries at least CARRIES of the excess above;
    otherwise the general does. Where the general told the story already (`told`: the open stories) it goes on, unless one of
    what is below carries TAKES_OVER of it. First towns against counties, then against the city, then issues against their group.
    """
    speaking = list(week)
    tellers = {(row["place_code"], row["issue_code"]) for row in told}

    def settle(upper: dict, lower: list[dict]) -> None:
        if not lower or upper not in speaking:
            return
        parts = [row["excess"] for row in _outermost(lower, above)]
        if (upper["place_code"], upper["issue_code"]) in tellers:
            is_below = max(parts) >= TAKES_OVER * upper["excess"]
        else:
            is_below = sum(parts) >= CARRIES * upper["excess"]
        for silent in [upper] if is_below else lower:
            speaking.remove(silent)

    order = {"county": 0, "city": 1}
    for upper in sorted(
        (row for row in week if row["place_level"] in order), key=lambda row: order[row["place_level"]]
    ):
        same = [r for r in speaking if r is not upper and r["issue_code"] == upper["issue_code"]]
        settle(upper, [r for r in same if above.place(upper["place_code"], r["place_code"])])
    groups = set(above.group_of.values())
    for upper in [row for row in speaking if row["issue_code"] in groups]:
        of_group = [
            r for r in speaking if r is not upper and above.group_of.get(r["issue_code"]) == upper["issue_code"]
        ]
        settle(upper, [r for r in of_group if above.related(upper, r)])
    return speaking


def _outermost(rows: list[dict], above: _Above) -> list[dict]:
    """Rows that lie within no other of them: their excess can be added up."""
    return [
        row
        for row in rows
        if not any(
            other is not row
            and other["issue_code"] == row["issue_code"]
            and above.place(other["place_code"], row["place_code"])
            for other in rows
        )
    ]


def _named(signals: list[dict], above: _Above, last: dict[str, dict]) -> Iterator[dict]:
    """The signals of one week with their story's signal_id, its since_on and n_weeks; a story may change its speaker.

    `last`: the row that told each open story last, by signal_id; kept up to date.
    """
    for row in signals:
        open_stories = [
            (told["since_on"], name)
            for name, told in last.items()
            if told["week_start_on"] < row["week_start_on"] and above.related(told, row)
        ]
        if open_stories:
            name = min(open_stories)[1]
            since: date = min(last[name]["since_on"], row["since_on"])
            weeks = (row["week_start_on"] - since).days // 7 + 1
            chance = min(row["chance_per_year"], last[name]["chance_per_year"])
            is_rarest = row["is_rarest"] and row["chance_per_year"] <= chance
            matter = row["matter_id"] or last[name]["matter_id"]
            row = {**row, "matter_id": matter, "since_on": since, "n_weeks": weeks, "chance_per_year": chance, "is_rarest": is_rarest}  # fmt: skip
        else:
            name = _id(row)
        row = {**row, "signal_id": name}
        last[name] = row
        yield row


def _id(row: dict) -> str:
    about = row["unit_name"] or row["matter_id"] if row["subject"] else None
    text = "|".join(str(part) for part in (row["place_code"], row["issue_code"], row["since_on"], about) if part)
    return hashlib.sha256(text.encode()).hexdigest()[:10]


def level(signal: dict) -> str:
    """红橙黄蓝 by rarity, red by size as well."""
    for most, name in CHANCE_LEVELS:
        if signal["chance_per_year"] <= most and (name != "red" or round(signal["weekly_excess"]) >= RED_MIN_EXCESS):
            return name
    return "blue"


def level_rule(rule: Rule) -> str:
    """How levels and order are set, in one sentence for the reader."""
    (red, _), (orange, _), (yellow, _) = CHANCE_LEVELS
    return (
        f"按纯属偶然的机会定级：红，一年不到 {red:g} 次且每周多出 {RED_MIN_EXCESS} 件以上；橙，一年不到 {orange:g} 次；"
        f"黄，一年不到 {yellow:g} 次；蓝，一年不到 {rule.max_chance_per_year:g} 次（单独成条的，同一事项一年不到 "
        f"{rule.max_claim_chance_per_year('matter'):.2g} 次，新词、单位办理 {rule.max_claim_chance_per_year('unit'):.2g} 次，"
        f"空间聚集 {rule.max_claim_chance_per_year('cluster'):.2g} 次）。先按等级、再按每周多出的件数排序，持续越久、旁证越多、越关系安全和基本生活越靠前，"
        f"每周最多 {rule.budget} 条，其中纯属偶然的平均每周约 {rule.stated_with_claims:.2g} 条。"
    )
