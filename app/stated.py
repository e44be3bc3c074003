"""Do the figures printed in a document agree with one another? 勾稽校验 of totals and rates before they go out.

Figures are what is printed (2,831批、60%); an identity says what a figure should be: `来信 = 初信 + 重复信 + 交办件`,
`办结率 = 办结 / 受理`. A rate may differ from its quotient by what its own rounding explains, a total by nothing.
"""

import re
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import NamedTuple


class Finding(NamedTuple):
    """One identity that was looked at."""

    name: str
    stated: str
    computed: str
    is_ok: bool
    sentence: str


def check(figures: Mapping[str, str], identities: Sequence[str]) -> list[Finding]:
    """One finding an identity, in their order. Raises ValueError, in a sentence, for what cannot be read.

    >>> figures = {"受理": "473件", "办结": "365件", "办结率": "100%"}
    >>> check(figures, ["办结率 = 办结 / 受理"])[0].sentence
    '「办结率」写 100%，按 365 ÷ 473 应为 77%（77.2%），不符。'
    """
    return [_finding(figures, identity) for identity in identities]


def _finding(figures: Mapping[str, str], identity: str) -> Finding:
    name, _, rule = (part.strip() for part in identity.partition("="))
    terms = re.split(r"\s*([+/-])\s*", rule)
    unknown = [term for term in (name, *terms[::2]) if term not in figures]
    if unknown or ("/" in terms and len(terms) != 3):
        raise ValueError(
            f"关系「{identity}」读不懂："
            + (f"没有「{unknown[0]}」这个数" if unknown else "除法只写一个，如 办结率 = 办结 / 受理")
            + f"；有的数：{'、'.join(figures)}。"
        )
    stated = figures[name]
    value, step = _read(name, stated)
    parts = [_read(term, figures[term])[0] for term in terms[::2]]
    if "/" not in terms:
        computed = parts[0] + sum(
            part if sign == "+" else -part for sign, part in zip(terms[1::2], parts[1:], strict=True)
        )
        told = _number(computed)
        way = " ".join(
            _number(parts[at // 2]) if at % 2 == 0 else term.replace("-", "−") for at, term in enumerate(terms)
        )
        difference = value - computed
        outcome = (
            "相符。" if not difference else f"差 {'+' if difference > 0 else '−'}{_number(abs(difference))}，不符。"
        )
        return Finding(name, stated, told, not difference, f"「{name}」写 {stated}，{way} = {told}，{outcome}")
    if parts[1] == 0:
        raise ValueError(f"关系「{identity}」的分母是 0，没有比率可核对。")
    computed = parts[0] / parts[1]
    is_ok = abs(value - computed) <= step / 2
    told = _percent(computed, step) if stated.rstrip().endswith("%") else f"{float(computed):.4g}"
    finer = f"（{_percent(computed, step / 10)}）" if told.endswith("%") else ""
    way = f"{_number(parts[0])} ÷ {_number(parts[1])}"
    outcome = f"是 {told}，相符。" if is_ok else f"应为 {told}{finer}，不符。"
    return Finding(name, stated, told, is_ok, f"「{name}」写 {stated}，按 {way} {outcome}")


def _read(name: str, text: str) -> tuple[Fraction, Fraction]:
    """A printed figure as its value and the worth of one unit of its last digit."""
    found = re.fullmatch(r"\s*(\d[\d,]*)(?:\.(\d+))?\s*(%|％)?\s*\D{0,3}\s*", text)
    if found is None:
        raise ValueError(f"「{name}」的数读不懂：“{text[:20]}”，应为 2,831批 或 77.2% 这样的数。")
    whole, decimals, percent = found.groups()
    step = Fraction(1, 10 ** len(decimals or "")) / (100 if percent else 1)
    return Fraction(f"{whole.replace(',', '')}.{decimals or 0}") / (100 if percent else 1), step


def _number(value: Fraction) -> str:
    return f"{value.numerator:,}" if value.denominator == 1 else f"{float(value):,.2f}"


def _percent(value: Fraction, step: Fraction) -> str:
    decimals = len(str(int(1 / step))) - 3
    return f"{float(value):.{max(decimals, 0)}%}"
