"""Do names and house numbers typed into a case go, and does everything else stay?"""

import re
import tomllib
from pathlib import Path

import pytest

from pipelines.redact import redact_note

SENTENCES = tomllib.loads((Path(__file__).parent / "notes.toml").read_text(encoding="utf-8"))
UNITS = ("热力集团", "云溪区住房和城乡建设局", "汤山镇", "金桂城", "和平街道")


def wrong(sentences: list[str]) -> list[tuple[str, str]]:
    """Sentences in which something between «» stays, or something else goes, and what became of them."""
    found = []
    for sentence in sentences:
        expected = re.sub("«[^»]*»", "〔〕", sentence)
        got = redact_note(re.sub("[«»]", "", sentence), known=UNITS)
        if re.sub("〔(?:姓名|楼栋房号)〕", "〔〕", got) != expected:
            found.append((sentence, got))
    return found


def left(sentences: list[str]) -> list[tuple[str, str]]:
    """Sentences in which something between «» stays."""
    kept = [(one, redact_note(re.sub("[«»]", "", one), known=UNITS)) for one in sentences]
    return [(one, got) for one, got in kept if any(name in got for name in re.findall("«([^»]*)»", one))]


LISTS = {name.split("_")[1] for name in SENTENCES}


@pytest.mark.parametrize("when", sorted(LISTS))
def test_names_and_house_numbers_go(when):
    sentences = SENTENCES[f"named_{when}"]
    assert len(left(sentences)) <= 0.05 * len(sentences), left(sentences)
    assert len(wrong(sentences)) <= 0.1 * len(sentences), wrong(sentences)


@pytest.mark.parametrize("when", sorted(LISTS))
def test_ordinary_words_stay(when):
    assert wrong(SENTENCES[f"plain_{when}"]) == []


def test_there_are_enough_sentences():
    n = {kind: sum(len(SENTENCES[f"{kind}_{when}"]) for when in LISTS) for kind in ("named", "plain")}
    assert n["named"] >= 60 and n["plain"] >= 100


def test_known_names_stay_and_numbers_go():
    assert redact_note("与王明珠诊所沟通", known=["王明珠诊所"]) == "与王明珠诊所沟通"
    assert "王明珠" not in redact_note("与王明珠沟通", known=["王明珠诊所"])
    assert redact_note("用户张伟，电话 13900001111，住 3 栋 2 单元") == "用户〔姓名〕，电话 〔手机号〕，住 〔楼栋房号〕"
    assert redact_note("") == ""


def test_a_long_note_is_quick():
    note = "与李建国沟通，回访用户张伟后销号。" * 117
    assert "李建国" not in redact_note(note) and "张伟" not in redact_note(note)
