"""What the office's own history teaches: text → issue, and who handled which issue where.

`train` reads the published marts (redacted text, issue as resolved from the source's own category, never one that a
model suggested, place, unit) and writes HOME/models/dispatch/<version>/: model.npz (arrays, no pickled objects) and
model.json (what it was taught, how good it is on texts it had not seen, what its texts and answers looked like). CURRENT
names the version in force; it is replaced whole.

Text the classifier is sure of stays as it says. The rest is read a second time, together with the keyword library and the
nearest past texts (`second`).
"""

import json
import shutil
import zipfile
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import numpy as np
import numpy.typing as npt
from scipy import sparse

from pipelines.config import Home
from pipelines.dispatch import duty, library, linear, nearest, second
from pipelines.errors import UsageError, YanpanError

MAX_TEXTS = 40_000  # the newest are taught
MIN_CLASS = 10  # items of an issue below which it is left to the keyword library
PRECISION = 0.95  # of what is suggested without abstaining
LEAST = 0.5  # probability below which nothing is suggested, however good the record
STRANGE = (
    0.01  # share of the taught texts with least in common with the others; what has even less in common is not judged
)
KEPT = 5  # versions
BINS = 10  # of probabilities, for drift
DRIFT_WEEKS = 4
SHIFTED, MOVED = 0.25, 0.1  # population stability index: beyond the first, teach again; beyond the second, watch
QUERY = """
    select concat_ws(chr(10), e.title, e.text) as said, e.issue_code, e.purpose, coalesce(e.county_code, '') as county_code,
        coalesce(e.town_code, '') as town_code, coalesce(e.unit_name, '') as unit_name, f.is_returned, e.registered_on
    from event as e left join item_fact as f on f.event_key = e.event_key
    where e.text is not null and not e.is_counted_only and e.issue_code <> '9999' and not contains(e.issue_code, '>')
        and e.issue_basis = 'source' and e.registered_on >= $since
    order by e.registered_on desc, e.event_key
    limit $n
"""
UNITS = """
    select issue_code, coalesce(county_code, '') as county, coalesce(town_code, '') as town, unit_name, count(*) as n
    from event where unit_name is not null and not is_counted_only and issue_code <> '9999' and issue_basis = 'source'
    group by issue_code, county, town, unit_name order by issue_code, county, town, unit_name
"""


class Item(NamedTuple):
    """A row of QUERY; '' = place or unit not known, is_returned None = its file does not tell."""

    said: str
    issue_code: str
    purpose: str | None
    county_code: str
    town_code: str
    unit_name: str
    is_returned: bool | None
    registered_on: date


@dataclass(frozen=True)
class Model:
    classifier: linear.Classifier
    weight: linear.Floats  # of the experts of the second reading
    threshold: float  # of abstaining
    about: dict[str, Any]  # model.json
    history: list[tuple[str, str, str, str, int]] = field(default_factory=list, repr=False)


def folder(home: Home) -> Path:
    return home.path / "models" / "dispatch"


def train(home: Home, *, now: datetime, progress: Callable[[str], None] = lambda text: None) -> dict:
    """Teach a new version on the published history and put it in force; what model.json says of it."""
    from pipelines.dispatch import compare, suggest  # they ask a model, and so stand above this one

    items, version, history = _taught(home)
    labels = Counter(one.issue_code for one in items)
    kept = {name for name, n in labels.items() if n >= MIN_CLASS}
    if len(kept) < 2:
        raise YanpanError(
            f"有分类、有正文的历史件只够 {len(kept)} 类（每类至少 {MIN_CLASS} 件），学不出模型。"
            "请先导入更多已分类的历史件并运行 yanpan build；在此之前按词库和职责清单建议。"
        )
    items = [one for one in items if one.issue_code in kept]
    texts, purposes = [one.said for one in items], [one.purpose for one in items]
    days = [one.registered_on for one in items]
    target = np.array([one.issue_code for one in items])
    progress(f"正在学习 {len(texts):,} 件、{len(kept)} 类…")
    taught = linear.fit(texts, target)
    classifier = taught.classifier
    progress("正在检验与词库的结合…")
    words = library.load(home.reference)
    scores = library_scores(words, texts, purposes, classifier.classes)
    weight = second.learn(taught, np.searchsorted(classifier.classes, target), scores)
    chance = second.outside(taught, weight, scores)
    known = linear.read(classifier, texts)[1]
    best, first = chance.max(axis=1), np.array(classifier.classes)[chance.argmax(axis=1)]
    hit = first == target
    threshold = max(LEAST, linear.least_probability(best, hit, PRECISION))
    said = best >= threshold
    about: dict[str, Any] = {
        "version": max([*existing(home), 0]) + 1,
        "trained_at": now.isoformat(timespec="seconds"),
        "data_version": version,
        "n_texts": len(texts),
        "n_classes": len(kept),
        "left_to_library": sorted(labels.keys() - kept),
        "first_on": min(days).isoformat(),
        "last_on": max(days).isoformat(),
        "accuracy": float(hit.mean()),
        "macro_f1": linear.macro_f1(target, first),
        "calibration_error": linear.calibration_error(best, hit),
        "threshold": threshold,
        "least_known": float(np.quantile(known, STRANGE)),
        "precision": float(hit[said].mean()) if said.any() else None,
        "abstained_share": float(1 - said.mean()),
        "reliability": _reliability(best, hit),
        "by_class": linear.by_class(target, first),
        "confused": _confused(target, first),
        "seen": _profile(chance, classifier.classes, known),
    }
    progress("正在与实际分派比较…")
    model = Model(classifier, weight, threshold, about, history)
    given = suggest.Tools(words, duty.load(home.reference, history), model)
    about |= compare.compare(given, chance, known, items)
    _save(home, model)
    return about


def _taught(home: Home) -> tuple[list[Item], int, list[tuple]]:
    items, version = _events(home, date.min, MAX_TEXTS)
    if not items:
        raise YanpanError("已发布的数据里没有带正文和分类的事项，无从学习。请先导入历史件并运行 yanpan build。")
    with _marts(home) as connection:
        history = connection.execute(UNITS).fetchall()
    return items, version, history


def _events(home: Home, since: date, n: int) -> tuple[list[Item], int]:
    with _marts(home) as connection:
        rows = connection.execute(QUERY, {"since": since, "n": n}).fetchall()
        version = connection.execute("select value from meta where key = 'version'").fetchall()
    return [Item(*row) for row in rows], int(version[0][0])


def _marts(home: Home) -> duckdb.DuckDBPyConnection:
    if not home.current.exists():
        raise YanpanError(f"{home.path} 下还没有发布过数据。请先运行 yanpan ingest 和 yanpan build。")
    connection = duckdb.connect(str(home.marts / home.current.read_text(encoding="utf-8").strip()), read_only=True)
    if not connection.execute("select 1 from duckdb_columns() where column_name = 'issue_basis'").fetchall():
        connection.close()
        raise YanpanError("已发布的数据出自旧版本的程序。请先运行 yanpan build，再运行同一条命令。")
    return connection


def library_scores(
    words: library.Library, texts: list[str], purposes: list[str | None], classes: list[str]
) -> second.Scores:
    """The keyword library as an expert of the second reading, asked only about the texts that need one."""
    return lambda at: library.scores(words, [texts[k] for k in at], [purposes[k] for k in at], classes)


def _reliability(best: npt.NDArray, hit: npt.NDArray) -> list[dict]:
    """What was said and what was right, by tenths of the probability; tenths without a text are left out."""
    tenth = np.minimum((best * BINS).astype(int), BINS - 1)
    return [
        {"said": float(best[here].mean()), "right_share": float(hit[here].mean()), "n_texts": int(here.sum())}
        for here in (tenth == k for k in range(BINS))
        if here.any()
    ]


def _confused(target: npt.NDArray[np.str_], first: npt.NDArray[np.str_], n: int = 10) -> list[dict]:
    """The pairs of issues most often taken for one another."""
    wrong = Counter(zip(target[target != first].tolist(), first[target != first].tolist(), strict=True))
    return [{"label": label, "taken_for": other, "n": count} for (label, other), count in wrong.most_common(n)]


def _profile(chance: npt.NDArray, classes: list[str], known: npt.NDArray) -> dict[str, Any]:
    """What texts and answers look like, for telling later whether they have changed: shares that add up to 1."""
    best = np.histogram(chance.max(axis=1), bins=BINS, range=(0, 1))[0] / len(chance)
    mix = np.bincount(chance.argmax(axis=1), minlength=len(classes)) / len(chance)
    met = np.histogram(known, bins=BINS, range=(0, 1))[0] / len(chance)
    return {
        "probability": best.tolist(),
        "issue": dict(zip(classes, mix.tolist(), strict=True)),
        "known": met.tolist(),
    }


def drift(home: Home, *, weeks: int = DRIFT_WEEKS) -> dict:
    """How far the newest weeks are from what the model in force was taught: population stability index of three shares.

    probability: how sure the model is; issue: what it answers; known: how much of a text it has met before.
    """
    model = load(home)
    if model is None:
        raise YanpanError("还没有学过的模型，谈不上变化。请先运行 yanpan dispatch train。")
    last, _ = _events(home, date.min, 1)
    since = last[0].registered_on - timedelta(weeks=weeks) if last else date.min
    rows, _ = _events(home, since + timedelta(days=1), MAX_TEXTS)
    if not rows:
        raise YanpanError(f"最近 {weeks} 周没有带正文的事项，比不出变化。请加大 --weeks 或先导入新的文件。")
    texts, purposes = [row.said for row in rows], [row.purpose for row in rows]
    classes = model.classifier.classes
    scores = library_scores(library.load(home.reference), texts, purposes, classes)
    chance, known = second.chances(model.classifier, model.weight, texts, scores)
    now, then = _profile(chance, classes, known), model.about["seen"]
    index = {
        name: _stability([*_values(then[name])], [*_values(now[name])]) for name in ("probability", "issue", "known")
    }
    worst = max(index.values())
    return {
        "version": model.about["version"],
        "n_texts": len(texts),
        "since": str(since),
        "psi": index,
        "verdict": "shifted" if worst > SHIFTED else "moved" if worst > MOVED else "stable",
    }


def _values(shares: dict[str, float] | list[float]) -> list[float]:
    """The shares to compare; of issues those of their groups: single ones are too few in some weeks."""
    if isinstance(shares, list):
        return shares
    groups: dict[str, float] = defaultdict(float)
    for code, share in sorted(shares.items()):
        groups[code[:2]] += share
    return list(groups.values())


def _stability(then: list[float], now: list[float]) -> float:
    """Population stability index Σ (now − then) · ln(now / then); empty bins count as one in ten thousand."""
    a, b = np.maximum(then, 1e-4), np.maximum(now, 1e-4)
    return float(((b - a) * np.log(b / a)).sum())


def _save(home: Home, model: Model) -> None:
    """Write the version aside, rename it into place, then move CURRENT: a killed run leaves the old one in force."""
    classifier, about, past = model.classifier, model.about, model.classifier.past
    target = folder(home) / f"{about['version']:06d}"
    fresh = folder(home) / ".new"
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    np.savez(
        fresh / "model.npz",
        classes=np.array(classifier.classes),
        buckets=classifier.terms.buckets.astype(np.int32),
        weight=classifier.terms.weight,
        coefficient=classifier.coefficient.astype(np.float16),
        intercept=classifier.intercept,
        temperature=np.array(classifier.temperature),
        offset=classifier.offset,
        experts=model.weight,
        past_value=past.rows.data.astype(np.float16),
        past_term=past.rows.indices.astype(np.int32),
        past_start=past.rows.indptr.astype(np.int32),
        past_class=past.target.astype(np.int32),
        units=np.array([[*map(str, row)] for row in model.history] or np.zeros((0, 5)), dtype=str),
    )
    (fresh / "model.json").write_text(json.dumps(about, ensure_ascii=False), encoding="utf-8")
    fresh.replace(target)
    _point(home, about["version"])
    for old in existing(home)[:-KEPT]:
        if old != current(home):
            shutil.rmtree(folder(home) / f"{old:06d}")


def _point(home: Home, version: int) -> None:
    pointer = folder(home) / "CURRENT.new"
    pointer.write_text(f"{version:06d}", encoding="utf-8")
    pointer.replace(folder(home) / "CURRENT")


def existing(home: Home) -> list[int]:
    return sorted(int(one.name) for one in folder(home).glob("[0-9]*") if (one / "model.json").exists())


def current(home: Home) -> int | None:
    pointer = folder(home) / "CURRENT"
    return int(pointer.read_text(encoding="utf-8")) if pointer.exists() else None


def trained_at(home: Home) -> datetime | None:
    """When the version in force was taught; None where there is none."""
    version = current(home)
    if version not in existing(home):
        return None
    about = json.loads((folder(home) / f"{version:06d}" / "model.json").read_text(encoding="utf-8"))
    return datetime.fromisoformat(about["trained_at"])


def use(home: Home, version: int) -> None:
    """Put a kept version in force."""
    if version not in existing(home):
        known = "、".join(map(str, existing(home))) or "没有"
        raise UsageError(f"没有模型版本 {version}。现有版本：{known}。")
    _point(home, version)


def versions(home: Home) -> list[dict]:
    """What is kept, newest first, each with is_current."""
    rows = []
    for version in reversed(existing(home)):
        about = json.loads((folder(home) / f"{version:06d}" / "model.json").read_text(encoding="utf-8"))
        rows.append({**about, "is_current": version == current(home)})
    return rows


def load(home: Home) -> Model | None:
    """The model in force; None where nothing has been learned yet."""
    version = current(home)
    if version is None:
        return None
    path = folder(home) / f"{version:06d}"
    try:
        with (path / "model.npz").open("rb") as file, np.load(file, allow_pickle=False) as kept:
            target = kept["past_class"].astype(np.int64)
            rows = kept["past_value"].astype(np.float32), kept["past_term"], kept["past_start"]
            shape = len(target), len(kept["buckets"])
            classifier = linear.Classifier(
                [str(name) for name in kept["classes"]],
                linear.terms_of(kept["buckets"].astype(np.int64), kept["weight"]),
                kept["coefficient"].astype(np.float32),
                kept["intercept"],
                float(kept["temperature"]),
                kept["offset"],
                nearest.Past(sparse.csr_matrix(rows, shape=shape), target),
            )
            weight = kept["experts"]
            history = [(str(a), str(b), str(c), str(d), int(n)) for a, b, c, d, n in kept["units"]]
        about = json.loads((path / "model.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise YanpanError(
            f"模型版本 {version} 的文件不完整，或出自旧版本的程序。请用 yanpan dispatch use 换一个版本，或重新运行 yanpan dispatch train。"
        ) from error
    return Model(classifier, weight, about["threshold"], about, history)
