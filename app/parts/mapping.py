"""A file nobody has seen: which of its columns means what? Proposed by `yanpan layout`, confirmed here, kept as a file."""

import re
from pathlib import Path
from typing import Any

import streamlit as st

from app import fields, jobs, page, versions, wording

DROP = ""
IMPORTED_AS_IT_IS = ("places", "boundary")
STATES = {code: word for code, word in fields.words("status").items() if code not in fields.VERDICTS}
SURE = 0.8


def layouts() -> dict[str, str]:
    """What a file can be said to be: name of a layout → its title. The ones kept by this office first."""
    return _layouts(str(versions.home()), _stamp())


def _stamp() -> int:
    folder = versions.home() / "layouts"
    return folder.stat().st_mtime_ns if folder.is_dir() else 0


@st.cache_data(show_spinner=False, max_entries=2)
def _layouts(home: str, stamp: int) -> dict[str, str]:
    listed = jobs.ask("layout", "list").get("layouts", [])
    return {one["name"]: one["title"] for one in listed if not one.get("fault")}


def check_command(path: Path, options: dict[str, str | None]) -> list[str]:
    """The command that looks at one file of an upload."""
    words = [word for name in ("source", "layout") if options.get(name) for word in (f"--{name}", str(options[name]))]
    return ["layout", "check", str(path), *words]


def verdict(path: Path, answer: dict[str, Any], source: str | None) -> bool:
    """Shows what a file was recognised as, or what is to be said about it; can it be taken in?"""
    with st.container(border=True):
        if "error" not in answer:
            return recognised(path, answer)
        proposal = proposed(path, source)
        if "error" in proposal or proposal["kind"] == "unknown":
            title(path, "不能导入", "bad")
            page.quiet(answer["error"])
            return False
        if proposal["kind"] in IMPORTED_AS_IT_IS:
            title(path, f"参考数据：{proposal['kind_reason']}", "good")
            return True
        if proposal["kind"] != "events":
            title(path, "不是事项文件", "bad")
            page.quiet(f"{proposal['kind_reason']}。{proposal['next_step']}")
            return False
        title(path, "没有见过的表头，请确认每一列", "open")
        confirm_columns(path, proposal)
        return False


def title(path: Path, said: str, mark: str) -> None:
    st.html(f'<p class="verdict {mark}"><b>{wording.escape(path.name)}</b><span>{wording.escape(said)}</span></p>')


def recognised(path: Path, answer: dict[str, Any]) -> bool:
    """A known layout: what a dry run over the first rows found."""
    n_bad = sum(rule["n"] for rule in answer["rules"])
    source = wording.SOURCES.get(answer["source"], answer["source"])
    title(path, f"识别为 {source} · {answer['title']}", "good" if answer["n_events"] else "bad")
    said = [
        f"{'读了全部' if answer['is_whole'] else '试读前'} {answer['n_rows']:,} 行：可入库 {answer['n_events']:,} 行"
        + (f"，登记日期 {answer['date_from']} 至 {answer['date_to']}" if answer.get("date_from") else "")
        + (f"；不入库 {n_bad:,} 行" if n_bad else "")
        + "。"
    ]
    said += [f"{fields.words('rule').get(rule['rule'], rule['rule'])} {rule['n']:,} 行：{rule['hint']}" for rule in answer["rules"][:4]]  # fmt: skip
    if answer["header"]["dropped"]:
        dropped = answer["header"]["dropped"]
        said.append(f"不读取的列：{'、'.join(dropped[:12])}{' 等' if len(dropped) > 12 else ''}。")
    if answer["header"]["missing"]:
        said.append(f"版式里有、这个文件没有的列：{'、'.join(answer['header']['missing'][:12])}。")
    if answer["unknown_status"]:
        words = "、".join(f"“{one['word']}”{one['n']:,} 行" for one in answer["unknown_status"][:5])
        said.append(f"不认识的办理状态：{words}，按办结时间归为已办结或办理中。")
    st.html(f'<ul class="facts">{"".join(f"<li>{wording.escape(one)}</li>" for one in said)}</ul>')
    return bool(answer["n_events"])


def proposed(path: Path, source: str | None) -> dict[str, Any]:
    """What `yanpan layout propose` makes of a file."""
    return _proposed(str(path), source)


@st.cache_data(show_spinner="正在看各列的内容…", max_entries=16)
def _proposed(path: str, source: str | None) -> dict[str, Any]:
    return jobs.ask("layout", "propose", path, *(("--source", source) if source else ()))


def confirm_columns(path: Path, proposal: dict[str, Any]) -> None:
    """The proposal as a form: every column, what is missing, words of state; saved as a layout with a name."""
    where = f"工作表“{proposal['sheet']}”" if proposal["sheet"] else "表头"
    st.html(
        f'<p class="note">{wording.escape(where)}在第 {proposal["header_row"]} 行，看了 {proposal["n_sampled"]:,} 行；'
        f"来源：{wording.escape(proposal['source_reason'])}。</p>"
    )
    columns = proposal["columns"]
    kept = [one for one in columns if one["action"] == "keep"]
    left = [one for one in columns if one["action"] != "keep" and not one["is_identifying"] and one["header"].strip()]
    personal = [one["header"] for one in columns if one["is_identifying"]]
    key = f"{path.parent.parent.name}_{path.parent.name}"
    with st.form(f"layout_{key}", border=False):
        head()
        chosen = {one["header"]: column_row(one, proposal, key) for one in kept}
        if left:
            with st.expander(f"默认不读取的 {len(left)} 列"):
                chosen |= {one["header"]: column_row(one, proposal, key) for one in left}
        if personal:
            page.quiet(f"丢弃（涉及个人，任何人都不能改）：{'、'.join(personal)}")
        extra = missing(proposal, key)
        extra += states(proposal, key)
        notes = [plain for note in proposal["notes"] if (plain := without_options(note))]
        st.html(f'<ul class="facts">{"".join(f"<li>{wording.escape(note)}</li>" for note in notes)}</ul>')
        with st.container(horizontal=True, vertical_alignment="bottom"):
            name = st.text_input(
                "版式名", value=layout_name(path.name), key=f"layout_name_{key}", max_chars=40, width=320
            )
            pressed = st.form_submit_button("保存版式，重新检查", type="primary", icon=":material/save:")
    if pressed:
        save(path, proposal, chosen, extra, name.strip())


def head() -> None:
    st.html('<p class="columns-head"><span>文件列名</span><span>样例形态</span><span>用作</span><span>把握</span><span>理由</span></p>')  # fmt: skip


def column_row(one: dict[str, Any], proposal: dict[str, Any], key: str) -> str:
    """One column of the file: what it looks like, what it is to be, how sure and why. Returns our name or DROP."""
    names = {DROP: "丢弃", **{field["field"]: field["label"] for field in proposal["fields"]}}
    likely = [one["field"] or DROP, *(other["field"] for other in one["alternatives"])]
    options = list(dict.fromkeys([*likely, *names]))
    left, looks, middle, sure, why = st.columns([3, 4, 3, 1, 5], vertical_alignment="center")
    left.html(f"<b>{wording.escape(one['header'])}</b>")
    words = "、".join(str(example["word"]) for example in one["examples"][:3])
    looks.html(f'<span class="note">{wording.escape(words or "、".join(one["shapes"][:3]) or "—")}</span>')
    chosen = middle.selectbox(
        one["header"],
        options,
        format_func=lambda code: names.get(code, code),
        label_visibility="collapsed",
        filter_mode="contains",
        key=f"column_{key}_{one['position']}",
    )
    confidence = one["confidence"]
    mark = "open" if confidence < SURE else "good"
    sure.html(f'<span class="sure {mark}">{confidence:.0%}</span>' if one["field"] else "—")
    why.html(f'<span class="note">{wording.escape(one["reason"])}</span>')
    return chosen or DROP


def missing(proposal: dict[str, Any], key: str) -> list[str]:
    """What the file does not say: a day, a county, a number for each item. As words of the command."""
    lacks = {one["field"]: one["sentence"] for one in proposal["missing"]}
    words: list[str] = []
    said = [sentence for name, sentence in lacks.items() if name not in ("registered_at", "item_number")]
    for sentence in said:
        page.quiet(sentence)
    if "registered_at" in lacks:
        day = st.date_input(
            "没有日期列：整个文件算作哪一天登记", value=None, format="YYYY-MM-DD", key=f"day_{key}", width=320
        )
        words += [f"--constant=registered_at={day}"] if day else []
    if "item_number" in lacks:
        by_content = st.checkbox("没有编号列：按内容编号（各列完全相同的行算一件）", value=True, key=f"content_{key}")
        words += ["--number-from", "content"] if by_content else []
    places = {"county_name", "town_name", "community_name", "place", "lon"}
    if not places & {one["field"] for one in proposal["columns"]}:
        county = st.text_input("没有地点列：整个文件所属的县区（可不填）", key=f"county_{key}", width=320).strip()
        words += [f"--constant=county_name={county}"] if county else []
    return words


def states(proposal: dict[str, Any], key: str) -> list[str]:
    """The words of the status column that are not known for sure, each with the state it is to mean."""
    unsure = [one for one in proposal["status_words"] if one["how"] != "known"][:12]
    words: list[str] = []
    if not unsure:
        return words
    st.html('<p class="note">办理状态的说法，请核对对应到哪种状态：</p>')
    options = ["", *STATES]
    for n, one in enumerate(unsure):
        word = re.sub(r"[^\w\u4e00-\u9fff ]", " ", one["word"])  # a label is markdown, the word is a file's
        chosen = st.selectbox(
            f"“{word}”（{one['n']:,} 行）",
            options,
            index=options.index(one["state"]) if one["state"] in options else 0,
            format_func=lambda code: STATES.get(code, "按办结时间判断"),
            key=f"state_{key}_{n}",
            width=320,
        )
        words += [f"--status={one['word']}={chosen}"] if chosen else []
    return words


def save(path: Path, proposal: dict[str, Any], chosen: dict[str, str], extra: list[str], name: str) -> None:
    """Keep the confirmed layout and look at the whole upload again."""
    before = {one["header"]: one["field"] or DROP for one in proposal["columns"]}
    words = ["--source", proposal["source"], *extra]
    for header, field in chosen.items():
        if field == before[header]:
            continue
        words.append(f"--map={header}={field}" if field else f"--drop={header}")
    answer = jobs.ask("layout", "propose", str(path), *words, "--save", name)
    if "error" in answer:
        page.quiet(answer["error"])
        return
    st.session_state["_saved_layout"] = name
    st.rerun()


def without_options(note: str) -> str:
    """A note without the sentences that name options of the command line: the form has fields for them.

    >>> without_options("没有地点列。同一县区的，可加 --constant county_name=某县。")
    '没有地点列。'
    """
    return "".join(f"{part}。" for part in note.rstrip("。").split("。") if "--" not in part)


def layout_name(file_name: str) -> str:
    """A name to keep a layout under, from the name of a file: without its digits, which are mostly dates.

    >>> layout_name("东莞12345工单导出_20240101-0131.xlsx")
    '东莞12345工单导出'
    """
    stem = re.sub(r"[_\-（）()\s]*(?:19|20)\d{2}[\d年月日_\-.]*(?:至[\d年月日_\-.]*)?", "", Path(file_name).stem)
    plain = re.sub(r"[^\w\u4e00-\u9fff（）()\-]+", "", stem).strip("_-（）()")[:30]
    return plain or "新版式"
