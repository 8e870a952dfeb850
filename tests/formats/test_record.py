"""Records: read, packed, and bounded by the bytes there."""

import sys
from types import ModuleType

import pytest

from crashtool.errors import MalformedFile
from crashtool.formats.record import F64, I16, U8, U16, U32, U64, Bytes4, Record


class Sample(Record):
    tag: Bytes4
    small: U8
    signed: I16
    big: U64
    real: F64


def test_a_record_has_its_fields_packed_without_gaps():
    assert Sample.SIZE == 4 + 1 + 2 + 8 + 8
    assert Sample.FIELDS == ("tag", "small", "signed", "big", "real")


def test_packing_and_reading_agree():
    sample = Sample(tag=b"abcd", small=1, signed=-2, big=3, real=0.5)
    assert Sample.read(b"??" + sample.pack(), 2) == sample


def test_fields_left_out_are_zero():
    assert Sample() == (b"", 0, 0, 0, 0)


TEXTS = """
from __future__ import annotations
from crashtool.formats.record import U16, U32, Record
class Pair(Record):
    first: U16
    second: {kind}
"""


def run_module(monkeypatch, kind):
    module = ModuleType("of_texts")
    monkeypatch.setitem(sys.modules, "of_texts", module)
    exec(TEXTS.format(kind=kind), vars(module))  # noqa: S102 (a module of this test)
    return module


def test_annotations_that_are_texts_are_names_of_the_structs_module(monkeypatch):
    pair = run_module(monkeypatch, "U32").Pair

    assert pair.KINDS == {"first": U16, "second": U32}
    assert pair(second=1).pack() == b"\0\0\1\0\0\0"


def test_a_kind_of_field_that_is_not_imported_ends_the_import(monkeypatch):
    with pytest.raises(KeyError, match="U64"):
        run_module(monkeypatch, "U64")


def test_a_big_endian_struct_is_read_by_request():
    class Word(Record):
        value: U32

    assert Word.read(b"\0\0\1\2", big_endian=True).value == 0x102


@pytest.mark.parametrize("offset", [-1, 1, 1 << 70])
def test_a_struct_outside_the_bytes_names_its_offset(offset):
    with pytest.raises(MalformedFile, match=f"Sample cut short at offset {offset:#x}"):
        Sample.read(bytes(Sample.SIZE), offset)


def test_an_array_is_read_in_order():
    class Pair(Record):
        first: U16
        second: U16

    rows = Pair.read_array(bytes(range(8)), 0, 2)
    assert [row.second for row in rows] == [0x302, 0x706]


def test_an_array_with_a_stride_skips_what_it_does_not_know():
    class Half(Record):
        value: U16

    assert [row.value for row in Half.read_array(b"\1\0??\2\0??", 0, 2, stride=4)] == [1, 2]


@pytest.mark.parametrize(("offset", "count"), [(0, 2), (0, 0xFFFFFFFF), (0, -1), (-1, 1), (99, 1)])
def test_an_array_that_does_not_fit_is_refused_before_it_is_read(offset, count):
    with pytest.raises(MalformedFile, match="Sample"):
        Sample.read_array(bytes(Sample.SIZE), offset, count)


def test_a_value_out_of_range_is_a_value_error():
    with pytest.raises(ValueError, match="small=0x100"):
        Sample(small=256).pack()


def test_replace_changes_only_what_it_names():
    assert Sample(small=1, big=2).replace(small=3) == Sample(small=3, big=2)


def test_an_unknown_field_is_refused():
    with pytest.raises(TypeError, match="Sample has no field huge"):
        Sample(huge=1)


def test_a_record_shows_its_fields():
    assert repr(Sample(tag=b"x", big=255)).startswith(
        "Sample(tag=b'x', small=0x0, signed=0x0, big=0xff"
    )
