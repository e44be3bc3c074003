"""The documents of docs/ on the screen: which there are, what one says, its pictures and the links between them.

The product serves them itself, so that a reader without any network beside this one has them at hand.
"""

import re
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import NamedTuple
from urllib.parse import quote

DOCS = Path(__file__).resolve().parents[1] / "docs"
INDEX, STATEMENT = "manual/README", "what-it-does-not-do"
CHAPTERS = {
    "leader": "manual/leader",
    "analyst": "manual/analyst",
    "clerk": "manual/clerk",
    "unit": "manual/unit",
    "admin": "manual/admin-user",
}
"""Role of app.access.roles → its chapter."""
PICTURE = re.compile(r"^!\[(.*?)\]\(([\w.-]+\.png)\)$", re.M)


class Part(NamedTuple):
    """A stretch of Markdown, or a picture with its words."""

    text: str
    picture: Path | None = None


@lru_cache(maxsize=1)
def names() -> tuple[str, ...]:
    """The documents there are, as paths below docs/ without .md."""
    return tuple(sorted(str(PurePosixPath(path.relative_to(DOCS).with_suffix(""))) for path in DOCS.rglob("*.md")))


def offered(role: str | None) -> list[str]:
    """The documents for a reader of this role, the manual first. How the system is run and what could be attacked is for
    the administrator, and for who uses it without a login."""
    first = [INDEX, *CHAPTERS.values(), STATEMENT]
    others = [name for name in names() if name not in first]
    return [*first, *(name for name in others if role in (None, "admin") or name.startswith("contracts/"))]


def title(name: str) -> str:
    return _read(name).partition("\n")[0].removeprefix("# ").strip()


def parts(name: str) -> list[Part]:
    """A document from top to bottom. Its links to other documents lead to the page 帮助, all others become plain words."""
    text = re.sub(r"<!--.*?-->\n?", "", _read(name), flags=re.S)
    found, at = [], 0
    for one in PICTURE.finditer(text):
        found += [Part(linked(text[at : one.start()], name)), Part(one[1], (DOCS / name).parent / one[2])]
        at = one.end()
    return [part for part in [*found, Part(linked(text[at:], name))] if part.text.strip()]


def statement() -> str:
    """本系统不做什么, without the head of the document and without the tests that hold it."""
    return linked(_read(STATEMENT).partition("\n")[2].partition("\n## ")[0].strip(), STATEMENT)


def linked(text: str, name: str) -> str:
    """Links as they lead on from the page 帮助.

    >>> linked("见 [领导](leader.md)、[本页](#x)、[样例](../../data/sample/grid/README.md)。", "manual/README")
    '见 [领导](/help?doc=manual%2Fleader)、本页、样例。'
    """

    def lead(link: re.Match[str]) -> str:
        target = (DOCS / name).parent / link[2].partition("#")[0]
        if target.suffix == ".md" and target.resolve().is_relative_to(DOCS):
            other = target.resolve().relative_to(DOCS).with_suffix("").as_posix()
            if other in names():
                return f"[{link[1]}](/help?doc={quote(other, safe='')})"
        return link[1]

    return re.sub(r"(?<!!)\[([^\]]+)\]\(([^)]+)\)", lead, text)


def _read(name: str) -> str:
    return (DOCS / f"{name}.md").read_text(encoding="utf-8")
