"""Small files of every kind that is taken, each as its own program would write it."""

from __future__ import annotations

import functools
import io
import zipfile
import zlib
from typing import Any

from PIL import Image

OOXML = "http://schemas.openxmlformats.org/"
WORD, SHEET = "word/document.xml", "xl/workbook.xml"
KIND = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
GPS = 0x8825  # the EXIF directory of where a picture was taken


@functools.cache
def picture(form: str = "JPEG", width: int = 96, height: int = 64, **saved: Any) -> bytes:
    """A picture that is no even colour, so that a preview of it can be told from an empty one."""
    image = Image.linear_gradient("L").resize((width, height)).convert("RGB")
    out = io.BytesIO()
    image.save(out, form, **saved)
    return out.getvalue()


JPG, PNG, WEBP = picture("JPEG"), picture("PNG"), picture("WEBP")


def taken_at(form: str, place: str = "37.2N102.9E", **saved: Any) -> bytes:
    """A picture whose EXIF says where and by whom it was taken."""
    exif = Image.Exif()
    exif[0x010F] = "马文林的手机".encode().decode("latin-1")  # maker
    exif[0x9286] = place  # comment
    exif.get_ifd(GPS).update({1: "N", 2: (37.0, 12.0, 0.0), 3: "E", 4: (102.0, 54.0, 0.0), 0x1B: place.encode()})
    return picture(form, exif=exif.tobytes(), **saved)


def office(main: str = WORD, parts: dict[str, bytes | str] | None = None, kind: str = KIND) -> bytes:
    """A DOCX (or with SHEET an XLSX) with these further parts."""
    types = (
        f'<Types xmlns="{OOXML}package/2006/content-types"><Override PartName="/{main}" ContentType="{kind}"/></Types>'
    )
    body = f'<w:document xmlns:w="{OOXML}wordprocessingml/2006/main"><w:body/></w:document>'
    members = {"[Content_Types].xml": types, main: body} | (parts or {})
    return zipped(members)


def zipped(members: dict[str, bytes | str]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)  # without the time of day
    return out.getvalue()


def links(target: str, kind: str = "attachedTemplate", outside: bool = True) -> str:
    """The relationships part of a document that names `target`."""
    mode = ' TargetMode="External"' if outside else ""
    relation = f'<Relationship Id="r1" Type="{OOXML}officeDocument/2006/relationships/{kind}" Target="{target}"{mode}/>'
    return f'<Relationships xmlns="{OOXML}package/2006/relationships">{relation}</Relationships>'


def pdf(*objects: bytes, head: bytes = b"", trailer: bytes = b"") -> bytes:
    body = b"".join(b"%d 0 obj\n%s\nendobj\n" % (n, one) for n, one in enumerate(objects or (b"<</Type/Catalog>>",), 1))
    return b"%PDF-1.7\n" + head + body + b"trailer\n<</Root 1 0 R" + trailer + b">>\n%%EOF\n"


def stream(content: bytes, facts: bytes = b"/Filter/FlateDecode") -> bytes:
    return b"<<%s/Length %d>>\nstream\n%s\nendstream" % (facts, len(content), content)


def zeros(megabytes: int) -> bytes:
    """So many megabytes, packed; made piece by piece."""
    engine, piece = zlib.compressobj(), bytes(2**20)
    return b"".join(engine.compress(piece) for _ in range(megabytes)) + engine.flush()


FRAME = b"\xff\xfb\x90\x00" + bytes(413)  # MPEG-1 Layer III, 128 kbit/s, 44.1 kHz
MP3 = b"ID3\x04" + bytes(6) + FRAME * 3
M4A = b"\0\0\0\x18ftypM4A \0\0\0\0M4A mp42" + b"\0\0\0\x08moov" + b"\0\0\0\x0cmdat\0\0\0\0"
PDF, DOCX, XLSX = pdf(), office(), office(SHEET)
