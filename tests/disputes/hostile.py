"""Sixty files that want something else than to be looked at, made anew in each run from one seed.

`sixty()` names them, says what becomes of each, and makes it when it is asked for: `refused` under a reason of
`disputes.attachments.REASONS` (or one that is judged before anybody looks inside), or `harmless`: it is taken, and the
proof says what in it is gone where people see it.
"""

from __future__ import annotations

import random
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass

from tests.samples import (
    DOCX,
    JPG,
    OOXML,
    PDF,
    PNG,
    SHEET,
    WORD,
    links,
    office,
    pdf,
    picture,
    stream,
    taken_at,
    zeros,
    zipped,
)

SEED = 20260309
PLACE = "37.2N102.9E"  # what stands in the EXIF of a picture and must not stand in its previews
BIG = 30 * 2**20
#: Reasons that are found before anybody looks inside, and a word of their sentence.
OUTSIDE = {"kind": "不能上传", "size": "最多", "empty": "是空的", "climbs": "上级目录"}


@dataclass(frozen=True)
class Hostile:
    """`name` as it is sent; `refused` is the reason or empty; `shown` is the name that people see then."""

    name: str
    make: Callable[[], bytes]
    refused: str = ""
    shown: str = ""
    gone: bytes = b""  # what the original holds and no preview may hold


# --- pieces ----------------------------------------------------------------------------------------------------------
def chunk(kind: bytes, content: bytes) -> bytes:
    """A chunk of a PNG."""
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(width: int, height: int, packed: bytes, *more: bytes, colour: int = 6) -> bytes:
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(more) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


def with_text(key: bytes, text: bytes) -> bytes:
    """The small PNG with a text right behind its head."""
    return PNG[:33] + chunk(b"tEXt", key + b"\0" + text) + PNG[33:]


def with_segment(marker: int, content: bytes) -> bytes:
    """The small JPEG with a segment right behind its first two bytes."""
    return JPG[:2] + bytes((0xFF, marker)) + struct.pack(">H", len(content) + 2) + content + JPG[2:]


def sized_jpeg(width: int, height: int) -> bytes:
    """The small JPEG, its head saying another size."""
    at = JPG.index(b"\xff\xc0") + 5
    return JPG[:at] + struct.pack(">HH", height, width) + JPG[at + 4 :]


def lying() -> bytes:
    """A DOCX with a part that unpacks to more than it says."""
    content = office(parts={"word/media/a.bin": bytes(4_000_000) + b"\1"})
    real = struct.pack("<I", 4_000_001)
    assert content.count(real) == 2  # in the member's own head and in the table
    return content.replace(real, struct.pack("<I", 4_001))


def overlapping() -> bytes:
    """A DOCX whose table lists one member under three names."""
    content = office(parts={"word/a.xml": "<a/>", "word/b.xml": "<a/>", "word/c.xml": "<a/>"})
    table = content.index(b"PK\x01\x02")
    at = content.index(b"word/a.xml") - 30
    for name in (b"word/b.xml", b"word/c.xml"):
        entry = content.index(name, table) - 46
        content = content[: entry + 42] + struct.pack("<I", at) + content[entry + 46 :]
    return content


def renamed(content: bytes, old: bytes, new: bytes) -> bytes:
    """The archive with a member under another name of the same length."""
    assert len(old) == len(new) and content.count(old) >= 2
    return content.replace(old, new)


def flipped(content: bytes, at: int) -> bytes:
    """The same with one byte turned round."""
    return content[:at] + bytes((content[at] ^ 0xFF,)) + content[at + 1 :]


def pointing() -> bytes:
    """A DOCX with a member that an unpacker makes a link to somewhere else."""
    content = office(parts={"word/a": "/etc/passwd"})
    entry = content.rindex(b"word/a") - 46
    return content[: entry + 38] + struct.pack("<I", 0o120777 << 16) + content[entry + 42 :]


def field(instruction: str) -> str:
    """A document with a field that Word would run."""
    runs = "".join(f"<w:r><w:instrText>{part}</w:instrText></w:r>" for part in instruction.split("|"))
    return f'<w:document xmlns:w="{OOXML}wordprocessingml/2006/main"><w:body><w:p>{runs}</w:p></w:body></w:document>'


def declared(doctype: str, text: str) -> dict[str, bytes | str]:
    return {WORD: f"<!DOCTYPE d [{doctype}]><d>{text}</d>"}


def laughs() -> str:
    """Each word is ten of the one before."""
    lines = ['<!ENTITY l0 "哈">']
    lines += [f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10)]
    return "".join(lines)


def container() -> bytes:
    """The old container that a document under a password lies in."""
    return b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(2000) + "EncryptedPackage".encode("utf-16-le") + bytes(2000)


def huge_webp() -> bytes:
    """A canvas of 16384 by 16384."""
    canvas = b"VP8X" + struct.pack("<I", 10) + bytes(4) + b"\xff\x3f\0" * 2
    rest = picture("WEBP")[12:]
    return b"RIFF" + struct.pack("<I", 4 + len(canvas) + len(rest)) + b"WEBP" + canvas + rest


def script_in_jpeg() -> bytes:
    """A JPEG that is a script, too: its first segment is as long as a comment begins."""
    said = b"*/=1;alert(1)/*"
    return JPG[:2] + b"\xff\xe0/*" + said + bytes(0x2F2A - 2 - len(said)) + JPG[2:]


PAGE = b"<!DOCTYPE html><html><script>alert(document.cookie)</script></html>"
EICAR = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"><script>alert(1)</script></svg>'
ACTS = b"<</Type/Catalog/OpenAction<</S/JavaScript/JS(app.alert\\(1\\))>>>>"


# --- the sixty -------------------------------------------------------------------------------------------------------
def sixty(seed: int = SEED) -> list[Hostile]:
    chance = random.Random(seed)
    noise = chance.randbytes(4000)
    word = "".join(chance.choices("abcdefghijklmnop", k=8))  # the same attack is no two runs the same file
    return [*bombs(), *two_at_once(word.encode()), *torn(noise), *programs(word), *names(word), *whereabouts()]


def bombs() -> list[Hostile]:
    """Small to send, large to open."""
    large = {"word/media/a.bin": bytes(BIG)}
    sheet = office(SHEET, large)
    inside = office(parts={"word/embeddings/a.docx": DOCX})
    return [
        Hostile("压缩炸弹.docx", lambda: office(parts=large), "heavy"),
        Hostile("压缩炸弹.xlsx", lambda: sheet, "heavy"),
        Hostile("两千个部件.xlsx", lambda: office(SHEET, {f"xl/m{n}": b"" for n in range(2001)}), "heavy"),
        Hostile("里面还有压缩包.docx", lambda: office(parts={"word/a.zip": zipped({"a": b"x"})}), "program"),
        Hostile("套了三层.docx", lambda: office(parts={"word/embeddings/a.docx": inside}), "odd"),
        Hostile("套着炸弹.docx", lambda: office(parts={"word/embeddings/a.xlsx": sheet}), "heavy"),
        Hostile("重叠的部件.docx", overlapping, "broken"),
        Hostile("谎报大小.docx", lying, "broken"),
        Hostile("六万像素见方.png", lambda: png(60_000, 60_000, zeros(1)), "heavy"),
        Hostile("展开两百兆.png", lambda: png(7000, 7000, zeros(188)), "heavy"),
        Hostile("头里写得很大.jpg", lambda: sized_jpeg(65_500, 65_500), "heavy"),
        Hostile("画布很大.webp", huge_webp, "heavy"),
        Hostile("文字炸弹.png", lambda: PNG[:33] + chunk(b"zTXt", b"a\0\0" + zeros(100)) + PNG[33:], "broken"),
        Hostile("流炸弹.pdf", lambda: pdf(stream(zeros(140))), "heavy"),
        Hostile("压了两遍.pdf", lambda: pdf(stream(zeros(1), b"/Filter[/FlateDecode/F#6cateDecode]")), "heavy"),
        Hostile("许多流.pdf", lambda: pdf(*[stream(zeros(100))] * 4), "heavy"),
    ]


def two_at_once(word: bytes) -> list[Hostile]:
    """One thing to who stores it, another to who opens it."""
    packed = zipped({"index.html": PAGE + word})
    return [
        Hostile("动图也是脚本.jpg", lambda: b"GIF89a/*" + noise_of(word) + b"*/=1;alert(1)", "type"),
        Hostile("照片也是脚本.jpg", script_in_jpeg, "double"),
        Hostile("照片也是压缩包.jpg", lambda: JPG + packed, "double"),
        Hostile("照片后接压缩包.jpg", lambda: JPG + b"Rar!\x1a\x07\x01\0" + word, "double"),
        Hostile("照片也是文书.jpg", lambda: with_segment(0xFE, PDF), "double"),
        Hostile("文书也是网页.pdf", lambda: pdf(head=b"%" + PAGE + b"\n"), "double"),
        Hostile("文书也是压缩包.pdf", lambda: PDF + packed + b"\n%%EOF\n", "double"),
        Hostile("截图里有网页.png", lambda: with_text(b"Comment", PAGE + word), "double"),
        Hostile("图也是网页.png", lambda: SVG, "type"),
        Hostile("带脚本的图.svg", lambda: SVG, "kind"),
        Hostile("网页.jpg", lambda: PAGE, "type"),
        Hostile("文档后接网页.docx", lambda: DOCX + PAGE, "odd"),
    ]


def noise_of(word: bytes) -> bytes:
    return bytes(b for b in word * 8 if b != 0x2A)


def torn(noise: bytes) -> list[Hostile]:
    """Cut off, altered, or nothing at all."""
    photo, shot = picture("JPEG", 800, 600), picture("PNG", 800, 600)
    return [
        Hostile("只传了一半.jpg", lambda: photo[: len(photo) // 2], "broken"),
        Hostile("只传了一半.docx", lambda: DOCX[:-30], "broken"),
        Hostile("没有结尾.pdf", lambda: PDF[:-8], "broken"),
        Hostile("改过的.png", lambda: flipped(shot, 19), "broken"),
        Hostile("只有开头是照片.jpg", lambda: b"\xff\xd8\xff\xe0" + noise, "broken"),
        Hostile("空的.jpg", lambda: b"", "empty"),
        Hostile("三十兆的照片.jpg", lambda: JPG + bytes(BIG - len(JPG)), "size"),
    ]


def programs(word: str) -> list[Hostile]:
    """What runs, or fetches, once it is opened."""
    rels = "word/_rels/document.xml.rels"
    host = f"http://{word}.example/"
    outside = f'<!ENTITY x SYSTEM "file:///etc/{word}">'
    packed = zlib.compress(b"1 0 2 40 <</S/JavaScript/JS(app.alert\\(1\\))>>")
    climbing = renamed(office(parts={"word/__/__/a": b"x"}), b"word/__/__/a", b"word/../../a")
    return [
        Hostile(
            "带宏的.docx", lambda: office(kind="application/vnd.ms-word.document.macroEnabled.main+xml"), "program"
        ),
        Hostile("宏工程.docx", lambda: office(parts={"word/vbaProject.bin": word}), "program"),
        Hostile("嵌入对象.docx", lambda: office(parts={"word/embeddings/oleObject1.bin": word}), "program"),
        Hostile("命令域.docx", lambda: office(parts={WORD: field("DD|EAUTO c:\\\\cmd.exe")}), "program"),
        Hostile("远程模板.docx", lambda: office(parts={rels: links(host + "a.dotm")}), "remote"),
        Hostile("远程图片.docx", lambda: office(parts={rels: links("\\\\" + word + "\\a.png", "image")}), "remote"),
        Hostile("连着数据库.xlsx", lambda: office(SHEET, {"xl/connections.xml": "<connections/>"}), "remote"),
        Hostile("外部实体.docx", lambda: office(parts=declared(outside, "&x;")), "odd"),
        Hostile("十亿次大笑.docx", lambda: office(parts=declared(laughs(), "&l9;")), "odd"),
        Hostile("往上爬的部件.docx", lambda: climbing, "odd"),
        Hostile("指到别处的部件.docx", pointing, "odd"),
        Hostile("加了密码.docx", container, "locked"),
        Hostile("打开就跑.pdf", lambda: pdf(ACTS.replace(b"JavaScript", b"J#61vaScript")), "program"),
        Hostile(
            "藏起来的脚本.pdf", lambda: pdf(stream(packed, b"/Type/ObjStm/N 1/First 4/Filter/FlateDecode")), "program"
        ),
        Hostile("加了密码.pdf", lambda: pdf(trailer=b"/Encrypt 9 0 R"), "locked"),
        Hostile("杀毒软件的样本.pdf", lambda: EICAR, "type"),
    ]


def names(word: str) -> list[Hostile]:
    """The content is a good picture; the name is what is wrong."""
    return [
        Hostile("../../etc/passwd.jpg", lambda: JPG, "climbs", "passwd.jpg"),
        Hostile("合同\u202egpj.exe", lambda: JPG, "kind", "合同gpj.exe"),
        Hostile("a.jpg\0.exe", lambda: JPG, "kind", "a.jpg.exe"),
        Hostile("x\r\nSet-Cookie: a.jpg", lambda: JPG, shown="xSet-Cookie_ a.jpg"),
        Hostile("con.jpg", lambda: JPG, shown="_con.jpg"),
        Hostile("长" * 5000 + ".jpg", lambda: JPG, shown="长" * 100 + ".jpg"),
        Hostile(f'"><img src=x onerror={word}>.jpg', lambda: JPG, shown=f"___img src=x onerror={word}_.jpg"),
    ]


def whereabouts() -> list[Hostile]:
    """Pictures that say where and by whom they were taken."""
    place = PLACE.encode()
    return [
        Hostile(f"位置.{end}", lambda form=form: taken_at(form, PLACE), shown=f"位置.{end}", gone=place)
        for end, form in (("jpg", "JPEG"), ("webp", "WEBP"))
    ]
