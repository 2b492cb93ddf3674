"""What an uploaded file really is, found out where it can do no harm.

A program of its own: `disputes.attachments` starts it with a file on its standard input and believes only its answer.
It has no settings, no database, no key and no environment; before it reads the first byte it gives up the right to open
files, to start programs, to use more than MEMORY or to compute longer than SECONDS. So one bound holds for every
picture, archive and document, and a decoder that is led astray ends here.

Answer on standard output: one line of JSON, {"refused": reason} or {"previews": {size: length}}, then the previews.
"""

from __future__ import annotations

import io
import json
import re
import resource
import stat
import sys
import warnings
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from encodings import cp437  # noqa: F401  names in a ZIP; nothing can be imported once the limits stand
from typing import Any
from xml.parsers import expat

from PIL import Image, JpegImagePlugin, MpoImagePlugin, PngImagePlugin, TiffImagePlugin, WebPImagePlugin

MEMORY, SECONDS = 200 * 2**20, 5  # bytes of address space, 30 MB of them the program itself; of processor time
MOST_PIXELS = 50_000_000  # a telephone's largest pictures; JPEG is decoded at a fraction of it
MOST_HELD = 20_000_000  # of a progressive JPEG, which is held whole
SIZES = (1280, 320)  # longer side of each preview, largest first
MAX_MEMBERS, MAX_UNPACKED, MAX_RATIO = 2000, 200 * 2**20, 200
PIECE = 2**16  # what is unpacked is held no longer than it is looked at

#: Pillow may try these decoders and no other.
FORMATS = {"jpg": "JPEG", "jpeg": "JPEG", "png": "PNG", "webp": "WEBP"}
DECODERS = (JpegImagePlugin, MpoImagePlugin, PngImagePlugin, TiffImagePlugin, WebPImagePlugin)  # loaded while it may
Turn = Image.Transpose
#: EXIF orientation → how the picture is turned upright.
UPRIGHT = {
    2: Turn.FLIP_LEFT_RIGHT,
    3: Turn.ROTATE_180,
    4: Turn.FLIP_TOP_BOTTOM,
    5: Turn.TRANSPOSE,
    6: Turn.ROTATE_270,
    7: Turn.TRANSVERSE,
    8: Turn.ROTATE_90,
}


class Refused(Exception):
    """Not taken; the reason is one of disputes.attachments.REASONS."""


def unless(true: object, reason: str) -> None:
    if not true:
        raise Refused(reason)


# --- one file that is two --------------------------------------------------------------------------------------------
ARCHIVES = (b"Rar!\x1a\x07", b"7z\xbc\xaf\x27\x1c")  # found by their readers wherever they begin
#: What a browser or an interpreter would take for its own, where it may look for it.
SPEAKS = re.compile(rb"<script|<html[\s>]|<svg[\s>]|<!doctype\s|<\?php\s|<iframe|\A\xff\xd8\xff\xe0/\*", re.IGNORECASE)
REACH = 2**16


def alone(content: bytes) -> None:
    """Refuse what is an archive, a page or a document besides what it says it is."""
    unless(not any(mark in content for mark in ARCHIVES), "double")
    unless(not zipfile.is_zipfile(io.BytesIO(content)), "double")
    unless(b"%PDF-" not in content[1:1024], "double")
    unless(not SPEAKS.search(content[:REACH]) and not SPEAKS.search(content[-REACH:]), "double")


# --- pictures --------------------------------------------------------------------------------------------------------
def picture(extension: str, content: bytes) -> dict[int, bytes]:
    """Previews without any metadata: pixels alone are copied, upright, onto white."""
    first = {"JPEG": b"\xff\xd8\xff", "PNG": b"\x89PNG\r\n\x1a\n", "WEBP": b"RIFF"}[FORMATS[extension]]
    unless(content.startswith(first) and (extension != "webp" or content[8:12] == b"WEBP"), "type")
    previews = {}
    with Image.open(io.BytesIO(content), formats=[FORMATS[extension]]) as image:
        most = MOST_HELD if image.info.get("progressive") else MOST_PIXELS
        unless(image.width * image.height <= most, "heavy")
        turn = UPRIGHT.get(_orientation(image))
        image.thumbnail((SIZES[0], SIZES[0]))
        is_clear = "A" in image.getbands() or "transparency" in image.info
        eight = image.point(lambda value: value / 256).convert("L") if image.mode.startswith("I") else image
        layer = eight.convert("RGBA" if is_clear else "RGB")
    alone(content)
    plain = Image.new("RGB", layer.size, "white")
    plain.paste(layer, mask=layer if is_clear else None)
    if turn is not None:
        plain = plain.transpose(turn)
    for size in SIZES:
        plain.thumbnail((size, size))
        out = io.BytesIO()
        plain.save(out, "JPEG", quality=82)
        previews[size] = out.getvalue()
    return previews


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(0x0112, 1))
    except Exception:  # what a camera wrote wrongly beside the picture does not make it unreadable
        return 1


# --- office documents ------------------------------------------------------------------------------------------------
MAIN_PART = {"docx": "word/document.xml", "xlsx": "xl/workbook.xml"}
#: Members that run, or that hold what runs.
PROGRAMS = re.compile(
    r"vbaproject|vbadata|activex/|macrosheets/|dialogsheets/|oleobject[^/]*\.bin$|/embeddings/[^/]*\.(bin|docm|xlsm|pptm)$"
    r"|\.(exe|dll|com|scr|js|jse|vbs|vbe|wsf|hta|bat|cmd|ps1|jar|lnk|msi|zip|rar|7z|html?|svg)$",
    re.IGNORECASE,
)
RUNS = re.compile(r"macroEnabled|vbaProject|oleObject|activeX|macrosheet|/control$", re.IGNORECASE)
ENCRYPTED = "EncryptedPackage".encode("utf-16-le")  # encoded here: later no codec can be loaded
DDE = re.compile(r"\bDDE(AUTO)?\b", re.IGNORECASE)
LOCAL = re.compile(r"(file:/{3})?[a-z]:[\\/]|(?!/|\\|[a-z][a-z0-9+.-]*:)", re.IGNORECASE)


def office(extension: str, content: bytes, depth: int = 0) -> dict[int, bytes]:
    """A DOCX or XLSX without macros, embedded objects, DDE, document types or anything fetched from elsewhere.

    A table or a text inside of it (a chart has one) is looked at as well; what nests deeper has no use here.
    """
    if content.startswith(b"\xd0\xcf\x11\xe0"):  # the container of old formats, and of encrypted new ones
        raise Refused("locked" if ENCRYPTED in content else "type")
    unless(content.startswith(b"PK\x03\x04"), "type")
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = archive.infolist()
        unpacked = sum(member.file_size for member in members)
        unless(not any(member.flag_bits & 1 for member in members), "locked")
        unless(len(members) <= MAX_MEMBERS and unpacked <= min(MAX_UNPACKED, MAX_RATIO * len(content)), "heavy")
        names = Counter(member.filename.lower() for member in members)
        unless({"[content_types].xml", MAIN_PART[extension].lower()} <= names.keys(), "type")
        unless(content[-22:-18] == b"PK\x05\x06" and min(member.header_offset for member in members) == 0, "odd")
        unless(max(names.values()) == 1 and not any(_is_odd(member) for member in members), "odd")
        unless(not any(PROGRAMS.search(name) for name in names), "program")
        unless("xl/connections.xml" not in names, "remote")
        for member in members:
            name = member.filename.lower()
            if name.endswith((".xml", ".rels")):
                _read_part(archive, member)
            elif name.endswith((".docx", ".xlsx")):
                unless(depth == 0, "odd")
                office(name[-4:], archive.read(member), depth + 1)
            else:
                _unpack(archive, member)
    return {}


def _unpack(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> None:
    """To its end, which is where it says it is or the file is broken."""
    with archive.open(member) as part:
        while part.read(PIECE):
            pass


def _is_odd(member: zipfile.ZipInfo) -> bool:
    """A name or a kind of member that no office program writes and that leads an unpacker astray."""
    name = member.filename
    return (
        name.startswith("/")
        or "\\" in member.orig_filename
        or "\0" in member.orig_filename
        or ":" in name
        or ".." in name.split("/")
        or stat.S_ISLNK(member.external_attr >> 16)
        or member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
    )


def _read_part(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> None:
    """Parse a part: to its root element, before which alone a document type may stand; to its end where links stand."""
    name = member.filename.lower()
    whole = name.endswith(".rels") or name == "[content_types].xml" or name.startswith(("word/", "xl/externallinks/"))
    reader = expat.ParserCreate()
    words: list[str] = []
    seen: list[str] = []  # the element that was begun last
    reader.buffer_text = True

    def doctype(*_: Any) -> None:
        raise Refused("odd")

    def start(tag: str, values: dict[str, str]) -> None:
        tag = tag.rpartition(":")[2]
        seen[:] = [tag]
        if tag == "Relationship":
            unless(not RUNS.search(values.get("Type", "")), "program")
            is_link = values.get("Type", "").endswith("/hyperlink")
            outside = values.get("TargetMode", "").lower() == "external"
            unless(is_link or not outside or LOCAL.match(values.get("Target", "")), "remote")
        elif tag in ("Override", "Default"):
            unless(not RUNS.search(values.get("ContentType", "")), "program")
        elif tag in ("ddeLink", "oleLink"):
            raise Refused("program")
        elif tag == "fldChar":
            words.append(" ")
        elif tag == "fldSimple":
            words.extend(value for key, value in values.items() if key.endswith("instr"))

    def text(value: str) -> None:
        if seen == ["instrText"]:
            words.append(value)

    reader.StartDoctypeDeclHandler, reader.StartElementHandler, reader.CharacterDataHandler = doctype, start, text
    with archive.open(member) as part:
        while chunk := part.read(PIECE):
            if whole or not seen:
                reader.Parse(chunk, False)
    if not whole:
        return
    reader.Parse(b"", True)
    unless(not DDE.search("".join(words)), "program")


# --- PDF -------------------------------------------------------------------------------------------------------------
ACTS = re.compile(rb"/(JavaScript|Launch|RichMedia|SubmitForm|ImportData)\b|/XFA\s*[\[(<\d]")
STREAM = re.compile(rb"(?<!end)stream[ \t]*(?:\r\n|\n|\r)")
ESCAPED = re.compile(rb"#([0-9a-fA-F]{2})")
FILTER = re.compile(rb"/Filter\s*(\[[^\]]*\]|/\w+|\d)")
PACKED = re.compile(rb"/(FlateDecode|Fl|LZWDecode|LZW|RunLengthDecode|RL|BrotliDecode)\b")
MAX_STREAM, MAX_STREAMS = 128 * 2**20, 384 * 2**20  # unpacked: a page scanned at 600 dpi; all of them


def pdf(extension: str, content: bytes) -> dict[int, bytes]:
    """A PDF that does nothing by itself and does not unpack without end; names are read as they are meant."""
    unless(content.startswith(b"%PDF-"), "type")
    unless(b"%%EOF" in content[-4096:], "broken")
    plain = _unescaped(content)
    unless(not re.search(rb"/Encrypt\b", plain), "locked")
    unless(not ACTS.search(plain), "program")
    _streams(content)
    alone(content)
    return {}


def _unescaped(piece: bytes) -> bytes:
    return ESCAPED.sub(lambda found: bytes([int(found[1], 16)]), piece) if b"#" in piece else piece


def _streams(content: bytes) -> None:
    """Unpack what is packed once, to a bound, and look for what acts in the object streams among it."""
    left = MAX_STREAMS
    for found in STREAM.finditer(content):
        begun = content.rfind(b"obj", max(0, found.start() - REACH), found.start())
        unless(begun >= 0, "odd")
        head = _unescaped(content[begun : found.start()])
        filters = b"".join(FILTER.findall(head))
        packed = len(PACKED.findall(filters))
        unless(not filters[-1:].isdigit(), "odd")  # its filter stands somewhere else
        unless(packed <= 1, "heavy")  # nobody packs twice but to hide how much it is
        tail, size = b"", 0
        for piece in _inflated(content, found.end()) if packed else ():
            size += len(piece)
            unless(size <= min(MAX_STREAM, left), "heavy")
            if b"ObjStm" in head:
                unless(not ACTS.search(_unescaped(tail + piece)), "program")
                tail = piece[-200:]
        left -= size


def _inflated(content: bytes, at: int) -> Iterator[bytes]:
    """What begins there, piece by piece; nothing where another filter packed it."""
    engine = zlib.decompressobj()
    try:
        for start in range(at, len(content), PIECE):
            rest = content[start : start + PIECE]
            while rest and not engine.eof:
                yield engine.decompress(rest, 2**20)
                rest = engine.unconsumed_tail
            if engine.eof:
                return
    except zlib.error:
        return


# --- recordings ------------------------------------------------------------------------------------------------------
#: kbit/s of MPEG-1 and MPEG-2 Layer III, and samples a second, by their numbers in the header.
RATES_1 = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
RATES_2 = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
SAMPLES = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}


def mp3(extension: str, content: bytes) -> dict[int, bytes]:
    """A recording: after its tag a frame begins, and where that ends another one does, or the file."""
    at = 0
    if content.startswith(b"ID3"):
        size = content[6:10]
        unless(len(size) == 4 and max(size) < 128, "type")
        at = 10 + (size[0] << 21 | size[1] << 14 | size[2] << 7 | size[3])
        while content[at : at + 1] == b"\0":
            at += 1
    length = _frame(content[at : at + 4])
    unless(length, "type")
    unless(len(content) >= at + length, "broken")
    rest = content[at + length : at + length + 4]
    unless(not rest or rest.startswith(b"TAG") or _frame(rest), "type")
    alone(content)
    return {}


def _frame(head: bytes) -> int:
    """Bytes of the Layer III frame that begins so; 0 where none does."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE6 != 0xE2:
        return 0
    version, rate, samples = head[1] >> 3 & 3, head[2] >> 4, head[2] >> 2 & 3
    if version == 1 or rate in (0, 15) or samples == 3:
        return 0
    kbits = (RATES_1 if version == 3 else RATES_2)[rate]
    return (144 if version == 3 else 72) * kbits * 1000 // SAMPLES[version][samples] + (head[2] >> 1 & 1)


def m4a(extension: str, content: bytes) -> dict[int, bytes]:
    """A recording: boxes that fill the file, the first of them its type, one of them the table of what sounds."""
    unless(content[4:8] == b"ftyp" and content[8:11] in {b"M4A", b"mp4", b"iso", b"M4B", b"3gp"}, "type")
    at, kinds = 0, set()
    while at < len(content):
        size, kind = int.from_bytes(content[at : at + 4]), content[at + 4 : at + 8]
        head = 8
        if size == 1:
            size, head = int.from_bytes(content[at + 8 : at + 16]), 16
        elif size == 0:
            size = len(content) - at
        unless(head <= size <= len(content) - at and len(kind) == 4, "broken")
        kinds.add(kind)
        at += size
    unless(b"moov" in kinds, "broken")
    alone(content)
    return {}


#: Extension → who looks at it.
LOOKS: dict[str, Callable[[str, bytes], dict[int, bytes]]] = {
    **dict.fromkeys(FORMATS, picture),
    **dict.fromkeys(MAIN_PART, office),
    "pdf": pdf,
    "mp3": mp3,
    "m4a": m4a,
}


def examine(extension: str, content: bytes) -> tuple[str, dict[int, bytes]]:
    """(reason why it is refused or empty, previews of a picture). A parser that stumbles is an answer, too."""
    try:
        return "", LOOKS[extension](extension, content)
    except Refused as refused:
        return str(refused), {}
    except (MemoryError, Image.DecompressionBombError, Image.DecompressionBombWarning):
        return "heavy", {}
    except Exception:
        return "broken", {}


def give_up_rights() -> None:
    """Limits that hold until the end of the process."""
    for what, most in (
        (resource.RLIMIT_AS, MEMORY),
        (resource.RLIMIT_CPU, SECONDS),
        (resource.RLIMIT_NOFILE, 3),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NPROC, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(what)[1]
        value = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(what, (value, value))


def main() -> None:
    Image.preinit()  # while files may still be opened
    Image.MAX_IMAGE_PIXELS = MOST_PIXELS
    warnings.simplefilter("error", Image.DecompressionBombWarning)
    give_up_rights()
    reason, previews = examine(sys.argv[1], sys.stdin.buffer.read())
    told = {"refused": reason} if reason else {"previews": {size: len(content) for size, content in previews.items()}}
    sys.stdout.buffer.write(json.dumps(told).encode() + b"\n" + b"".join(previews.values()))


if __name__ == "__main__":
    main()
