"""How were these fonts made? Noto Sans SC cut to GB 2312, Latin and the signs the pages use.

    npm pack @fontsource/noto-sans-sc@5.3.0 && tar xzf fontsource-noto-sans-sc-5.3.0.tgz
    python app/assets/fonts/cut.py package          (needs fonttools and brotli)

Writes app/static/fonts/*.woff2 (for the browser), app/assets/fonts/*.ttf (for pictures) and the licence. The
family is renamed: a changed font should not pass for the original, and a system copy must not win over it.
About a hundred rare characters are not in the package (劐坶塥弪…); those come from the reader's own fonts.
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
FAMILY = "Yanpan Sans SC"
SIGNS = "●▲■◆▼△▽○□◇→←↑↓—–…〔〕·‰±−×÷≥≤≈¥€°℃㎡“”‘’①②③④⑤⑥⑦⑧⑨⑩✓•‑\u00a0\u3000"
WEIGHTS = {400: "Regular", 700: "Bold"}


def wanted() -> set[int]:
    """Code points to keep."""
    points = set(range(0x20, 0x7F)) | set(range(0xA0, 0x100)) | set(range(0xFF01, 0xFF5F)) | set(map(ord, SIGNS))
    for high in range(0xA1, 0xF8):
        pairs = b"".join(bytes([high, low]) for low in range(0xA1, 0xFF))
        points |= set(map(ord, pairs.decode("gb2312", errors="ignore")))
    return points


def pieces(package: Path, weight: int) -> list[io.BytesIO]:
    """The package's numbered files, each cut to the characters no earlier file had."""
    left, cut = wanted(), []
    files = [package / "files" / f"noto-sans-sc-{name}-{weight}-normal.woff2" for name in ("latin", "latin-ext")]
    files += sorted(package.glob(f"files/noto-sans-sc-[0-9]*-{weight}-normal.woff2"))
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


def rename(font: TTFont, style: str) -> None:
    names = {1: FAMILY, 2: style, 3: f"{FAMILY} {style}", 4: f"{FAMILY} {style}", 6: f"YanpanSansSC-{style}"}
    kept = {record.nameID: record.toUnicode() for record in font["name"].names if record.nameID in (0, 13, 14)}
    font["name"].names = []
    for name_id, text in sorted((kept | names).items()):
        font["name"].setName(text, name_id, 3, 1, 0x409)


def set_weight(font: TTFont, weight: int) -> None:
    metrics, head = cast(Any, font["OS/2"]), cast(Any, font["head"])
    metrics.usWeightClass = weight
    metrics.fsSelection = 0x20 if weight == 700 else 0x40
    head.macStyle = int(weight == 700)


def cut(package: Path) -> None:
    STATIC.mkdir(parents=True, exist_ok=True)
    for weight, style in WEIGHTS.items():
        parts = pieces(package, weight)
        for part in parts:
            part.seek(0)
        font = merge.Merger().merge(parts)
        rename(font, style)
        set_weight(font, weight)
        font.save(HERE / f"yanpan-sans-sc-{style.lower()}.ttf")
        font.flavor = "woff2"
        font.save(STATIC / f"yanpan-sans-sc-{style.lower()}.woff2")
    for folder in (HERE, STATIC):
        shutil.copyfile(package / "LICENSE", folder / "OFL.txt")


if __name__ == "__main__":
    cut(Path(sys.argv[1]))
