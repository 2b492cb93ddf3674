"""Cut the fonts of the papers from Debian's fonts-noto-cjk into disputes/papers/fonts/, with their checksums.

A maintainer runs it: apt-get install fonts-noto-cjk, then .venv/bin/python scripts/vendor_fonts.py. Body text gets
every ideograph that the Simplified Chinese face holds (compact outlines, no layout tables); titles and headings get
the 3,755 characters of GB 2312 level 1, and fall back to the body font for any other.
"""

from __future__ import annotations

import hashlib
import unicodedata
from pathlib import Path

from fontTools import subset
from fontTools.ttLib import TTCollection

SOURCE = Path("/usr/share/fonts/opentype/noto")
TARGET = Path(__file__).resolve().parent.parent / "disputes" / "papers" / "fonts"
LEVEL_1 = {
    ord(bytes([hi, lo]).decode("gb2312", "ignore") or " ") for hi in range(0xA1, 0xD8) for lo in range(0xA1, 0xFF)
}
SIGNS = set(range(0x20, 0x7F)) | set(range(0xA0, 0x100)) | set(range(0x2010, 0x2027)) | {0x3014, 0x3015, 0x3007}


def is_chinese(code: int) -> bool:
    name = unicodedata.name(chr(code), "")
    return not name.startswith(("HANGUL", "HALFWIDTH HANGUL"))


def cut(collection: str, family: str, name: str, wanted: set[int] | None) -> None:
    font = next(
        font for font in TTCollection(SOURCE / collection, lazy=True).fonts if font["name"].getDebugName(1) == family
    )
    has = set(font.getBestCmap())
    options = subset.Options()
    options.layout_features, options.hinting, options.name_IDs = [], False, ["*"]
    options.drop_tables += ["BASE", "VORG", "vhea", "vmtx"]
    cutter = subset.Subsetter(options)
    cutter.populate(unicodes={code for code in has if is_chinese(code)} if wanted is None else has & wanted)
    cutter.subset(font)
    font["head"].modified = font["head"].created  # the same bytes on every run
    font.recalcTimestamp = False
    font.save(TARGET / name)


if __name__ == "__main__":
    cut("NotoSerifCJK-Regular.ttc", "Noto Serif CJK SC", "NotoSerifCJKsc-Regular.otf", None)
    cut("NotoSerifCJK-Bold.ttc", "Noto Serif CJK SC", "NotoSerifCJKsc-Bold-level1.otf", LEVEL_1 | SIGNS)
    cut("NotoSansCJK-Bold.ttc", "Noto Sans CJK SC", "NotoSansCJKsc-Bold-level1.otf", LEVEL_1 | SIGNS)
    sums = [f"{hashlib.sha256(f.read_bytes()).hexdigest()}  {f.name}\n" for f in sorted(TARGET.glob("*.otf"))]
    (TARGET / "SHA256SUMS").write_text("".join(sums), encoding="utf-8")
