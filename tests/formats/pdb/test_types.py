"""Types of PDBs that are built here: what each kind of record gives."""

import struct

import pytest

from crashtool.errors import MalformedFile
from crashtool.formats.pdb import codeview as cv
from crashtool.formats.pdb.data_types import DataTypes
from crashtool.formats.pdb.lookup import PdbLookup
from crashtool.formats.pdb.type_hash import FORWARD, HAS_UNIQUE_NAME, SCOPED, TypeDefinitions
from crashtool.formats.pdb.type_names import TypeNames
from tests.services.analyze.variables.frames import MadeFrame
from tests.synth.pdb import PdbBuilder

INT, SHORT, UNSIGNED, DOUBLE, CHAR = 0x74, 0x11, 0x75, 0x41, 0x70
POINTER_64 = 0x0C | 8 << 13


def text(*names):
    return b"".join(name.encode() + b"\0" for name in names)


def pad(data):
    """A field with the padding that tells how far the next one is."""
    left = -len(data) % 4
    return data + bytes(0xF0 | row for row in range(left, 0, -1))


def member(name, number, offset):
    return pad(struct.pack("<HHIH", cv.LF_MEMBER, 3, number, offset) + text(name))


def enumerator(name, value):
    return pad(struct.pack("<HH", cv.LF_ENUMERATE, 3) + value + text(name))


def add_struct(builder, name, fields, size, *, properties=0, unique="", kind=cv.LF_STRUCTURE):
    body = struct.pack("<HHI", 0, properties | (HAS_UNIQUE_NAME if unique else 0), fields)
    if kind != cv.LF_UNION:
        body += struct.pack("<II", 0, 0)
    return builder.type(kind, body + struct.pack("<H", size) + text(name, *filter(None, [unique])))


def add_fields(builder, *fields):
    return builder.type(cv.LF_FIELDLIST, b"".join(fields))


@pytest.fixture
def builder():
    return PdbBuilder()


def open_types(builder):
    builder.module().procedure("f", 0, 0x10)
    lookup = PdbLookup(builder.build())
    names = TypeNames(lookup.types, lookup.ids, lambda number: number)
    definitions = TypeDefinitions(lookup.types)
    return DataTypes(lookup.types, names, definitions, lambda number: number, 8)


@pytest.mark.parametrize(
    ("number", "kind", "name", "size", "encoding"),
    [
        (INT, "base", "int", 4, "signed"),
        (0x20, "base", "unsigned char", 1, "unsigned_character"),
        (0x10, "base", "signed char", 1, "character"),
        (CHAR, "base", "char", 1, "character"),
        (0x71, "base", "wchar_t", 2, "utf"),
        (0x30, "base", "bool", 1, "boolean"),
        (0x40, "base", "float", 4, "float"),
        (0x42, "base", "long double", 10, "float"),
        (0x03, "void", "void", None, "other"),
        (0x674, "pointer", "int*", 8, "other"),
        (0x403, "pointer", "void*", 4, "other"),
        (0x103, "pointer", "std::nullptr_t", 8, "other"),
        (0xEE, "unknown", "<simple 0xee>", None, "other"),
        (0x1FFF, "unknown", "<missing type 0x1fff>", None, "other"),
    ],
)
def test_types_without_a_record(builder, number, kind, name, size, encoding):
    found = open_types(builder).get(number)

    assert (found.kind, found.name, found.size, found.encoding) == (kind, name, size, encoding)


def test_a_pointer_without_a_record_has_a_target(builder):
    assert open_types(builder).get(0x674).details.target.name == "int"


def test_a_structure_has_bases_members_and_bit_fields_but_no_static_members(builder):
    base = add_struct(builder, "Base", add_fields(builder, member("id", INT, 0)), 4)
    low = builder.type(cv.LF_BITFIELD, struct.pack("<IBB", UNSIGNED, 3, 0))
    high = builder.type(cv.LF_BITFIELD, struct.pack("<IBB", UNSIGNED, 20, 10))
    fields = add_fields(
        builder,
        pad(struct.pack("<HHIH", cv.LF_BCLASS, 3, base, 8)),
        pad(struct.pack("<HHIIHH", cv.LF_VBCLASS, 3, base, INT, 8, 2)),
        pad(struct.pack("<HHIIHH", cv.LF_IVBCLASS, 3, base, INT, 0, 1)),
        pad(struct.pack("<HHI", cv.LF_VFUNCTAB, 0, 0x603)),
        pad(struct.pack("<HHI", cv.LF_STMEMBER, 3, INT) + text("count")),
        pad(struct.pack("<HHI", cv.LF_METHOD, 2, INT) + text("run")),
        pad(struct.pack("<HHI", cv.LF_ONEMETHOD, 3, INT) + text("stop")),
        pad(struct.pack("<HHII", cv.LF_ONEMETHOD, 4 << 2, INT, 0x10) + text("virtual_one")),
        pad(struct.pack("<HHI", cv.LF_NESTTYPE, 0, INT) + text("Inner")),
        member("lo", low, 12),
        member("hi", high, 12),
        member("y", DOUBLE, 16),
    )
    found = open_types(builder)
    number = add_struct(builder, "app::Thing", fields, 24)
    found = open_types(builder).get(number)

    assert (found.kind, found.name, found.size) == ("struct", "app::Thing", 24)
    assert [
        (row.name, row.type.name, row.offset, row.bit_size, row.bit_offset, row.is_base)
        for row in found.details.members
    ] == [
        ("Base", "Base", 8, 0, 0, True),
        ("Base", "Base", None, 0, 0, True),
        ("lo", "unsigned int", 12, 3, 0, False),
        ("hi", "unsigned int", 12, 20, 10, False),
        ("y", "double", 16, 0, 0, False),
    ]
    find = found.details.members[1].find_offset
    memory = {0x108: struct.pack("<Q", 0x9000), 0x9000: struct.pack("<3i", -8, 5, 32)}
    assert find(MadeFrame(memory=memory), 0x100) == 8 + 32
    del memory[0x9000]
    assert find(MadeFrame(memory=memory), 0x100) is None
    assert find(MadeFrame(), 0x100) is None


def test_a_list_of_fields_goes_on_in_another(builder):
    rest = add_fields(builder, member("b", INT, 4))
    first = add_fields(builder, member("a", INT, 0), pad(struct.pack("<HHI", cv.LF_INDEX, 0, rest)))
    number = add_struct(builder, "Long", first, 8)

    members = open_types(builder).get(number).details.members
    assert [(row.name, row.offset) for row in members] == [("a", 0), ("b", 4)]


@pytest.mark.parametrize("hashes", [True, False])
@pytest.mark.parametrize("properties", [0, SCOPED])
@pytest.mark.parametrize("kind", [cv.LF_CLASS, cv.LF_STRUCTURE, cv.LF_UNION])
def test_a_forward_reference_leads_to_its_definition(builder, hashes, properties, kind):
    """Of the same decorated name: others of the same plain name are other types."""
    builder.hashes_types = hashes
    forward = add_struct(
        builder, "Local", 0, 0, properties=FORWARD | properties, unique="?B@@", kind=kind
    )
    fields = add_fields(builder, member("x", INT, 0))
    add_struct(builder, "Local", 0, 64, properties=properties, unique="?A@@", kind=kind)
    add_struct(builder, "Local", fields, 4, properties=properties, unique="?B@@", kind=kind)

    found = open_types(builder).get(forward)
    assert (found.size, found.is_incomplete) == (4, False)
    assert [row.name for row in found.details.members] == ["x"]


def test_a_class_may_be_declared_as_a_structure_but_not_as_a_union(builder):
    forward = add_struct(builder, "Either", 0, 0, properties=FORWARD)
    lost = add_struct(builder, "Other", 0, 0, properties=FORWARD)
    add_struct(builder, "Either", 0, 12, kind=cv.LF_CLASS)
    add_struct(builder, "Other", 0, 12, kind=cv.LF_UNION)
    types = open_types(builder)

    assert types.get(forward).size == 12
    assert (types.get(lost).size, types.get(lost).is_incomplete) == (None, True)


def test_an_enumeration_has_the_values_of_its_base(builder):
    """clang writes -3 of a short as 65533."""
    fields = add_fields(
        builder,
        enumerator("Slow", struct.pack("<HH", 0x8002, 65533)),
        enumerator("Slower", struct.pack("<Hh", 0x8001, -4)),
        enumerator("Fast", struct.pack("<H", 7)),
    )
    number = builder.type(cv.LF_ENUM, struct.pack("<HHII", 3, 0, SHORT, fields) + text("app::Mode"))
    found = open_types(builder).get(number)

    assert (found.kind, found.name, found.size, found.encoding) == (
        "enum",
        "app::Mode",
        2,
        "signed",
    )
    assert found.details.enumerators == ((-3, "Slow"), (-4, "Slower"), (7, "Fast"))
    assert found.details.target.name == "short"


def test_an_array_of_structures_that_are_defined_later_has_a_length(builder):
    forward = add_struct(builder, "Point", 0, 0, properties=FORWARD)
    inner = builder.type(cv.LF_ARRAY, struct.pack("<IIH", forward, 0x23, 72))
    outer = builder.type(cv.LF_ARRAY, struct.pack("<IIH", inner, 0x23, 144))
    add_struct(builder, "Point", 0, 24)
    found = open_types(builder).get(outer)

    assert (found.name, found.size, found.count) == ("Point[2][3]", 144, 2)
    assert (found.details.target.name, found.details.target.count) == ("Point[3]", 3)


@pytest.mark.parametrize(
    ("mode", "kind", "name"),
    [
        (0, "pointer", "double*"),
        (1, "reference", "double&"),
        (4, "reference", "double&&"),
        (2, "member_pointer", "double::*"),
        (3, "member_pointer", "double::*"),
    ],
)
def test_pointers_of_each_mode(builder, mode, kind, name):
    number = builder.type(cv.LF_POINTER, struct.pack("<II", DOUBLE, POINTER_64 | mode << 5))
    found = open_types(builder).get(number)

    assert (found.kind, found.name, found.size) == (kind, name, 8)
    assert found.details.target.name == "double"


def test_a_pointer_to_a_data_member_names_its_class(builder):
    owner = add_struct(builder, "Point", 0, 24)
    fields = struct.pack("<IIIH", DOUBLE, POINTER_64 | 2 << 5, owner, 1)
    number = builder.type(cv.LF_POINTER, fields)

    assert open_types(builder).get(number).name == "double Point::*"


@pytest.mark.parametrize("size", [0, 3, 16, 63])
@pytest.mark.parametrize(("near", "width"), [(0x0A, 4), (0x0C, 8)])
def test_a_reference_is_as_large_as_an_address(builder, size, near, width):
    """clang writes the size of what it refers to, for arguments that are handed over in memory."""
    number = builder.type(cv.LF_POINTER, struct.pack("<II", DOUBLE, near | 1 << 5 | size << 13))

    assert open_types(builder).get(number).size == width


def test_const_and_other_names_are_in_the_spelling_alone(builder):
    plain = add_struct(builder, "Point", add_fields(builder, member("x", INT, 0)), 4)
    constant = builder.type(cv.LF_MODIFIER, struct.pack("<IH", plain, 1))
    alias = builder.type(cv.LF_ALIAS, struct.pack("<I", constant) + text("Place"))
    types = open_types(builder)

    assert (types.get(constant).name, types.get(constant).plain_name) == ("const Point", "Point")
    assert (types.get(alias).name, types.get(alias).size) == ("Place", 4)
    assert [row.name for row in types.get(alias).details.members] == ["x"]


def test_a_rust_enumeration_is_not_shown_as_all_that_it_can_be(builder):
    name = "enum2$<core::option::Option<u32> >"
    fields = add_fields(builder, member("variant0", INT, 0), member("variant1", INT, 0))
    number = add_struct(builder, name, fields, 8, kind=cv.LF_UNION)
    found = open_types(builder).get(number)

    assert (found.kind, found.name, found.size) == ("unknown", name, 8)


def test_a_pointer_to_a_function_is_spelled_as_one(builder):
    arguments = builder.type(cv.LF_ARGLIST, struct.pack("<II", 1, INT))
    function = builder.type(cv.LF_PROCEDURE, struct.pack("<IBBHI", DOUBLE, 0, 0, 1, arguments))
    number = builder.type(cv.LF_POINTER, struct.pack("<II", function, POINTER_64))
    found = open_types(builder).get(number)

    assert (found.kind, found.name) == ("pointer", "double (*)(int)")
    assert found.details.target.kind == "function"


class TestDamage:
    @pytest.mark.parametrize(
        "data",
        [
            struct.pack("<HHIH", cv.LF_MEMBER, 3, INT, 0) + b"endless",
            struct.pack("<HHIH", cv.LF_MEMBER, 3, INT, 0x8017) + text("x"),
            struct.pack("<HH", 0x1599, 0),
            struct.pack("<HH", cv.LF_INDEX, 0),
            struct.pack("<HHI", cv.LF_INDEX, 0, 0x1FFF),
        ],
    )
    def test_what_is_no_field_is_malformed(self, builder, data):
        number = add_struct(builder, "Broken", add_fields(builder, data), 4)
        found = open_types(builder).get(number)

        assert found.size == 4
        with pytest.raises(MalformedFile):
            _ = found.details

    def test_a_list_that_goes_on_in_itself_ends(self, builder):
        fields = builder.type(
            cv.LF_FIELDLIST, member("a", INT, 0) + struct.pack("<HHI", cv.LF_INDEX, 0, 0x1000)
        )
        number = add_struct(builder, "Ring", fields, 4)

        assert [row.name for row in open_types(builder).get(number).details.members] == ["a"]

    @pytest.mark.parametrize(
        ("kind", "data"),
        [
            (cv.LF_MODIFIER, struct.pack("<IH", 0x1000, 1)),
            (cv.LF_ALIAS, struct.pack("<I", 0x1000) + b"a\0"),
            (cv.LF_ARRAY, struct.pack("<IIH", 0x1000, INT, 8)),
            (cv.LF_ENUM, struct.pack("<HHII", 0, 0, 0x1000, 0) + b"e\0"),
            (cv.LF_POINTER, struct.pack("<II", 0x1000, POINTER_64)),
            (cv.LF_STRUCTURE, b""),
            (cv.LF_POINTER, b"\0"),
        ],
    )
    def test_a_type_of_itself_and_a_cut_one_are_malformed(self, builder, kind, data):
        builder.hashes_types = False
        number = builder.type(kind, data)

        with pytest.raises(MalformedFile):
            open_types(builder).get(number)

    def test_an_array_of_nothing_has_no_length(self, builder):
        hollow = add_struct(builder, "Empty", 0, 0)
        array = builder.type(cv.LF_ARRAY, struct.pack("<IIH", hollow, INT, 8))

        assert open_types(builder).get(array).count is None
