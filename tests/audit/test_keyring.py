import base64
import json
import os
import random
import re
import stat
import uuid

import pytest

from audit import keyring
from audit.keyring import SealBroken, blind_index, rotate, seal, seal_bytes, unseal, unseal_bytes

ID_NUMBER = "620699199001010015"
CELL = {"table": "disputes_party", "column": "id_number", "uid": uuid.UUID(int=1)}


@pytest.mark.parametrize("text", ["", ID_NUMBER, "牧场边界 🐑\r\n\x00", "长" * 50_000])
def test_a_sealed_text_opens_in_its_own_cell(text):
    token = seal(text, **CELL)
    assert unseal(token, **CELL) == text
    assert re.fullmatch(r"g1\.[0-9a-f]{8}\.[A-Za-z0-9_-]+", token)
    assert not text or text not in token


def test_equal_texts_seal_differently():
    assert seal(ID_NUMBER, **CELL) != seal(ID_NUMBER, **CELL)


def test_1000_bit_flips_are_refused():
    choose = random.Random(1)
    token = seal(ID_NUMBER, **CELL).encode()
    for _ in range(1000):
        altered = bytearray(token)
        altered[choose.randrange(len(altered))] ^= 1 << choose.randrange(8)
        with pytest.raises(SealBroken):
            unseal(altered.decode("latin-1"), **CELL)


def test_every_bit_flip_of_a_sealed_file_is_refused():
    content = seal_bytes(b"%PDF-1.7 scan", **CELL)
    assert unseal_bytes(content, **CELL) == b"%PDF-1.7 scan"
    for position in range(len(content) * 8):
        altered = bytearray(content)
        altered[position // 8] ^= 1 << position % 8
        with pytest.raises(SealBroken):
            unseal_bytes(bytes(altered), **CELL)


@pytest.mark.parametrize(
    "other",
    [{"table": "disputes_person"}, {"column": "phone"}, {"uid": uuid.UUID(int=2)}],
    ids=["table", "column", "row"],
)
def test_a_value_moved_to_another_cell_is_refused(other):
    with pytest.raises(SealBroken):
        unseal(seal(ID_NUMBER, **CELL), **CELL | other)
    with pytest.raises(SealBroken):
        unseal_bytes(seal_bytes(b"scan", **CELL), **CELL | other)


@pytest.mark.parametrize("token", ["", "g1", ID_NUMBER, "g1.00000000.AAAA", "g2.x.y", "g1..", "g1.x.é", "a.b.c.d"])
def test_what_was_never_sealed_is_refused(token):
    with pytest.raises(SealBroken):
        unseal(token, **CELL)
    with pytest.raises(SealBroken):
        unseal_bytes(token.encode(), **CELL)


@pytest.mark.parametrize("cut", [1, 10, 20, 38])
def test_a_cut_value_is_refused(cut):
    with pytest.raises(SealBroken):
        unseal(seal(ID_NUMBER, **CELL)[:-cut], **CELL)


def test_the_key_file_is_made_once_for_its_owner_only(key_file):
    seal("x", **CELL)
    made = key_file.read_text()
    seal("y", **CELL)
    assert key_file.read_text() == made
    assert stat.S_IMODE(os.stat(key_file).st_mode) == 0o600
    content = json.loads(made)
    assert len(base64.b64decode(content["keys"][content["current"]])) == 32


def test_a_key_file_that_vanished_is_an_error_not_a_new_ring(key_file):
    seal("x", **CELL)
    key_file.unlink()
    with pytest.raises(FileNotFoundError):
        seal("y", **CELL)
    assert not key_file.exists()


def test_rotation_keeps_old_values_readable_and_indexes_equal(key_file):
    old, index = seal(ID_NUMBER, **CELL), blind_index("id", ID_NUMBER)
    key_id = rotate()
    new = seal(ID_NUMBER, **CELL)
    assert new.split(".")[1] == key_id != old.split(".")[1]
    assert [unseal(old, **CELL), unseal(new, **CELL)] == [ID_NUMBER, ID_NUMBER]
    assert blind_index("id", ID_NUMBER) == index
    assert stat.S_IMODE(os.stat(key_file).st_mode) == 0o600


def test_a_rotation_by_another_process_is_seen_without_a_restart(in_processes):
    seal("x", **CELL)
    [key_id] = in_processes(1, lambda number: rotate())
    assert seal("x", **CELL).split(".")[1] == key_id


def test_two_rotations_at_once_lose_no_key(key_file, in_processes):
    seal("x", **CELL)
    made = [answer for answer in in_processes(4, lambda number: rotate()) if "FileExistsError" not in answer]
    assert made and set(made) <= set(json.loads(key_file.read_text())["keys"])


def test_the_index_finds_every_spelling_and_needs_the_key(key_file, settings, tmp_path):
    index = blind_index("id", "62069919900101001X")
    assert re.fullmatch("[0-9a-f]{32}", index)
    for spelling in [
        "62069919900101001x",
        " 620699 19900101 001X ",
        "６２０６９９１９９００１０１００１Ｘ",
        "620699-19900101-001x",
    ]:
        assert blind_index("id", spelling) == index
    assert blind_index("phone", "62069919900101001X") != index
    assert blind_index("id", "620699199001010023") != index
    assert blind_index("id", "") == blind_index("id", " 　") == ""
    settings.FIELD_KEYS_FILE = tmp_path / "other.json"
    assert blind_index("id", "62069919900101001X") != index


def test_the_ring_is_parsed_once(monkeypatch):
    seal("x", **CELL)
    monkeypatch.setattr(keyring.json, "loads", None)
    assert unseal(seal("x", **CELL), **CELL) == "x"
