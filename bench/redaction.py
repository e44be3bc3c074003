"""How much personal data does the redactor find, and how much of what a complaint is about does it leave alone?

Three measurements, all on text that the redactor's rules were not written from:

generated   Invented sentences with invented persons (bench/redaction.toml), every personal part labelled. Templates and
            words are halved: rules are tuned on the `dev` half, `test` is reported. `fresh` templates came after both.
inserted    The same personal parts put between the sentences of real complaints. Real texts hold personal data of their
            own, so only the inserted part is judged.
untouched   The real complaints as they are: how many characters are replaced, how many dates, amounts, places and
            institutions survive.

Real texts are read where they lie; nothing of them is printed or kept. Surnames and given names follow the spread in the
population, see the data file. Numbers follow the published plans: mobile ranges of MIIT, GB 11643 check digits, ISO/IEC
7812 (Luhn) for cards, GA 36 plates.
"""

import os
import random
import re
import tomllib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

import polars as pl

from pipelines import redact

WORDS = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
HALVES = {"dev": 0, "test": 1, "fresh": 1}
MARK_KIND = {mark: kind for kind, mark in reversed(redact.MARKS.items())}
MARK = re.compile("|".join(map(re.escape, MARK_KIND)))
GOAL = 0.99
ROOT = Path(__file__).resolve().parents[1]
PUNCTUATION = set(" \u3000-—–_.·•,，、()（）[]【】+:：;；'\"/")


@dataclass(frozen=True)
class Sample:
    """A text, its personal parts, and the words in it that have to survive."""

    text: str
    spans: tuple[tuple[int, int, str], ...]
    protected: tuple[tuple[str, str], ...] = ()


def generated(half: str, n: int, seed: int = 1) -> list[Sample]:
    """`n` samples of each kind, each a clause with a personal part among sentences without any."""
    rng = random.Random(f"{half}-{seed}")
    return [_sample(kind, half, rng) for kind in _templates(half) for _ in range(n)]


def inserted(texts: list[str], half: str, n: int, seed: int = 1) -> list[Sample]:
    """The clauses of `generated` put at a sentence end of a real text."""
    rng = random.Random(f"real-{half}-{seed}")
    samples = []
    for kind in _templates(half):
        for _ in range(n):
            text = rng.choice(texts)
            ends = [0, *(match.end() for match in re.finditer(r"[。！？!?；]", text))]
            at = len(text) if kind == "name_signed" else rng.choice(ends)
            clause, spans, _ = _clause(kind, half, rng)
            joined = text[:at] + clause + ("" if clause[-1] in "。，；：、！!:" else "。") + text[at:]
            samples.append(Sample(joined, tuple((a + at, b + at, k) for a, b, k in spans)))
    return samples


def _sample(kind: str, half: str, rng: random.Random) -> Sample:
    before, after = ([_carrier(half, rng) for _ in range(rng.randint(0, 2))] for _ in range(2))
    clause, spans, words = _clause(kind, half, rng)
    if kind == "name_signed":
        after = []  # a signature stands at the end
    text = "".join(sentence for sentence, _ in before)
    spans = [(a + len(text), b + len(text), k) for a, b, k in spans]
    text += clause
    if after and clause[-1] not in "。，；！!":
        text += "。"
    text += "".join(sentence for sentence, _ in after)
    return Sample(text, tuple(spans), tuple(word for _, said in (*before, ("", words), *after) for word in said))


def _carrier(half: str, rng: random.Random) -> tuple[str, list[tuple[str, str]]]:
    return _filled(_half(WORDS["carriers"]["sentence"], half, rng), half, rng)[::2]


def _clause(kind: str, half: str, rng: random.Random) -> tuple[str, list[tuple[int, int, str]], list[tuple[str, str]]]:
    return _filled(rng.choice(_templates(half)[kind]), half, rng, kind)


def _filled(
    template: str, half: str, rng: random.Random, kind: str = ""
) -> tuple[str, list[tuple[int, int, str]], list[tuple[str, str]]]:
    """The template with its slots filled: text, labelled spans, protected words (group, word)."""
    text, spans, words = "", [], []
    for literal, slot in re.findall(r"([^{]*)(?:\{(\w+)\})?", template):
        text += literal
        if slot in ("v", "v2"):
            value = SPELLED[kind](rng)
            spans.append((len(text), len(text) + len(value), kind))
            text += value
        elif slot.startswith("num"):
            text += str(rng.randint(2, 900))
        elif slot:
            group = slot.rstrip("2")
            word = _half(WORDS["words"][group], half, rng)
            words.append((group, word))
            text += word
    return text, spans, words


def _templates(half: str) -> dict[str, list[str]]:
    if half == "fresh":
        return WORDS["fresh"]
    return {kind: clauses[HALVES[half] :: 2] for kind, clauses in WORDS["clauses"].items()}


def _half(words: list[str], half: str, rng: random.Random) -> str:
    return rng.choice(words[HALVES[half] :: 2])


# --- invented persons ------------------------------------------------------------------------------------------------


def _spread(key: str, items: list[str]) -> tuple[list[str], list[float]]:
    shift, slope = WORDS["names"][f"{key}_shift"], WORDS["names"][f"{key}_slope"]
    return items, list(accumulate((rank + shift) ** -slope for rank in range(len(items))))


_SURNAMES = _spread("surname", WORDS["names"]["surnames"].split())
_GIVEN = _spread("given", list(WORDS["names"]["given"]))


def _drawn(spread: tuple[list[str], list[float]], rng: random.Random) -> str:
    return rng.choices(spread[0], cum_weights=spread[1])[0]


def full_name(rng: random.Random) -> str:
    """Four of five living persons have a given name of two characters."""
    return _drawn(_SURNAMES, rng) + "".join(_drawn(_GIVEN, rng) for _ in range(1 + (rng.random() < 0.8)))


def called_name(rng: random.Random) -> str:
    """What stands before 先生 or 主任: mostly the surname alone."""
    return _drawn(_SURNAMES, rng) if rng.random() < 0.7 else full_name(rng)


_MOBILE_RANGES = [
    *range(130, 140),
    145,
    147,
    149,
    *(n for n in range(150, 160) if n != 154),
    166,
    167,
    *range(170, 179),
]
_MOBILE_RANGES += [*range(180, 190), 190, 191, 193, *range(195, 200)]
_AREA_CODES = [
    "010",
    "021",
    "022",
    "023",
    "024",
    "025",
    "027",
    "028",
    "029",
    "0311",
    "0335",
    "0351",
    "0371",
    "0411",
    "0431",
    "0451",
    "0512",
    "0531",
    "0551",
    "0571",
    "0591",
    "0631",
    "0668",
    "0731",
    "0755",
    "0769",
    "0771",
    "0791",
    "0816",
    "0851",
    "0871",
    "0898",
    "0898",
    "0931",
    "0951",
    "0971",
    "0991",
]
_REGIONS = [
    "110101",
    "120103",
    "130102",
    "140105",
    "210102",
    "220104",
    "230103",
    "310101",
    "320102",
    "330106",
    "340104",
    "350203",
    "360102",
    "370202",
    "410105",
    "420106",
    "430103",
    "430181",
    "440305",
    "450103",
    "460105",
    "500103",
    "510107",
    "520103",
    "530102",
    "610113",
    "620102",
    "650104",
]
_BANKS = [
    "621700",
    "622202",
    "622848",
    "621661",
    "622588",
    "621798",
    "622155",
    "623059",
    "436742",
    "621226",
    "622908",
    "456351",
    "528856",
    "370246",
]
_CN = "零一二三四五六七八九"


def _digits(rng: random.Random, n: int) -> str:
    return "".join(rng.choice("0123456789") for _ in range(n))


def _wide(text: str) -> str:
    return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text)


def _in_groups(text: str, sizes: tuple[int, ...], separator: str) -> str:
    parts, at = [], 0
    for size in sizes:
        parts.append(text[at : at + size])
        at += size
    return separator.join(part for part in [*parts, text[at:]] if part)


def _mobile(rng: random.Random) -> str:
    number = str(rng.choice(_MOBILE_RANGES)) + _digits(rng, 8)
    separator = rng.choice("- -.—")
    return rng.choice(
        [
            lambda: number,
            lambda: number,
            lambda: number,
            lambda: _in_groups(number, (3, 4), separator),
            lambda: _in_groups(number, (4, 3), separator),
            lambda: _in_groups(number, (3, 3, 2), separator),
            lambda: _in_groups(number, (3,), separator),
            lambda: _in_groups(number, (3, 2, 2, 2), " "),
            lambda: _wide(number),
            lambda: _wide(_in_groups(number, (3, 4), "-")),
            lambda: rng.choice(["+86", "+86 ", "86-", "0086 ", "(+86)", "（86）", "+86-"]) + number,
            lambda: "+86 " + _in_groups(number, (3, 4), " "),
            lambda: " ".join(number),
            lambda: "".join(_CN[int(c)] for c in number),
            lambda: "".join(_CN[int(c)] for c in number).replace("一", "幺").replace("零", rng.choice("零〇")),
            lambda: number[:3] + "，" + number[3:7] + "，" + number[7:],
        ]
    )()


def _landline(rng: random.Random) -> str:
    code = rng.choice(_AREA_CODES)
    local = rng.choice("2345678") + _digits(rng, 7 if len(code) == 3 or rng.random() < 0.6 else 6)
    return rng.choice(
        [
            lambda: f"{code}-{local}",
            lambda: f"{code}-{local}",
            lambda: f"({code}){local}",
            lambda: f"（{code}）{local}",
            lambda: code + local,
            lambda: f"{code} {local}",
            lambda: f"{code}—{local}",
            lambda: _wide(f"{code}-{local}"),
            lambda: f"{code}-{local[:-4]}-{local[-4:]}",
            lambda: f"{code}-{local}-{_digits(rng, 3)}",
            lambda: f"+86-{code[1:]}-{local}",
        ]
    )()


def _id_card(rng: random.Random) -> str:
    born = f"{rng.randint(1940, 2012)}{rng.randint(1, 12):02d}{rng.randint(1, 28):02d}"
    body = rng.choice(_REGIONS) + born + _digits(rng, 3)
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    number = body + "10X98765432"[sum(w * int(c) for w, c in zip(weights, body, strict=True)) % 11]
    return rng.choice(
        [
            lambda: number,
            lambda: number,
            lambda: number,
            lambda: number.replace("X", "x"),
            lambda: body[:6] + body[8:17],  # the 15-digit number of before 1999
            lambda: _in_groups(number, (6, 8), " "),
            lambda: _in_groups(number, (6, 4, 4), " "),
            lambda: _in_groups(number, (6, 8), "-"),
            lambda: _in_groups(number, (3, 3, 4, 4), " "),
            lambda: _wide(number),
            lambda: " ".join(number),
        ]
    )()


def _passport(rng: random.Random) -> str:
    return rng.choice(
        [
            lambda: rng.choice("EG") + _digits(rng, 8),
            lambda: "E" + rng.choice("ABCDEFGH") + _digits(rng, 7),
            lambda: rng.choice("SDP") + "E" + _digits(rng, 7),
            lambda: rng.choice("HM") + _digits(rng, rng.choice((8, 10))),
            lambda: "C" + _digits(rng, 8),
            lambda: "C" + rng.choice("ABCDEFGH") + _digits(rng, 7),
            lambda: "W" + _digits(rng, 8),
            lambda: rng.choice("eg") + _digits(rng, 8),
        ]
    )()


def _bank_card(rng: random.Random) -> str:
    body = rng.choice(_BANKS)
    body += _digits(rng, rng.choice((15, 18)) - len(body))
    doubled = (int(c) * (2 if n % 2 == 0 else 1) for n, c in enumerate(reversed(body)))
    number = body + str(-sum(d // 10 + d % 10 for d in doubled) % 10)
    return rng.choice(
        [
            lambda: number,
            lambda: number,
            lambda: _in_groups(number, (4, 4, 4, 4), " "),
            lambda: _in_groups(number, (4, 4, 4, 4), "-"),
            lambda: _in_groups(number, (6,), " "),
            lambda: _wide(number),
            lambda: _in_groups(number, (4, 4, 4, 4), "  "),
        ]
    )()


def _plate(rng: random.Random) -> str:
    letters = "ABCDEFGHJKLMNPQRSTUVWXYZ"
    head = rng.choice("京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼") + rng.choice(letters[:14])
    tail = "".join(rng.choice("0123456789" * 3 + letters) for _ in range(5))
    tail = tail if re.search(r"\d.*\d", tail) else _digits(rng, 5)
    return rng.choice(
        [
            lambda: head + tail,
            lambda: head + "·" + tail,
            lambda: head + " " + tail,
            lambda: head + "-" + tail,
            lambda: (head + tail).lower(),
            lambda: head + rng.choice("DF") + tail[:1].replace(tail[:1], rng.choice("ABC123")) + _digits(rng, 4),
            lambda: head + _digits(rng, 5) + rng.choice("DF"),
            lambda: head + _digits(rng, 4) + rng.choice("挂学警"),
            lambda: head[0] + _wide(head[1] + tail),
        ]
    )()


def _handle(rng: random.Random, shortest: int = 6) -> str:
    syllables = [
        "zhang",
        "wang",
        "li",
        "xiao",
        "ming",
        "hong",
        "jun",
        "love",
        "happy",
        "sun",
        "cat",
        "tian",
        "yu",
        "lan",
        "feng",
        "hai",
        "xin",
        "guo",
        "qing",
        "mei",
        "da",
        "lin",
    ]
    word = "".join(rng.choice(syllables) for _ in range(rng.randint(1, 2)))
    handle = word + rng.choice(["", "_", "-"]) + _digits(rng, rng.randint(1, 6))
    return (handle + _digits(rng, max(0, shortest - len(handle))))[:20]


def _email(rng: random.Random) -> str:
    name = rng.choice(
        [_handle(rng).replace("-", "."), str(rng.randint(10**7, 10**10)), "1" + _digits(rng, 10), "a.b" + _handle(rng)]
    )
    host = rng.choice(
        [
            "qq.com",
            "163.com",
            "126.com",
            "sina.com",
            "sina.cn",
            "gmail.com",
            "foxmail.com",
            "139.com",
            "189.cn",
            "outlook.com",
            "vip.qq.com",
            "csu.edu.cn",
            "sohu.com",
        ]
    )
    return rng.choice(
        [
            lambda: f"{name}@{host}",
            lambda: f"{name}@{host}",
            lambda: f"{name}@{host}".upper(),
            lambda: f"{name} @ {host}",
            lambda: f"{name}＠{host}",
            lambda: _wide(f"{name}@{host}"),
            lambda: f"{name}(at){host}",
            lambda: f"{name}#{host}",
            lambda: f"{name}@{host.replace('.', '。', 1)}",
            lambda: f"{name}@{host.replace('.', '点')}",
        ]
    )()


def _qq(rng: random.Random) -> str:
    number = rng.choice("123456789") + _digits(rng, rng.randint(4, 10))
    return rng.choice([number, number, number, _wide(number), _in_groups(number, (3, 3), " ")])


def _wechat(rng: random.Random) -> str:
    return rng.choice(
        [
            lambda: _handle(rng),
            lambda: "wxid_" + "".join(rng.choice("abcdefghijk0123456789") for _ in range(10)),
            lambda: _handle(rng).upper(),
            lambda: str(rng.randint(10**6, 10**10)),
            lambda: rng.choice("abcxyz") + _digits(rng, 8),
            lambda: _wide(_handle(rng)),
            lambda: "".join(rng.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(rng.randint(7, 12))),
        ]
    )()


def _account(rng: random.Random) -> str:
    return rng.choice([_handle(rng), str(rng.randint(10**7, 10**11)), _handle(rng).replace("-", "."), _handle(rng, 8)])


def _unit(rng: random.Random) -> str:
    building, unit, floor = rng.randint(1, 48), rng.randint(1, 6), rng.randint(1, 33)
    room = f"{floor}{rng.randint(1, 8):02d}"
    letter, cn = rng.choice("ABCDEF"), "一二三四五六七八九"[rng.randint(0, 8)]
    return rng.choice(
        [
            lambda: f"{building}栋{unit}单元{room}室",
            lambda: f"{building}栋{unit}单元{room}",
            lambda: f"{building}号楼{unit}单元{room}室",
            lambda: f"{building}幢{room}室",
            lambda: f"{building}栋{room}",
            lambda: f"{building}#{room}",
            lambda: f"{building}-{unit}-{room}",
            lambda: f"{building}-{room}室",
            lambda: f"{letter}栋{room}房",
            lambda: f"{letter}座{room}",
            lambda: f"{letter}{rng.randint(1, 9)}栋{unit}单元{room}号",
            lambda: f"{cn}栋{cn}单元{room}室",
            lambda: f"{cn}号楼{cn}单元",
            lambda: f"{building}栋{unit}门{room}",
            lambda: f"{building} 栋 {unit} 单元 {room} 室",
            lambda: _wide(f"{building}") + "栋" + _wide(room) + "室",
            lambda: f"{building}号楼{room}",
            lambda: f"{unit}单元{room}室",
            lambda: f"{room}室",
            lambda: f"第{building}栋第{unit}单元{room}号房",
            lambda: f"{building}栋{floor}楼{room}",
            lambda: f"{building}栋{unit}单元{floor}楼",
            lambda: f"{building}座{unit}梯{room}",
        ]
    )()


def _house(rng: random.Random) -> str:
    number = rng.randint(1, 899)
    return rng.choice(
        [
            lambda: f"{number}号",
            lambda: f"{number}号",
            lambda: f"{number}号{rng.randint(1, 20)}栋{rng.randint(1, 33)}0{rng.randint(1, 6)}",
            lambda: f"{number}弄{rng.randint(1, 60)}号{rng.randint(1, 6)}0{rng.randint(1, 6)}室",
            lambda: f"{number}号附{rng.randint(1, 20)}号",
            lambda: f"{number}-{rng.randint(1, 9)}号",
            lambda: f"{rng.randint(1, 9)}组{rng.randint(1, 99)}号",
            lambda: f"{number}号院{rng.randint(1, 9)}号楼{rng.randint(1, 6)}单元{rng.randint(1, 6)}02",
        ]
    )()


SPELLED: dict[str, Callable[[random.Random], str]] = {
    "name_labelled": full_name,
    "name_courtesy": called_name,
    "name_self": full_name,
    "name_signed": full_name,
    "name_third": full_name,
    "mobile": _mobile,
    "landline": _landline,
    "id_card": _id_card,
    "passport": _passport,
    "bank_card": _bank_card,
    "plate": _plate,
    "email": _email,
    "qq": _qq,
    "wechat": _wechat,
    "account": _account,
    "address_unit": _unit,
    "address_home": _house,
}


# --- judging ---------------------------------------------------------------------------------------------------------


def replaced(text: str, clean: str) -> Iterator[tuple[int, int, str]]:
    """Which parts of the text became marks: start, end, kind of the mark. Marks beside each other share one part.

    >>> list(replaced("联系人张三，急", "联系人〔姓名〕，急"))
    [(3, 5, 'name')]
    """
    at, start, kind = 0, -1, ""
    for piece in (pieces := list(_pieces(clean))):
        if piece in MARK_KIND:
            start, kind = (at, MARK_KIND[piece]) if start < 0 else (start, kind)
            continue
        found = len(text) - len(piece) if piece is pieces[-1] else text.find(piece, at + (start >= 0))
        assert found >= 0, "the redactor changed more than it marked"
        if start >= 0:
            yield start, found, kind
        at, start = found + len(piece), -1
    if start >= 0:
        yield start, len(text), kind


def _pieces(clean: str) -> Iterator[str]:
    at = 0
    for mark in MARK.finditer(clean):
        if mark.start() > at:
            yield clean[at : mark.start()]
        yield mark[0]
        at = mark.end()
    if at < len(clean):
        yield clean[at:]


@dataclass
class Score:
    """Of one set of samples. `missed` holds invented or masked texts only where the samples are invented."""

    n: Counter[str]
    found: Counter[str]
    marks: Counter[str]
    false_marks: Counter[str]
    n_characters: int
    n_lost: int
    words: Counter[str]
    words_kept: Counter[str]
    missed: dict[str, list[Sample]]
    wrong: list[tuple[str, str, str]]


def judge(samples: list[Sample], clean: list[str]) -> Score:
    """Recall per label, precision per mark, characters lost outside the labels, protected words kept.

    A part counts as found when none of its letters, digits and characters is left.
    """
    score = Score(*(Counter() for _ in range(4)), 0, 0, Counter(), Counter(), defaultdict(list), [])
    for sample, after in zip(samples, clean, strict=True):
        text, after = _narrow(sample.text), _narrow(after)
        gone = [False] * len(text)
        personal = [False] * len(text)
        for start, end, _ in sample.spans:
            personal[start:end] = [True] * (end - start)
        for start, end, kind in replaced(text, after):
            score.marks[kind] += 1
            if not any(personal[start:end]):
                score.false_marks[kind] += 1
                score.wrong.append((kind, text[max(0, start - 5) : end + 5], text[start:end]))
            gone[start:end] = [True] * (end - start)
        for start, end, kind in sample.spans:
            score.n[kind] += 1
            if all(gone[at] or text[at] in PUNCTUATION for at in range(start, end)):
                score.found[kind] += 1
            else:
                score.missed[kind].append(sample)
        score.n_characters += len(text) - sum(personal)
        score.n_lost += sum(g and not p and c not in PUNCTUATION for g, p, c in zip(gone, personal, text, strict=True))
        for group, word in sample.protected:
            score.words[group] += 1
            score.words_kept[group] += _narrow(word) in after
    return score


def _narrow(text: str) -> str:
    return "".join(chr(ord(c) - 0xFEE0) if "！" <= c <= "～" else c for c in text)


def redacted(samples: list[Sample]) -> list[str]:
    return redact.redact(pl.Series("text", [sample.text for sample in samples], pl.String))[0].to_list()


# What of a real text has to survive, found by plain patterns.
_SURVIVE = {
    "date": r"(?:19|20)[0-9]{2}年(?:[0-9]{1,2}月)?(?:[0-9]{1,2}[日号])?|[0-9]{1,2}月[0-9]{1,2}[日号]",
    "amount": r"[0-9][0-9.,]*(?:万|亿)?(?:元|块|平方|平米|㎡|公里|吨|%|％)",
    "place": r"[一-鿿]{2,3}(?:小区|社区|街道|花园|公园|广场|大道|新村|新城|家园|国际|公寓|镇|路|村|县|区)",
    "institution": r"[一-鿿]{2}(?:局[^长]|委会|派出所|法院|医院|学校|中学|小学|大学|学院|公司[^总董经老]|政府|中心|银行|超市|集团)",
    "label": r"反映|投诉|物业|业主|开发商|居民|学生|家长|老师|教师|医生|患者|拆迁|施工|噪音|电梯|停车|公交|工资|社保|医保|低保|职称|补贴",
}


def survival(texts: pl.Series, clean: pl.Series) -> dict[str, tuple[int, float]]:
    """Of the dates, amounts, places … in the texts: how many there are, what share is still there after redaction."""
    rates = {}
    for name, pattern in _SURVIVE.items():
        n, left = (int(column.str.count_matches(pattern).sum() or 0) for column in (texts, clean))
        rates[name] = (n, left / n if n else 1.0)
    return rates


def real_texts(folder: Path) -> list[str]:
    """The complaints of the public files below `folder`, each once."""
    texts = [pl.read_csv(path, infer_schema=False)["text"] for path in sorted(folder.glob("messages_train*.csv"))]
    return pl.concat(texts).drop_nulls().unique(maintain_order=True).to_list()


def run(n: int = 600, half: str = "test", misses: int = 0) -> None:
    """Print the tables of one half, and of the fresh templates; `misses`: also so many missed and wrongly marked parts of the invented samples of a kind."""
    samples = generated(half, n)
    score = judge(samples, redacted(samples))
    _table(f"generated, {half} half", score)
    for kind, lost in score.missed.items() if misses else ():
        for sample in lost[:misses]:
            print("   missed", kind, [sample.text[max(0, a - 12) : b + 8] for a, b, k in sample.spans if k == kind])
    for kind, context, part in score.wrong[: 4 * misses]:
        print("   wrong", kind, repr(part), "in", repr(context))
    fresh = generated("fresh", n)
    _table("\ngenerated, fresh templates", judge(fresh, redacted(fresh)))
    folder = Path(os.environ.get("YANPAN_SHARED") or ROOT.parent / "shared") / "data" / "taidi"
    if folder.is_dir():
        _against_real(real_texts(folder), n, half)
    else:
        print("no real texts here: `inserted` and `untouched` are left out")


def _against_real(texts: list[str], n: int, half: str) -> None:
    samples = inserted(texts, half, n)
    score = judge(samples, redacted(samples))
    print(f"\ninserted into {len(texts):,} real texts, {half} half\n{'kind':<16}{'n':>7}{'recall':>9}")
    for kind, total in score.n.items():
        print(f"{kind:<16}{total:>7}{score.found[kind] / total:>9.4f}")
    series = pl.Series("text", texts)
    clean, counts = redact.redact(series)
    characters = int(series.str.len_chars().sum())
    marks = int(clean.str.count_matches(MARK.pattern).sum() or 0)
    kept = int(clean.str.replace_all(MARK.pattern, "").str.len_chars().sum())
    print(f"\nuntouched: {characters:,} characters, {1000 * (characters - kept) / characters:.2f} per 1,000 replaced")
    print("  ".join(f"{kind} {found}" for kind, found in counts.items()), f"  ({marks} marks)")
    for name, (total, share) in survival(series, clean).items():
        print(f"{name:<16}{total:>7}{share:>9.4f} kept")


def _table(title: str, score: Score) -> None:
    print(f"{title}\n{'kind':<16}{'n':>7}{'recall':>9}")
    for kind, total in score.n.items():
        print(
            f"{kind:<16}{total:>7}{score.found[kind] / total:>9.4f}{'' if score.found[kind] >= GOAL * total else '  *'}"
        )
    print(f"\n{'mark':<16}{'n':>7}{'precision':>11}")
    for kind, total in sorted(score.marks.items()):
        print(f"{kind:<16}{total:>7}{1 - score.false_marks[kind] / total:>11.4f}")
    lost = 1000 * score.n_lost / score.n_characters
    print(f"\n{score.n_characters:,} other characters, {lost:.2f} per 1,000 replaced; protected words kept:")
    for group, total in sorted(score.words.items()):
        print(f"{group:<16}{total:>7}{score.words_kept[group] / total:>9.4f}")
