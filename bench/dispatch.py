"""How good and how fast are the suggestions of 智能分派?

messages   Real messages with one of seven labels, five folds: macro-F1, calibration error, what is left to a clerk. Twice:
           dealt freely as everybody reports it, and with copies of a text kept in one fold. Read where they lie; nothing of
           them is printed or kept. Skipped where they are absent.
library    The keyword library alone on the demo city's texts, whose issue is known. The demo texts are made from phrases
           that name the thing complained of, so this is an upper bound.
training   On the home's newest items, into a temporary folder: how long, how good on items outside the fit, and how often
           the unit suggested is the unit that had the item.
speed      Texts a second on one core, and how long one suggestion takes (library, duty list and model together). Processor
           time, not the clock: other work on the machine does not count.
"""

import os
import tempfile
import time
from datetime import datetime
from pathlib import Path

import duckdb
import numpy as np

from pipelines.config import Home
from pipelines.dispatch import evaluate, library, linear, model, second, suggest

ROOT = Path(__file__).resolve().parents[1]
N_ONE = 2_000  # suggestions timed one by one
BATCH = 20_000


def run(home: Home | None = None) -> None:
    messages()
    if home is not None and home.current.exists():
        texts, purposes, codes = _items(home)
        alone(texts, purposes, codes)
        with tempfile.TemporaryDirectory() as folder:
            copy = _copy(home, Path(folder))
            training(copy)
            speed(copy, texts, purposes)
    else:
        print("library, training, speed: give --home, a built home")


def messages(n: int = 5) -> None:
    shared = Path(os.environ.get("YANPAN_SHARED") or ROOT.parent / "shared")
    path = shared / "data" / "taidi" / "messages_train.csv"
    if not path.exists():
        print("messages: not here, skipped")
        return
    found = evaluate.cross_validated(path, "text", "label", n, lambda _: None)
    for name, figures in (("dealt freely", found), ("copies together", found["copies_together"])):
        _show(f"messages, {n} folds, {name}", **{key: figures[key] for key in
              ("accuracy", "macro_f1", "calibration_error", "abstained_share", "precision")})  # fmt: skip
    for one in found["by_class"]:
        _show(f"  {one['label']}", n=one["n"], precision=one["precision"], recall=one["recall"], f1=one["f1"])
    texts, labels = evaluate.read(path, "text", "label")
    classifier, weight, _ = evaluate.learn(texts[::2], labels[::2])
    unseen = texts[1::2]  # of the taught it would be surer, and so faster
    many = (unseen * (1 + BATCH // len(unseen)))[:BATCH]
    once = _best(lambda: linear.decide(classifier, many))
    seconds = _best(lambda: second.chances(classifier, weight, many))
    _show("messages, read once only", texts_per_second=BATCH / once)
    _show(
        "messages, classified", characters_a_text=float(np.mean([*map(len, texts)])), texts_per_second=BATCH / seconds
    )


def _items(home: Home) -> tuple[list[str], list[str | None], list[str]]:
    with duckdb.connect(str(home.marts / home.current.read_text(encoding="utf-8").strip()), read_only=True) as marts:
        rows = marts.execute(
            """select concat_ws(chr(10), title, text), purpose, issue_code from event
               where text is not null and not is_counted_only and issue_code <> '9999' and not contains(issue_code, '>')
               order by event_key limit $n""",
            {"n": BATCH},
        ).fetchall()
    texts, purposes, codes = map(list, zip(*rows, strict=True))
    return texts, purposes, codes


def alone(texts: list[str], purposes: list[str | None], codes: list[str]) -> None:
    words = library.load(Path("none"))  # the seed, not the office's own
    found = library.match_all(words, texts, purposes)
    first = np.array([bool(one.ranked) and one.ranked[0][0] == code for one, code in zip(found, codes, strict=True)])
    third = np.array([code in dict(one.ranked) for one, code in zip(found, codes, strict=True)])
    said = np.array([not one.is_abstained for one in found])
    _show(
        "library alone, demo texts", n=len(texts), top1=first.mean(), top3=third.mean(), abstained_share=1 - said.mean(),
        top1_where_said=first[said].mean(), top3_where_said=third[said].mean(),
    )  # fmt: skip


def _copy(home: Home, folder: Path) -> Home:
    """What is published in `home`, for a model that is not to be the office's."""
    copy = Home(folder)
    copy.marts.mkdir(parents=True)
    for path in (home.current, home.marts / home.current.read_text(encoding="utf-8").strip()):
        (copy.marts / path.name).symlink_to(path.resolve())
    if home.reference.exists():
        copy.reference.symlink_to(home.reference.resolve())
    return copy


def training(home: Home) -> None:
    started = time.process_time()
    about = model.train(home, now=datetime.now())
    _show("taught on the home", seconds=time.process_time() - started, **{key: about[key] for key in
          ("n_texts", "n_classes", "accuracy", "macro_f1", "calibration_error", "abstained_share", "precision")})  # fmt: skip
    _show("units, out of sample", **about["units"])


def speed(home: Home, texts: list[str], purposes: list[str | None]) -> None:
    given = suggest.tools(home)
    characters = float(np.mean([*map(len, texts)]))
    batch = _best(lambda: suggest.classify(given, texts, purposes))
    reasons = _best(lambda: suggest.suggest(given, texts, purposes))
    _show("classified, model with library", characters_a_text=characters, texts_per_second=len(texts) / batch)
    _show("suggested with units, words and reasons", texts_per_second=len(texts) / reasons)
    took = []
    for text, purpose in zip(texts[:N_ONE], purposes[:N_ONE], strict=True):
        started = time.process_time()
        suggest.suggest(given, [text], [purpose])
        took.append(1000 * (time.process_time() - started))
    _show("one suggestion", p50_ms=np.percentile(took, 50), p99_ms=np.percentile(took, 99))


def _best(work) -> float:
    """The shortest of three, in seconds of processor time."""
    took = []
    for _ in range(3):
        started = time.process_time()
        work()
        took.append(time.process_time() - started)
    return min(took)


def _show(what: str, **figures: float) -> None:
    print(what, *(f"{name}={value:,.4g}" if value is not None else f"{name}=-" for name, value in figures.items()),
          sep="  ", flush=True)  # fmt: skip
