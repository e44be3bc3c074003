"""Key facts of a text: places, money, how many, dates, kinds of organisation; nothing about a person."""

from datetime import date
from itertools import pairwise

import pytest

from app.keyfacts import KINDS, ORGANISATIONS, facts, number

MONDAY = date(2026, 11, 16)


def found(text, kind):
    return [(fact.words, fact.value, fact.is_about) for fact in facts(text, MONDAY) if fact.kind == kind]


@pytest.mark.parametrize(
    ("words", "value"),
    [("12.5", 12.5), ("1,200", 1200), ("三十六万", 360_000), ("两千", 2000), ("一百零五", 105), ("十二", 12), ("二十", 20), ("一亿", 1e8)],
)  # fmt: skip
def test_numbers(words, value):
    assert number(words) == value
    assert number("几") is None


@pytest.mark.parametrize(
    ("text", "words", "yuan", "is_about"),
    [
        ("拖欠工资12.5万元", "12.5万元", 125_000, False),
        ("押金1,200元不退", "1,200元", 1_200, False),
        ("收了三十余万元", "三十余万元", 300_000, True),
        ("涉及金额约2亿元", "约2亿元", 200_000_000, True),
        ("每户交了几十块钱", "几十块钱", 10, True),
    ],
)
def test_money(text, words, yuan, is_about):
    assert found(text, "money") == [(words, yuan, is_about)]


def test_no_money_in_a_month_or_a_festival():
    assert found("2026年元月和元旦期间停水", "money") == []


def test_how_many():
    assert found("我们三十多名农民工两个月没发工资", "people") == [("三十多名农民工", 30, True)]
    assert found("300余户业主联名", "households") == [("300余户", 300, True)]
    assert found("人民群众的诉求，第二户口本", "people") == []
    assert found("户口迁移问题", "households") == []


@pytest.mark.parametrize(
    ("text", "day", "is_about"),
    [
        ("2026年10月31日交房", date(2026, 10, 31), False),
        ("2026-10-31 断电", date(2026, 10, 31), False),
        ("3月15日起停水", date(2026, 3, 15), False),
        ("12月1日起涨价", date(2025, 12, 1), False),  # not said which: the last one before the item
        ("去年9月入学", date(2025, 9, 1), True),
        ("昨天夜里施工", date(2026, 11, 15), False),
        ("2019年买的房", date(2019, 1, 1), True),
    ],
)
def test_dates(text, day, is_about):
    assert [(value, about) for _, value, about in found(text, "date")] == [(day, is_about)]


def test_a_birthday_is_nobodys_fact():
    assert found("本人1963年11月5日出生，13月40日", "date") == []


def test_places_without_the_words_before_them():
    assert [words for words, *_ in found("反映和平县长宁镇青山村养猪场臭味扰民", "place")] == ["和平县长宁镇青山村"]
    assert [words for words, *_ in found("反映星湖街道物业公司乱收费", "place")] == ["星湖街道"]
    assert [words for words, *_ in found("我在幸福路88号门前摔倒，物业不管", "place")] == ["幸福路88号"]
    assert [words for words, *_ in found("希望解决锦绣花园漏水，锦绣花园已报修三次", "place")] == ["锦绣花园"]
    assert found("这条路太烂，小区没人管，马路上都是水，学校乱收费", "place") == []
    assert found("户籍在和平县长宁镇", "place") == []


def test_a_mark_of_the_redaction_is_no_fact():
    text = "〔姓名〕住锦绣花园〔楼栋房号〕，电话〔手机号〕"
    assert [(fact.kind, fact.words) for fact in facts(text, MONDAY)] == [("place", "锦绣花园")]


def test_organisations_are_kinds():
    assert [value for _, value, _ in found("物业和开发商互相推诿，自来水公司不来", "organisation")] == [
        "物业",
        "开发商",
        "供水单位",
    ]
    assert set(ORGANISATIONS).isdisjoint(KINDS)


def test_facts_come_in_order_once_and_apart():
    text = "锦绣花园300余户业主被拖欠12.5万元，物业不管；锦绣花园2026年10月31日停电，物业仍不管"
    told = facts(text, MONDAY)
    assert [fact.kind for fact in told] == ["place", "households", "money", "organisation", "date"]
    assert all(text[fact.start : fact.end] == fact.words for fact in told)
    assert all(one.end <= other.start for one, other in pairwise(told))
    assert facts(None) == facts("") == []
