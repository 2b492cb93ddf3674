"""Sixty hostile files: each is refused with a sentence or made harmless, in bounded memory and by bounded work."""

from __future__ import annotations

import io
import subprocess
import sys

import pytest
from django.core.files.base import ContentFile, File
from PIL import Image

from disputes import attachments, examiner
from tests.disputes.hostile import OUTSIDE, Hostile, sixty
from tests.samples import DOCX, JPG, M4A, MP3, PDF, PNG, WEBP, XLSX, links, office, picture

ALL = sixty()
JUDGED = [one for one in ALL if one.refused not in OUTSIDE]


def test_there_are_sixty_and_they_are_the_same_each_time():
    assert len({one.name for one in ALL}) == len(ALL) == 60
    again = {one.name: one for one in sixty()}
    assert all(again[one.name].make() == one.make() for one in ALL if one.refused not in ("heavy", "size"))
    assert {one.refused for one in ALL} == {"", *OUTSIDE, *attachments.REASONS}


@pytest.mark.parametrize("one", ALL, ids=lambda one: one.name[:20].encode("unicode_escape").decode())
def test_each_is_refused_with_a_sentence_or_made_harmless(one: Hostile):
    file, shown = ContentFile(one.make(), name=one.name), one.shown or one.name
    if one.refused:
        with pytest.raises(attachments.FileRefused) as refusal:
            attachments.judge(file)
        extension = shown.rpartition(".")[2]
        reason = attachments.REASONS.get(one.refused)
        said = str(reason) % {"name": shown, "ext": extension} if reason else OUTSIDE[one.refused]
        assert said in refusal.value.sentence and f"“{shown}”" in refusal.value.sentence
        return
    name, content_type, content, previews = attachments.judge(file)
    assert (name, content_type) == (shown, attachments.TYPES[name.rpartition(".")[2]])
    assert content == file.open().read() and one.gone in content, "the original stays what it is: it is evidence"
    assert set(previews) == {320, 1280}
    for preview in previews.values():
        with Image.open(io.BytesIO(preview)) as image:
            assert image.format == "JPEG" and not image.getexif() and not image.info.keys() - {"jfif", *JFIF}
        assert not one.gone or one.gone not in preview


JFIF = {"jfif_version", "jfif_unit", "jfif_density"}


def test_a_file_that_is_too_large_is_not_even_read(settings):
    class Unread(File):
        def read(self, *args):
            raise AssertionError("read")

    file = Unread(io.BytesIO(), name="三十兆.jpg")
    file.size = 30 * 2**20
    with pytest.raises(attachments.FileRefused, match="“三十兆.jpg”有 30 MB，最多 20 MB"):
        attachments.judge(file)


#: Runs the examiner over files and tells the largest memory that one of its processes held, in KB. A process of its
#: own, and a small one: what this one holds would count for its children.
MEASURE = """
import json, pathlib, resource, subprocess, sys
told = {}
for path in sorted(pathlib.Path(sys.argv[2]).iterdir()):
    done = subprocess.run([sys.executable, "-I", sys.argv[1], path.suffix[1:]], stdin=path.open("rb"),
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env={}, cwd="/")
    told[path.stem] = done.returncode
print(json.dumps([told, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss]))
"""


def test_the_examiner_holds_no_more_memory_than_it_may(tmp_path):
    import json

    for number, one in enumerate(JUDGED):
        (tmp_path / f"{number}.{(one.shown or one.name).rpartition('.')[2]}").write_bytes(one.make())
    command = [sys.executable, "-I", "-c", MEASURE, str(attachments.EXAMINER), str(tmp_path)]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, timeout=300)
    codes, peak = json.loads(done.stdout)
    assert set(codes.values()) == {0}, {JUDGED[int(number)].name: code for number, code in codes.items() if code}
    assert peak * 1024 <= examiner.MEMORY


GOOD = {
    "现场.jpg": JPG,
    "a.JPEG": JPG,
    "b.png": PNG,
    "c.webp": WEBP,
    "d.pdf": PDF,
    "e.docx": DOCX,
    "f.xlsx": XLSX,
    "g.mp3": MP3,
    "h.m4a": M4A,
    "大照片.jpg": picture("JPEG", 8000, 6000),
    "逐行.jpg": picture("JPEG", 2000, 1500, progressive=True),
    "图表.docx": office(parts={"word/embeddings/Microsoft_Excel_Sheet1.xlsx": XLSX, "word/media/a.png": PNG}),
    "链接.docx": office(parts={"word/_rels/document.xml.rels": links("http://a.example/", "hyperlink")}),
}


@pytest.mark.parametrize("name", GOOD)
def test_what_people_send_is_taken(name):
    _name, _type, content, previews = attachments.judge(ContentFile(GOOD[name], name=name))
    assert content == GOOD[name]
    sizes = {size: Image.open(io.BytesIO(preview)).size for size, preview in previews.items()}
    assert bool(sizes) == name.lower().endswith(attachments.PICTURES)
    assert all(max(shape) <= size for size, shape in sizes.items())


def test_a_picture_that_would_be_held_whole_is_too_large_not_broken():
    large = picture("JPEG", 6000, 4000, progressive=True)
    with pytest.raises(attachments.FileRefused, match="像素太多"):
        attachments.judge(ContentFile(large, name="a.jpg"))


def test_a_preview_stands_upright():
    exif = Image.Exif()
    exif[0x0112] = 6  # the telephone was held upright
    lying = picture("JPEG", 800, 400, exif=exif.tobytes())
    _name, _type, _content, previews = attachments.judge(ContentFile(lying, name="a.jpg"))
    assert Image.open(io.BytesIO(previews[1280])).size == (400, 800)
