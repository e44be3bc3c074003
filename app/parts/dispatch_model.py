"""模型与词库: what is in force, how good it is, where it and the office's own history disagree, how to change it."""

import json
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl
import streamlit as st

from app import disclosure, downloads, filters, marts, page, suggesting, versions, wording
from app.casework import cases, choices
from app.charts.reliability import reliability
from app.exports import csv_text
from pipelines.config import Home
from pipelines.dispatch import model
from pipelines.errors import YanpanError

SEEDS = Path(__file__).resolve().parents[2] / "sql" / "seeds"
FILES = {
    "keyword.csv": "关键词库：一行一个词，说的是哪个事项、有多肯定",
    "keyword_exclusion.csv": "易混词：文中有这些词时改判哪个事项",
    "duty.csv": "职责清单：哪个事项归哪个部门，各县区不同的另列一行",
    "handling_path.csv": "办理路径：哪种目的、哪个事项提示走哪条路",
}
LABELS = {
    "issue_name": "事项", "n": "件数", "precision": "查准（%）", "recall": "查全（%）", "f1": "F1", "taken_for": "常被当作",
    "unit_name": "实际单位", "suggested_unit": "建议单位", "returned": "退回（%）", "suggested_name": "建议事项",
    "said": "说的把握", "right_share": "实际说对", "n_texts": "件数", "n_accepted": "采纳", "n_changed": "改选", "n_refused": "不采纳",
    "n_chosen": "已选",
}  # fmt: skip
VERDICTS = {
    "stable": "稳定：与学习时相近",
    "moved": "留意：有些变化",
    "shifted": "重学：变化明显，请运行 yanpan dispatch train",
}
DRIFT = "_dispatch_drift"


def tab(edition: page.Edition) -> None:
    home = Home(versions.home())
    about = _in_force(home)
    if about is None:
        page.quiet("还没有学过本单位的历史，目前只按词库和职责清单建议。下一步：在命令行运行 yanpan dispatch train。")
        st.code("yanpan dispatch train", language=None)
    else:
        _figures(about)
        names = filters.issue_names()
        left, right = st.columns(2, gap="large")
        with left:
            _reliability(about, edition)
        with right:
            _drift(home, about)
            _units(about)
        _classes(about, names, edition)
        _differences(about, names, edition)
        _versions(home)
    _choices(edition)
    _files(home)


def _in_force(home: Home) -> dict[str, Any] | None:
    """model.json of the version in force; a version that cannot be read is said and counts as none."""
    version = model.current(home)
    if version is None:
        return None
    try:
        about: dict[str, Any] = json.loads(
            (model.folder(home) / f"{version:06d}" / "model.json").read_text(encoding="utf-8")
        )
    except (OSError, ValueError):
        page.quiet(
            f"模型版本 {version} 的文件不完整。请用 yanpan dispatch use 换一个版本，或重新运行 yanpan dispatch train。"
        )
        return None
    return about


def _percent(share: float | None, digits: int = 1) -> str:
    return "—" if share is None else f"{share:.{digits}%}"


def _figures(about: dict[str, Any]) -> None:
    trained = datetime.fromisoformat(about["trained_at"])
    st.html(
        f'<p class="doing">版本 {about["version"]}，{wording.full_day(trained.date())}学习了 {about["n_texts"]:,} 件、{about["n_classes"]} 类'
        f"（{about['first_on']} 至 {about['last_on']} 登记的）。下面都是没有参与学习的件上的成绩。</p>"
    )
    shown = (
        (
            "说出建议的",
            _percent(1 - about["abstained_share"]),
            "其余没有把握，留给人工",
            "把握达到门槛、用词也认得的件的占比。",
        ),
        ("建议对的", _percent(about["precision"]), "在说出建议的件里", "第一个建议的事项与来源分类一致的占比。"),
        ("全部件对的", _percent(about["accuracy"]), "不论有没有把握", "每件都取最像的一个事项，与来源分类一致的占比。"),
        ("宏平均 F1", f"{about['macro_f1']:.3f}", "各事项同等看待", "每个事项查准与查全的调和平均，再对各事项取平均。"),
        ("校准误差", f"{about['calibration_error']:.3f}", "越小，把握越可信", "说的把握与实际说对的比例平均差多少。"),
        ("单位对的", *_unit_figure(about), "说出建议的件里，第一个建议单位就是实际单位的占比。"),
    )
    for column, (label, value, remark, help) in zip(st.columns(len(shown)), shown, strict=True):
        column.metric(label, value, delta=remark, delta_color="off", delta_arrow="off", help=help)


def _unit_figure(about: dict[str, Any]) -> tuple[str, str]:
    units = about.get("units")
    if not units or units.get("top1") is None:
        return "—", "这个版本没有算过"
    return _percent(units["top1"]), f"前三个里有的 {_percent(units['top3'], 0)}"


def _reliability(about: dict[str, Any], edition: page.Edition) -> None:
    rows = about.get("reliability")
    if not rows:
        page.quiet("这个版本没有留下把握与对错的记录；再运行一次 yanpan dispatch train 就有。")
        return
    frame = pl.DataFrame(rows, schema={"said": pl.Float64, "right_share": pl.Float64, "n_texts": pl.Int64})
    page.chart(
        page.drawn(reliability, frame, title="说九成把握，是不是真有九成对？"),
        frame,
        name=f"把握与对错 模型版本 {about['version']}",
        notes=edition.notes(
            f"没有参与学习的 {about['n_texts']:,} 件，按说的把握分十段；点越大件越多，落在虚线上最好。"
        ),
        key="dispatch_reliability",
        labels=LABELS,
    )


def _drift(home: Home, about: dict[str, Any]) -> None:
    """Asked for by a button, for it looks at weeks of texts; kept for the same marts and tools."""
    page.section("新来的件变了吗", f"最近 {model.DRIFT_WEEKS} 周与学习时相比")
    key = (about["version"], st.session_state[marts.VERSION_KEY], suggesting.state(home))
    if st.button("算一算", key="dispatch_drift", icon=":material/monitoring:"):
        with st.spinner("正在比较…"):
            try:
                st.session_state[DRIFT] = (key, model.drift(home))
            except YanpanError as fault:
                page.quiet(str(fault))
    asked, found = st.session_state.get(DRIFT, (None, None))
    if asked != key or found is None:
        st.html('<p class="said">比较用词、事项构成和把握的分布，几秒钟。</p>')
        return
    index = found["psi"]
    kind = {"stable": "good", "moved": "open", "shifted": "bad"}[found["verdict"]]
    st.html(
        f'<p class="verdict {kind}"><b><span>{VERDICTS[found["verdict"]]}</span></b></p><p class="said">{found["since"]} 以后的 '
        f"{found['n_texts']:,} 件。稳定性指数：用词 {index['known']:.3f}，事项构成 {index['issue']:.3f}，把握 {index['probability']:.3f}；"
        f"超过 {model.MOVED:g} 留意，超过 {model.SHIFTED:g} 重学。</p>"
    )


def _units(about: dict[str, Any]) -> None:
    """How often the first unit is the actual one, and is more returned where it is not?"""
    units, returns = about.get("units"), about.get("returns")
    page.section("单位建议得准吗", "与实际分派相比")
    if not units:
        page.quiet("这个版本没有与实际分派比较过；再运行一次 yanpan dispatch train 就有。")
        return
    st.html(
        f'<p class="said">有单位的 {units["n"]:,} 件：第一个建议就是实际单位的 {_percent(units["top1"])}，前三个里有的 {_percent(units["top3"])}'
        f"（{_percent(units['abstained_share'])} 没有把握，不在内）。事项若已知，是 {_percent(units.get('top1_given_issue'))} 和 "
        f"{_percent(units.get('top3_given_issue'))}。</p>"
    )
    if returns and all(returns[one]["n_known"] >= wording.SMALL_BASE for one in ("agrees", "differs")):
        same, other = (returns[one]["n_returned"] / returns[one]["n_known"] for one in ("agrees", "differs"))
        st.html(
            f'<p class="said">实际单位与建议相同的件退回 {same:.1%}，不同的退回 {other:.1%}（只算来源写明退回的件；不同不等于派错）。</p>'
        )
    else:
        st.html('<p class="said">来源没有写明退回，或太少，不能比较退回率。</p>')


def _classes(about: dict[str, Any], names: dict[str, str], edition: page.Edition) -> None:
    page.section("各事项建议得怎样", "没有参与学习的件上，F1 低的在前")
    left, right = st.columns([3, 2], gap="large")
    frame = pl.DataFrame(about["by_class"]).select(
        pl.col("label").replace(names).alias("issue_name"), pl.col("n").cast(pl.Int64),
        (100 * pl.col("precision").cast(pl.Float64)).alias("precision"), (100 * pl.col("recall")).alias("recall"), (100 * pl.col("f1")).alias("f1"),
    ).sort("f1")  # fmt: skip
    labels = LABELS | {"f1": "F1（%）"}
    with left:
        page.grid(frame, key="dispatch_classes", labels=labels, height=420)
        page.foot(
            frame, name=f"各事项建议准确度 模型版本 {about['version']}", key="dispatch_classes_foot", labels=labels,
            notes=edition.notes("查准：建议为这一事项的件里对的占比；查全：这一事项的件里说中的占比；F1 是两者的调和平均。全市合计。"),
        )  # fmt: skip
    with right:
        confused = _pairs(about["confused"], {"label": "issue_name", "taken_for": "taken_for"}, names)
        if confused.is_empty():
            page.quiet("没有常混的事项。")
            return
        page.table(
            confused,
            [
                page.Column("issue_name", label="事项"),
                page.Column("taken_for", label="常被当作"),
                page.Column("n", "number", "件数"),
            ],
        )
        st.html(
            f'<p class="note">最常混的事项，件数不足 {disclosure.min_cell()} 的不列。给其中一个加上独有的词，或在易混词里写明，重学后就会少。</p>'
        )


def _pairs(rows: list[dict], columns: dict[str, str], names: dict[str, str]) -> pl.DataFrame:
    """Rows of model.json under our column names, codes as names; what is below k is left out."""
    kept = [row for row in rows if row["n"] >= max(disclosure.threshold(row.get("issue_code", row.get("label"))), 1)]
    return pl.DataFrame(
        [
            {new: names.get(row[old], row[old]) for old, new in columns.items()}
            | {"n": row["n"], "returned": _returned(row)}
            for row in kept
        ],
        schema={**dict.fromkeys(columns.values(), pl.String), "n": pl.Int64, "returned": pl.Float64},
    )


def _returned(row: dict) -> float | None:
    """Per cent returned; none where few are known or so few came back that the share would tell them."""
    known, n = row.get("n_known") or 0, row.get("n_returned") or 0
    return 100 * n / known if known >= wording.SMALL_BASE and (n == 0 or n >= disclosure.min_cell()) else None


def _differences(about: dict[str, Any], names: dict[str, str], edition: page.Edition) -> None:
    """Where the actual unit, or the recorded issue, is another than the suggested one."""
    differs, relabelled = about.get("differs"), about.get("relabelled")
    if not differs and not relabelled:
        return
    page.section("与实际不一致的地方", "可能是建议不准，也可能是职责清单旧了、派错了或分类记错了")
    left, right = st.columns([3, 2], gap="large")
    parts = (
        (
            left,
            "differs",
            differs,
            {"issue_code": "issue_name", "unit_name": "unit_name", "suggested_unit": "suggested_unit"},
            "单位不一致",
        ),
        (
            right,
            "relabelled",
            relabelled,
            {"issue_code": "issue_name", "suggested_code": "suggested_name"},
            "事项不一致",
        ),
    )
    for column, key, rows, columns, title in parts:
        with column:
            frame = _pairs(rows or [], columns, names)
            if key == "relabelled":
                frame = frame.drop("returned")
            if frame.is_empty():
                page.quiet(f"{title}的都不足 {disclosure.min_cell()} 件，或这个版本没有算过。")
                continue
            page.grid(frame, key=f"dispatch_{key}", labels=LABELS, height=360)
            page.foot(
                frame, name=f"{title} 模型版本 {about['version']}", key=f"dispatch_{key}_foot", labels=LABELS,
                notes=edition.notes(f"学过的件里{title}的，件数多的在前；不足最小格子的不列。"),
            )  # fmt: skip


def _versions(home: Home) -> None:
    """What is kept and can be gone back to."""
    page.section("留存的版本", f"最近 {model.KEPT} 个；换回旧版本：yanpan dispatch use 版本号")
    rows = [
        {
            "version": f"{row['version']}{'（现用）' if row['is_current'] else ''}",
            "trained": wording.full_day(datetime.fromisoformat(row["trained_at"]).date()),
            "span": f"{row['first_on']} 至 {row['last_on']}",
            "n": row["n_texts"],
            "said": _percent(1 - row["abstained_share"]),
            "right": _percent(row["precision"]),
            "f1": f"{row['macro_f1']:.3f}",
            "off": f"{row['calibration_error']:.3f}",
        }
        for row in model.versions(home)
    ]
    heads = {
        "version": "版本", "trained": "学习于", "span": "学的是哪段时间登记的", "n": "件数", "said": "说出建议的", "right": "建议对的",
        "f1": "宏平均 F1", "off": "校准误差",
    }  # fmt: skip
    kinds = {"n": "number"} | dict.fromkeys(("said", "right", "f1", "off"), "figure")
    page.table(pl.DataFrame(rows), [page.Column(name, kinds.get(name, "text"), head) for name, head in heads.items()])


# ---------------------------------------------------------------- what clerks chose


def _choices(edition: page.Edition) -> None:
    page.section("经办人员的选择", "在「待分派的件」里采纳、改选或不采纳的")
    try:
        found = choices.current()
    except cases.Unavailable as missing:
        page.quiet(str(missing))
        return
    if found.is_empty():
        page.quiet("还没有人选过。在「待分派的件」里打开一件，采纳、改选或不采纳，这里就有了。")
        return
    names = filters.issue_names()
    counts = by_issue(found, names)
    n, accepted = len(found), int((found["verdict"] == "accepted").sum())
    with_unit = found.filter(pl.col("verdict") != "refused", pl.col("suggested_unit").is_not_null())
    same = int((with_unit["suggested_unit"] == with_unit["chosen_unit"]).fill_null(False).sum())
    st.html(
        f'<p class="doing">{n:,} 件有选择：采纳 {accepted:,} 件（{accepted / n:.0%}），改选 {(found["verdict"] == "changed").sum():,} 件，'
        f"不采纳 {(found['verdict'] == 'refused').sum():,} 件；选了单位的 {len(with_unit):,} 件里与建议相同的 {same:,} 件。</p>"
    )
    page.grid(counts, key="dispatch_chosen", labels=LABELS, height=300)
    measures = ["n_chosen", "n_accepted", "n_changed", "n_refused"]
    page.foot(
        partial(disclosure.suppress, counts, measures=measures, k=disclosure.threshold()),
        name="分派建议的选择", key="dispatch_chosen_foot", labels=LABELS,
        notes=edition.notes("每件以最后一次选择为准，按建议的事项合计；不记个人，不改任何数字。", disclosure.note(exported=True)),
    )  # fmt: skip
    file_name = "分派建议的选择.csv"
    st.download_button(
        "下载评价数据 CSV", downloads.noted(lambda: csv_text.csv_bytes(evaluation(found, names), labels=EVALUATION), file_name),
        file_name, "text/csv", key="dispatch_choices_csv", on_click="ignore", icon=":material/download:",
        help="一行一次选择：建议与所选的事项、把握、模型版本、单位是否照建议；不含事项编号、区域、单位名称和正文。",
    )  # fmt: skip


def by_issue(found: pl.DataFrame, names: dict[str, str]) -> pl.DataFrame:
    """Choices by suggested issue: issue_name, n_chosen, n_accepted, n_changed, n_refused; most first."""
    return (
        found.group_by(pl.col("suggested_issue").replace(names).fill_null("没有建议").alias("issue_name"))
        .agg(
            pl.len().cast(pl.Int64).alias("n_chosen"),
            *((pl.col("verdict") == code).sum().cast(pl.Int64).alias(f"n_{code}") for code in choices.VERDICTS),
        )
        .sort(-pl.col("n_chosen"), "issue_name")
    )


EVALUATION = {
    "chosen_month": "月份", "model_version": "模型版本", "suggested": "建议事项", "sure": "把握", "abstained": "有没有把握",
    "verdict_said": "选择", "chosen": "所选事项", "unit_said": "单位",
}  # fmt: skip


def evaluation(found: pl.DataFrame, names: dict[str, str]) -> pl.DataFrame:
    """One row a choice, for judging the suggestions elsewhere: no key, place, unit name or day that leads to an item."""
    return found.select(
        pl.col("chosen_at").dt.strftime("%Y-%m").alias("chosen_month"),
        "model_version",
        pl.col("suggested_issue").replace(names).alias("suggested"),
        pl.col("probability").round(3).alias("sure"),
        pl.when("is_abstained").then(pl.lit("没有把握")).otherwise(pl.lit("有把握")).alias("abstained"),
        pl.col("verdict").replace(choices.VERDICTS).alias("verdict_said"),
        pl.col("chosen_issue").replace(names).alias("chosen"),
        pl.when(pl.col("chosen_unit").is_null()).then(None)
        .when(pl.col("chosen_unit") == pl.col("suggested_unit")).then(pl.lit("照建议"))
        .otherwise(pl.lit("另选")).alias("unit_said"),
    ).sort("chosen_month", "suggested", "verdict_said", nulls_last=True)  # fmt: skip


# ---------------------------------------------------------------- words and duties


def _files(home: Home) -> None:
    page.section("词库和职责清单", "本单位可以改，改了即用")
    st.html(
        '<p class="said">下载后用 Excel 增删，另存为 CSV（UTF-8），放到数据文件夹的 reference 里，文件名不变。'
        "同一个词的一行以本单位的为准，is_active 写“否”即不用；写错了哪行哪列，页面会说。模型在下次 yanpan dispatch train 时学到。</p>"
    )
    for name, what in FILES.items():
        own = home.reference / name
        path = own if own.exists() else SEEDS / name
        with st.container(
            horizontal=True, vertical_alignment="center", gap="small", key=f"dispatch_file_{name.split('.')[0]}"
        ):
            st.download_button(
                name, downloads.noted(path.read_bytes, name), name, "text/csv", key=f"download_{name}", on_click="ignore",
                icon=":material/download:", width=230,
            )  # fmt: skip
            st.html(
                f'<p class="said">{what}。{"现用本单位的文件，补在随系统的之上" if own.exists() else "现用随系统的"}。</p>',
                width="stretch",
            )
