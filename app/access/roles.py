"""What may each role open and do? The table below is all of it; app.main and app.access.signin enforce it.

leader   领导    sees everything in the scope, comments and reminds; imports and changes nothing
analyst  分析员  the office's work: casework, reports, dispatch, reviews
clerk    材料员  every page and material, issues reports, records dispatch choices; takes no step of a case
unit     承办单位  its own warnings, indicators and ledgers, and nothing else
admin    管理员  data, accounts and the audit log; sees the pages but no single item, takes away nothing of them
"""

from typing import NamedTuple

EVERY_WEEK = ("weekly", "hotspots", "trends", "issues", "compare", "warnings", "warning", "topics", "reports")
HANDLING = ("service", "ledgers", "mediation")
ABOUT = ("help", "about")
SYSTEM = ("intake", "accounts", "audit")


class Role(NamedTuple):
    """name: as readers see it. pages: url paths it may open. acts_as: the role of app.casework.workflow it takes steps as.
    may: of DOINGS. scopes: which kinds of scope an account of this role may have (besides the whole city, where None is
    among them)."""

    name: str
    pages: tuple[str, ...]
    acts_as: str | None
    may: tuple[str, ...]
    scopes: tuple[str | None, ...]


DOINGS = {
    "items": "逐件查看（已脱敏）",
    "export": "导出",
    "case": "办理预警",
    "issue": "报告定稿",
    "dispatch": "登记分派选择",
    "review": "登记抽查评查",
    "replay": "回看没有算过的日子",
    "intake": "导入、撤销、发布数据",
    "admin": "管理账号、查看审计日志",
}
AREAS = (None, "county", "town")
ROLES = {
    "leader": Role("领导", (*EVERY_WEEK, *HANDLING, "screen", *ABOUT), "leader", ("items", "export", "case", "review"), AREAS),
    "analyst": Role(
        "分析员",
        (*EVERY_WEEK, "dispatch", *HANDLING, "screen", *ABOUT),
        "office",
        ("items", "export", "case", "issue", "dispatch", "review", "replay"),
        AREAS,
    ),
    "clerk": Role(
        "材料员",
        (*EVERY_WEEK, "dispatch", *HANDLING, "screen", *ABOUT),
        "office",
        ("items", "export", "issue", "dispatch"),
        AREAS,
    ),
    "unit": Role("承办单位", ("warnings", "warning", "service", "ledgers", *ABOUT), "unit", ("items", "export", "case"), ("unit",)),
    "admin": Role(
        "管理员", (*EVERY_WEEK, "dispatch", *HANDLING, "screen", *SYSTEM, *ABOUT), None, ("replay", "intake", "admin"), (None,)
    ),
}  # fmt: skip
