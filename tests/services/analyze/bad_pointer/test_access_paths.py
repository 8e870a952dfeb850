"""What memory behind a pointer is called, by the types."""

import pytest

from crashtool.formats.variables.data_type import DataType, Details, Member
from crashtool.services.analyze.bad_pointer.access_paths import describe_behind, describe_inside
from tests.services.analyze.variables.frames import CHAR, INT, array, pointer, struct

VERTS = struct("Verts", ("count", INT, 0), ("data", pointer(INT), 8), size=16)
BASE = struct("Base", ("id", INT, 0), size=8)
BITS = (Member("low", INT, 40, 3, 0), Member("high", INT, 40, 3, 3))
MESH = struct(
    "Mesh",
    Member("Base", BASE, 0, is_base=True),
    ("verts", VERTS, 8),
    ("rows", array(INT, 4), 24),
    *BITS,
    size=48,
)
EITHER = struct("Either", ("first", pointer(INT), 0), ("second", INT, 0), kind="union", size=8)
EMPTY = struct("Empty", size=1)


def behind(kind, offset, size=4, name="p", *, has_index=False):
    return describe_behind(name, pointer(kind), offset, size, has_index=has_index).text


@pytest.mark.parametrize(
    ("offset", "size", "words"),
    [
        (0, 4, "p->id"),
        (8, 4, "p->verts.count"),
        (16, 8, "p->verts.data"),
        (32, 4, "p->rows[2]"),
        (24, 16, "p->rows[0]"),
        (8, 16, "p->verts"),
        (8, 1, "p->verts.count"),
        (9, 1, "p + 0x9"),
        (14, 4, "p + 0xe"),
        (40, 4, "p + 0x28"),
        (48, 4, "p + 0x30"),
        (-8, 4, "p - 0x8"),
    ],
)
def test_members_by_their_offset_and_size(offset, size, words):
    assert behind(MESH, offset, size) == words


def test_elements_are_counted():
    assert behind(MESH, 2 * 48 + 8, has_index=True) == "p[2].verts.count"
    assert behind(MESH, -48, has_index=True) == "p[-1].id"
    assert behind(INT, 12) == "p[3]"
    assert behind(INT, 0) == "*p"
    assert behind(INT, 16, 16) == "p[4]"
    assert behind(CHAR, 3, 4) == "p + 0x3"


def test_a_constant_distance_beyond_a_struct_is_no_element():
    assert behind(BASE, 16) == "p + 0x10"


def test_pointers_to_pointers_are_grouped():
    assert behind(MESH, 8, name="*p") == "(*p)->verts.count"
    assert behind(INT, 4, name="*p") == "(*p)[1]"
    assert behind(array(INT, 4), 4) == "(*p)[1]"


def test_a_member_of_a_union_is_not_chosen():
    holder = struct("Holder", ("either", EITHER, 8), size=16)
    assert behind(holder, 8, 4) == "p->either"
    assert behind(holder, 8, 8) == "p->either.first"  # which alone is as large
    assert describe_inside("here", EITHER, 0, 4).text == "here"


def test_of_a_reference_members_are_behind_a_dot():
    kind = DataType("reference", "Mesh&", 8, load=lambda: Details(MESH))
    assert describe_behind("m", kind, 8, 4, has_index=False).text == "m.verts.count"
    assert describe_behind("m", kind, 64, 4, has_index=False).text == "m + 0x40"


def test_what_has_no_size_has_a_distance():
    nothing = DataType("void", "void", None)
    assert behind(nothing, 8) == "p + 0x8"
    assert behind(nothing, 0) == "*p"


def test_bases_without_room_do_not_hide_a_member():
    kind = struct("Both", Member("Empty", EMPTY, 0, is_base=True), ("id", INT, 0), size=4)
    assert behind(kind, 0) == "p->id"


def test_library_pointers_are_called_by_their_functions():
    start = struct("_Impl", ("_M_start", pointer(INT), 0), size=8)
    vector = struct("std::vector<int, std::allocator<int> >", ("_M_impl", start, 0), size=24)
    assert describe_inside("values", vector, 0, 8).text == "values.data()"
    assert behind(vector, 0, 8, "this") == "this->data()"
