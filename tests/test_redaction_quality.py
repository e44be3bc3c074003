"""How well redaction does on sentences and persons its rules were not written from; `python -m bench redaction` has it all."""

import polars as pl
import pytest

from bench.redaction import WORDS, Sample, generated, inserted, judge, real_texts, redacted, replaced, survival
from pipelines.redact import redact

NAMES = [kind for kind in WORDS["clauses"] if kind.startswith("name_")]
# A name has no form of its own: what is not reached is said in BENCHMARKS.md.
FLOOR = dict.fromkeys(WORDS["clauses"], 0.99) | {
    "name_labelled": 0.985,
    "name_courtesy": 0.95,
    "name_self": 0.98,
    "name_signed": 0.97,
    "name_third": 0.96,
}
FRESH_FLOOR = dict.fromkeys(("name_labelled", "name_self", "name_signed"), 0.97) | {
    "name_courtesy": 0.9,
    "name_third": 0.9,
}


@pytest.fixture(scope="module")
def held_out():
    samples = generated("test", 150, seed=2)
    return judge(samples, redacted(samples))


@pytest.mark.parametrize("kind", list(WORDS["clauses"]))
def test_recall_on_the_held_out_half(kind, held_out):
    assert held_out.n[kind] >= 150
    assert held_out.found[kind] / held_out.n[kind] >= FLOOR[kind]


def test_recall_on_templates_written_after_the_rules():
    samples = generated("fresh", 150, seed=2)
    score = judge(samples, redacted(samples))
    assert set(score.n) == set(FRESH_FLOOR)
    for kind, floor in FRESH_FLOOR.items():
        assert score.found[kind] / score.n[kind] >= floor, kind


def test_what_a_complaint_is_about_survives(held_out):
    assert 1000 * held_out.n_lost / held_out.n_characters < 1
    for group, n in held_out.words.items():
        assert held_out.words_kept[group] / n > 0.985, group


def test_the_halves_share_no_template_and_no_word():
    for lists in (WORDS["clauses"], WORDS["words"], WORDS["carriers"], WORDS["fresh"]):
        for entries in lists.values():
            assert len(entries) == len(set(entries))


def test_the_judge_counts_what_is_left_and_what_is_lost():
    samples = [
        Sample("联系人张三，急", ((3, 5, "name_labelled"),), (("neutral", "急"),)),
        Sample("联系人李四，急", ((3, 5, "name_labelled"),), (("neutral", "急"),)),
        Sample("高度重视", (), (("neutral", "高度重视"),)),
    ]
    score = judge(samples, ["联系人〔姓名〕，急", "联系人〔姓名〕四，急", "〔姓名〕重视"])
    assert (score.n["name_labelled"], score.found["name_labelled"]) == (2, 1)
    assert (score.marks["name"], score.false_marks["name"]) == (3, 1)
    assert score.n_lost == 2
    assert (score.words["neutral"], score.words_kept["neutral"]) == (3, 2)
    assert list(replaced("甲张三乙", "甲〔姓名〕〔姓名〕乙")) == [(1, 3, "name")]


def test_parts_put_into_real_texts_are_found_and_the_texts_survive(shared_files):
    texts = real_texts(shared_files / "taidi")
    samples = inserted(texts, "test", 60)
    score = judge(samples, redacted(samples))
    numbers = [kind for kind in score.n if kind not in NAMES]
    assert sum(score.found[kind] for kind in numbers) / sum(score.n[kind] for kind in numbers) > 0.99
    assert sum(score.found[kind] for kind in NAMES) / sum(score.n[kind] for kind in NAMES) > 0.93
    series = pl.Series(texts[:3000])
    for name, (n, share) in survival(series, redact(series)[0]).items():
        assert n > 500, name
        assert share > 0.99, name
