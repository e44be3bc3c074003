"""How were these fonts made? Noto Sans SC cut to GB 2312, Latin and the signs the pages use; Noto Serif SC with all its Han.

    npm pack @fontsource/noto-sans-sc@5.3.0 && tar xzf fontsource-noto-sans-sc-5.3.0.tgz
    python app/assets/fonts/cut.py sans package          (needs fonttools and brotli)
    npm pack @fontsource/noto-serif-sc@5.3.0 && tar xzf fontsource-noto-serif-sc-5.3.0.tgz
    python app/assets/fonts/cut.py serif package

Sans: app/static/fonts/*.woff2 (for the browser) and app/assets/fonts/*.ttf (for pictures and headings). Serif: one .ttf,
the text of PDF; nothing stands behind it there, so it keeps the 12,000 Han of the package (names of places: 埇, 塱, 垵).
The families are renamed: a changed font should not pass for the original, and a system copy must not win over it.
About a hundred rare characters are not in the packages (劐坶塥弪…); those come from the reader's own fonts.
"""

import io
import shutil
import sys
from pathlib import Path
from typing import Any, cast

from fontTools import merge, subset
from fontTools.ttLib import TTFont

HERE = Path(__file__).resolve().parent
STATIC = HERE.parents[1] / "static" / "fonts"
SIGNS = "●▲■◆▼△▽○□◇→←↑↓—–…〔〕·‰±−×÷≥≤≈¥€°℃㎡“”‘’①②③④⑤⑥⑦⑧⑨⑩✓•‑\u00a0\u3000"
WEIGHTS = {"sans": {400: "Regular", 700: "Bold"}, "serif": {400: "Regular"}}
HAN = range(0x3400, 0xA000)


def wanted(face: str) -> set[int]:
    """Code points to keep."""
    points = set(HAN) if face == "serif" else set()
    points |= set(range(0x20, 0x7F)) | set(range(0xA0, 0x100)) | set(range(0xFF01, 0xFF5F)) | set(map(ord, SIGNS))
    for high in range(0xA1, 0xF8):
        pairs = b"".join(bytes([high, low]) for low in range(0xA1, 0xFF))
        points |= set(map(ord, pairs.decode("gb2312", errors="ignore")))
    return points


def pieces(package: Path, face: str, weight: int) -> list[io.BytesIO]:
    """The package's numbered files, each cut to the characters no earlier file had."""
    left, cut = wanted(face), []
    files = [package / "files" / f"noto-{face}-sc-{name}-{weight}-normal.woff2" for name in ("latin", "latin-ext")]
    files += sorted(package.glob(f"files/noto-{face}-sc-[0-9]*-{weight}-normal.woff2"))
    options = subset.Options(hinting=False, layout_features=[], notdef_outline=True, glyph_names=False)
    options.drop_tables += ["vhea", "vmtx", "BASE", "STAT", "GDEF", "GPOS", "GSUB", "gasp", "prep"]
    for file in files:
        font = TTFont(file)
        here = left & set(font.getBestCmap() or ())
        if not here:
            continue
        left -= here
        cutter = subset.Subsetter(options)
        cutter.populate(unicodes=here)
        cutter.subset(font)
        font.flavor = None
        buffer = io.BytesIO()
        font.save(buffer)
        cut.append(buffer)
    return cut


def rename(font: TTFont, face: str, style: str) -> None:
    family = f"Yanpan {face.title()} SC"
    names = {1: family, 2: style, 3: f"{family} {style}", 4: f"{family} {style}", 6: f"Yanpan{face.title()}SC-{style}"}
    kept = {record.nameID: record.toUnicode() for record in font["name"].names if record.nameID in (0, 13, 14)}
    font["name"].names = []
    for name_id, text in sorted((kept | names).items()):
        font["name"].setName(text, name_id, 3, 1, 0x409)


def set_weight(font: TTFont, weight: int) -> None:
    metrics, head = cast(Any, font["OS/2"]), cast(Any, font["head"])
    metrics.usWeightClass = weight
    metrics.fsSelection = 0x20 if weight == 700 else 0x40
    head.macStyle = int(weight == 700)


def cut(face: str, package: Path) -> None:
    STATIC.mkdir(parents=True, exist_ok=True)
    for weight, style in WEIGHTS[face].items():
        parts = pieces(package, face, weight)
        for part in parts:
            part.seek(0)
        font = merge.Merger().merge(parts)
        rename(font, face, style)
        set_weight(font, weight)
        font.save(HERE / f"yanpan-{face}-sc-{style.lower()}.ttf")
        if face == "sans":
            font.flavor = "woff2"
            font.save(STATIC / f"yanpan-{face}-sc-{style.lower()}.woff2")
    for folder in (HERE, STATIC):
        shutil.copyfile(package / "LICENSE", folder / "OFL.txt")


if __name__ == "__main__":
    cut(sys.argv[1], Path(sys.argv[2]))
