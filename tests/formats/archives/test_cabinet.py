"""Cabinets, whole and damaged."""

import io
import random

import pytest

from crashtool.errors import InputUnusable, MalformedFile
from crashtool.formats.archives import cabinet
from crashtool.formats.archives.bounds import Budget
from crashtool.formats.archives.cabinet import LZX, STORED, checksum, walk_members
from tests.damage import attempt
from tests.synth.cabinet import build_cabinet

WORDS = [b"function", b"line", b"frame", b"\0\1\2"]
LONG = b" ".join(random.Random(1).choices(WORDS, k=30_000))  # noqa: S311 (several blocks)
FILES = {"app.pdb": LONG, "b.txt": b"x" * 10, "empty": b"", "c.dll": LONG[:40_000]}


def unpack(data):
    found = {}
    for member in walk_members(io.BytesIO(data), Budget(1 << 20)):
        found[member.name] = b"".join(iter(lambda stream=member.stream: stream.read(7777), b""))
        assert len(found[member.name]) == member.size
    return found


@pytest.mark.parametrize("method", [0, 1])
def test_every_byte_of_every_file_comes_out(method):
    assert unpack(build_cabinet(FILES, method=method)) == FILES


def test_structs_have_the_sizes_of_the_specification():
    kinds = (
        cabinet.CfHeader,
        cabinet.Reserves,
        cabinet.CfFolder,
        cabinet.CfFile,
        cabinet.BlockHeader,
    )

    assert [kind.SIZE for kind in kinds] == [36, 4, 8, 16, 8]


def test_files_that_are_not_read_are_passed_over():
    members = walk_members(io.BytesIO(build_cabinet(FILES)), Budget(1 << 20))
    names = [(member.name, member.stream.read(4)) for member in members]

    assert names == [(name, content[:4]) for name, content in FILES.items()]


def test_a_changed_byte_is_found_by_the_checksum():
    data = bytearray(build_cabinet(FILES, method=STORED))
    data[-5] ^= 1

    with pytest.raises(MalformedFile, match="checksum mismatch"):
        unpack(data)


def test_without_checksums_there_is_nothing_to_compare():
    assert unpack(build_cabinet(FILES, checksums=False)) == FILES


@pytest.mark.parametrize(("method", "name"), [(LZX, "LZX"), (2, "Quantum"), (9, "unknown")])
def test_other_methods_say_how_to_unpack_them(method, name):
    with pytest.raises(InputUnusable, match=name) as caught:
        unpack(build_cabinet({"a.pdb": b"x"}, method=method))
    assert "cabextract" in caught.value.hint


def test_one_of_a_set_is_not_enough():
    with pytest.raises(InputUnusable, match="set of cabinets"):
        unpack(build_cabinet({"a.pdb": b"x"}, header={"flags": 2}))


def test_a_folder_that_there_is_not():
    with pytest.raises(MalformedFile, match="which there is not"):
        unpack(build_cabinet({"a.pdb": b"x"}, header={"folder_count": 0}))


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (b"", 0),
        (b"\1\2\3\4", 0x04030201),
        (b"\1\0\0\0\2\0\0\0", 3),
        (b"\1\0\0\0\7\6", 1 ^ 0x0706),
        (b"\5", 5),
        (b"abcd" * 3, 0x64636261),
    ],
)
def test_checksums_are_those_of_words_and_a_turned_rest(data, word):
    assert checksum(data) == word


def test_no_cut_and_no_flip_escapes_as_anything_but_an_error():
    data = build_cabinet({"a.pdb": LONG[:3000], "b": b"y" * 40_000})
    chance = random.Random(2)  # noqa: S311
    for _ in range(1500):
        cut = bytearray(data[: chance.randrange(len(data) + 1)])
        for _ in range(chance.randrange(3)):
            if cut:
                cut[chance.randrange(len(cut))] = chance.randrange(256)
        found, fault = attempt(unpack, bytes(cut))
        assert fault or sum(map(len, found.values())) <= 43_000
