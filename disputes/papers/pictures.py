"""A JPEG or PNG as a PDF page, its bytes put in as they are: nothing is decoded, no small file becomes a large one."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from typing import Any

from django.utils.translation import gettext as _
from pypdf import PdfWriter
from pypdf.generic import ArrayObject, DictionaryObject, NameObject, NumberObject, StreamObject

from disputes.models import MoveRefused

A4, MARGIN = (595.28, 841.89), 56.7  # points
_SPACES = {1: "/DeviceGray", 3: "/DeviceRGB"}
#: EXIF orientation → how the unit square of the picture is laid into the box (x, y, w, h); mirrored ones do not occur.
_TURNED = {
    3: lambda x, y, w, h: (-w, 0, 0, -h, x + w, y + h),
    6: lambda x, y, w, h: (0, -h, w, 0, x, y + h),
    8: lambda x, y, w, h: (0, h, -w, 0, x + w, y),
}


def page_of(content_type: str, content: bytes) -> bytes:
    """One A4 page with the picture, upright as the camera meant it; MoveRefused, or ValueError where it is broken."""
    if content_type == "image/jpeg":
        image, width, height, turn = _jpeg(content)
    elif content_type == "image/png":
        image, width, height, turn = _png(content)
    else:
        raise MoveRefused(_("只有 pdf、jpg、png 能装进卷里，另存为 jpg 再传"))
    shown = (height, width) if turn in (6, 8) else (width, height)
    scale = min((A4[0] - 2 * MARGIN) / shown[0], (A4[1] - 2 * MARGIN) / shown[1])
    w, h = shown[0] * scale, shown[1] * scale
    x, y = (A4[0] - w) / 2, (A4[1] - h) / 2
    matrix = _TURNED.get(turn, lambda x, y, w, h: (w, 0, 0, h, x, y))(x, y, w, h)
    writer = PdfWriter()
    page = writer.add_blank_page(*A4)
    drawing = StreamObject()
    drawing.set_data(f"q {' '.join(f'{value:.2f}' for value in matrix)} cm /P Do Q".encode())
    page[NameObject("/Resources")] = DictionaryObject(
        {NameObject("/XObject"): DictionaryObject({NameObject("/P"): writer._add_object(image)})}
    )
    page[NameObject("/Contents")] = writer._add_object(drawing)
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def _image(width: int, height: int, bits: int, space: Any, data: bytes, **more: Any) -> StreamObject:
    if not (0 < width <= 30_000 and 0 < height <= 30_000):
        raise ValueError("no picture has that size")
    image = StreamObject()
    image.set_data(data)
    values = {"Type": NameObject("/XObject"), "Subtype": NameObject("/Image"), "Width": NumberObject(width),
              "Height": NumberObject(height), "BitsPerComponent": NumberObject(bits), "ColorSpace": space,
              **more}  # fmt: skip
    image.update({NameObject(f"/{key}"): value for key, value in values.items()})
    return image


def _jpeg(content: bytes) -> tuple[StreamObject, int, int, int]:
    turn = 1
    for marker, body in _segments(content):
        if marker == 0xE1 and body.startswith(b"Exif\0\0"):
            turn = _orientation(body[6:])
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            bits, height, width, colours = struct.unpack(">BHHB", body[:6])
            if colours not in _SPACES or bits != 8:
                raise MoveRefused(_("这种颜色的 jpg 装不进卷里，另存为普通 jpg 再传"))
            space = NameObject(_SPACES[colours])
            image = _image(width, height, 8, space, content, Filter=NameObject("/DCTDecode"))
            return image, width, height, turn
    raise ValueError("no size in this picture")


def _segments(content: bytes) -> Iterator[tuple[int, bytes]]:
    """(marker, body) of each segment of a JPEG up to the picture itself."""
    at = 2
    while at + 4 <= len(content) and content[at] == 0xFF:
        marker, length = content[at + 1], struct.unpack(">H", content[at + 2 : at + 4])[0]
        yield marker, content[at + 4 : at + 2 + length]
        at += 2 + max(length, 2)


def _orientation(tiff: bytes) -> int:
    """EXIF tag 0x0112 of the first directory; 1 where there is none."""
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    try:
        if order is None:
            return 1
        (start,) = struct.unpack(f"{order}I", tiff[4:8])
        (count,) = struct.unpack(f"{order}H", tiff[start : start + 2])
        for number in range(count):
            entry = tiff[start + 2 + 12 * number :][:12]
            tag, _kind, _count, value = struct.unpack(f"{order}HHIH", entry[:10])
            if tag == 0x0112:
                return value
    except struct.error:
        pass  # a broken head turns nothing
    return 1


def _png(content: bytes) -> tuple[StreamObject, int, int, int]:
    width, height, bits, colour, _packed, _filters, interlaced = struct.unpack(">IIBBBBB", content[16:29])
    chunks: dict[bytes, bytes] = {}
    at = 8
    while at + 8 <= len(content):
        length, name = struct.unpack(">I4s", content[at : at + 8])
        chunks[name] = chunks.get(name, b"") + content[at + 8 : at + 8 + length]
        at += 12 + length
    if interlaced or colour not in (0, 2, 3):
        raise MoveRefused(_("带透明或交错的 png 装不进卷里，另存为 jpg 再传"))
    colours = 3 if colour == 2 else 1
    space: Any = NameObject(_SPACES[colours])
    if colour == 3:
        palette = StreamObject()
        palette.set_data(chunks.get(b"PLTE", b""))
        space = ArrayObject(
            [NameObject("/Indexed"), NameObject("/DeviceRGB"), NumberObject(len(palette.get_data()) // 3 - 1), palette]
        )
    data = chunks.get(b"IDAT", b"")
    zlib.decompressobj().decompress(data, 64)  # broken from the start: an error now, not in the reader's hands
    laid_out = DictionaryObject(
        {
            NameObject("/Predictor"): NumberObject(15),
            NameObject("/Colors"): NumberObject(colours),
            NameObject("/BitsPerComponent"): NumberObject(bits),
            NameObject("/Columns"): NumberObject(width),
        }
    )
    more = {"Filter": NameObject("/FlateDecode"), "DecodeParms": laid_out}
    return _image(width, height, bits, space, data, **more), width, height, 1
