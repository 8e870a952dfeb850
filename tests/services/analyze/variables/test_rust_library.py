"""Texts, vectors and slices of Rust, of types as rustc describes them."""

import struct as packing

import pytest

from crashtool.formats.variables.data_type import DataType
from crashtool.formats.variables.places import MemoryPlace
from crashtool.services.analyze.variables.values import ValueReader
from tests.services.analyze.variables.frames import INT, LONG, MadeFrame, pointer, struct

BYTE = DataType("base", "u8", 1, encoding="unsigned")
TEXT = "räk!".encode()


def text_slice(name="&str"):
    return struct(name, ("data_ptr", pointer(BYTE), 0), ("length", LONG, 8))


def vector(element, name="alloc::vec::Vec<T, alloc::alloc::Global>"):
    non_null = struct("core::ptr::non_null::NonNull<u8>", ("pointer", pointer(BYTE), 0))
    unique = struct("core::ptr::unique::Unique<u8>", ("pointer", non_null, 0))
    room = struct("core::num::niche_types::UsizeNoHighBit", ("__0", LONG, 0))
    inner = struct("alloc::raw_vec::RawVecInner", ("cap", room, 0), ("ptr", unique, 8))
    buffer = struct("alloc::raw_vec::RawVec", ("inner", inner, 0))
    return struct(name, ("buf", buffer, 0), ("len", LONG, 16), arguments=(element,))


def string():
    return struct("alloc::string::String", ("vec", vector(BYTE), 0))


def read(kind, words, content=b""):
    memory = {0x100: packing.pack(f"<{len(words)}Q", *words), 0x500: content}
    reader = ValueReader(MadeFrame(memory=memory), 8, "x86_64")
    return reader.read_variable(kind, lambda _frame: MemoryPlace(0x100))


@pytest.mark.parametrize("name", ["&str", "&mut str"])
def test_a_text_is_as_long_as_it_says(name):
    assert read(text_slice(name), (0x500, 5), TEXT + b"more").text == '"räk!"'


def test_a_string_is_a_text():
    assert read(string(), (8, 0x500, 5), TEXT + b"mo").text == '"räk!"'
    assert read(string(), (0, 1, 0)).text == '""'


@pytest.mark.parametrize("name", ["&[i32]", "&mut [i32]"])
def test_a_slice_has_elements(name):
    kind = struct(name, ("data_ptr", pointer(INT), 0), ("length", LONG, 8))
    value = read(kind, (0x500, 2), packing.pack("<2i", -1, 7))
    assert (value.text, [child.text for child in value.children]) == ("2 elements", ["-1", "7"])


def test_a_vector_has_elements():
    value = read(vector(INT), (4, 0x500, 2), packing.pack("<2i", -1, 7))
    assert (value.text, [child.text for child in value.children]) == ("2 elements", ["-1", "7"])
    assert read(vector(INT), (0, 4, 0)).text == "0 elements"


@pytest.mark.parametrize("kind", [vector(INT), string()])
def test_more_than_there_is_room_for_is_no_content(kind):
    value = read(kind, (1, 0x500, 2), bytes(16))
    assert (value.state, value.reason) == ("unknown", "its length makes no sense")


def test_a_type_of_another_layout_is_shown_by_its_members():
    other = struct("alloc::string::String", ("bytes", LONG, 0))
    assert [child.text for child in read(other, (5,)).children] == ["5"]
    assert [child.name for child in read(struct("&str", ("at", LONG, 0)), (5,)).children] == ["at"]
    nothing = struct("core::marker::PhantomData<T>")
    counted = read(vector(nothing), (1 << 62, 8, 3))  # elements that take no room have no place
    assert counted.children
