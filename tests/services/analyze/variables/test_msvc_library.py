"""Types of Microsoft's C++ library, with memory as it lays them out."""

import struct

import pytest

from crashtool.formats.variables.data_type import DataType, Details, Member
from crashtool.formats.variables.places import MemoryPlace
from crashtool.services.analyze.variables.values import ValueReader

INT = DataType("base", "int", 4, encoding="signed")
SIZE = DataType("base", "unsigned long long", 8, encoding="unsigned")
CHAR = DataType("base", "char", 1, encoding="character")
WIDE = DataType("base", "wchar_t", 2, encoding="utf")
BOOL = DataType("base", "bool", 1, encoding="boolean")
START = 0x10000


def record(name, size, *members, kind="struct"):
    """A struct of (name, type, offset), or of bases (type, offset)."""
    rows = tuple(
        Member(*row) if len(row) == 3 else Member(row[0].name, *row, is_base=True)
        for row in members
    )
    return DataType(kind, name, size, load=lambda: Details(members=rows))


def pointer(target):
    return DataType("pointer", f"{target.name}*", 8, load=lambda: Details(target=target))


def array(element, count):
    return DataType(
        "array",
        f"{element.name}[{count}]",
        element.size * count,
        count=count,
        load=lambda: Details(target=element),
    )


def words(*values):
    return struct.pack(f"<{len(values)}Q", *values)


class Frame:
    base = address = 0
    return_address = cfa = caller = None

    def __init__(self, memory):
        self.memory = memory
        self.found = {}

    def read_register(self, name):
        raise AssertionError(name)

    def read_memory(self, address, size):
        for start, content in self.memory.items():
            if start <= address and address + size <= start + len(content):
                return content[address - start : address - start + size]
        return None


def read(kind, content, **more):
    """A value of a type with that content; more memory by its address in hexadecimal digits."""
    memory = {START: content} | {int(key[1:], 16): row for key, row in more.items()}
    reader = ValueReader(Frame(memory), 8, "x86_64")
    return reader.read_variable(kind, lambda _frame: MemoryPlace(START))


def in_pair(name, held, size):
    """A container as it keeps what it is made of beside an allocator without members."""
    allocator = record("std::allocator<int>", 1)
    pair = record("std::_Compressed_pair<>", size, (allocator, 0), ("_Myval2", held, 0))
    return record(name, size, ("_Mypair", pair, 0))


def string(letter):
    count = 16 // letter.size
    store = record(
        "_Bxty", 16, ("_Buf", array(letter, count), 0), ("_Ptr", pointer(letter), 0), kind="union"
    )
    held = record("_String_val", 32, ("_Bx", store, 0), ("_Mysize", SIZE, 16), ("_Myres", SIZE, 24))
    return in_pair(f"std::basic_string<{letter.name}>", held, 32)


class TestStrings:
    @pytest.mark.parametrize(
        ("letter", "text", "encoding"),
        [(CHAR, "short", "utf-8"), (CHAR, "", "utf-8"), (WIDE, "kürzer", "utf-16-le")],
    )
    def test_a_short_one_is_inside(self, letter, text, encoding):
        content = text.encode(encoding).ljust(16, b"\0") + words(len(text), 16 // letter.size - 1)

        assert read(string(letter), content).text == f'"{text}"'

    @pytest.mark.parametrize(("length", "capacity"), [(20, 31), (16, 16)])
    def test_a_long_one_is_elsewhere(self, length, capacity):
        text = "long enough to be so"[:length]
        content = words(0x500, 0, length, capacity)

        assert read(string(CHAR), content, x500=text.encode()).text == f'"{text}"'

    def test_a_long_one_that_the_dump_lacks_has_a_length(self):
        found = read(string(CHAR), words(0x500, 0, 20, 31))

        assert (found.state, found.reason) == ("not_in_dump", "20 letters at 0x500")

    @pytest.mark.parametrize(("length", "capacity"), [(16, 15), (3, 2), (1 << 63, 1 << 50)])
    def test_an_impossible_length_is_no_string(self, length, capacity):
        found = read(string(CHAR), bytes(16) + words(length, capacity), x0=bytes(64))

        assert found.state == "unknown"

    def test_a_view_counts_its_letters(self):
        kind = record(
            "std::basic_string_view<char>", 16, ("_Mydata", pointer(CHAR), 0), ("_Mysize", SIZE, 8)
        )

        assert read(kind, words(0x500, 4), x500=b"view and more").text == '"view"'


def vector(element):
    held = record(
        "_Vector_val",
        24,
        ("_Myfirst", pointer(element), 0),
        ("_Mylast", pointer(element), 8),
        ("_Myend", pointer(element), 16),
    )
    return in_pair("std::vector<int>", held, 24)


def texts(value):
    return [child.text for child in value.children]


def test_a_vector_has_elements():
    content = words(0x500, 0x50C, 0x520)
    found = read(vector(INT), content, x500=struct.pack("<5i", 1, -2, 3, 4, 5))

    assert (found.text, texts(found)) == ("3 elements", ["1", "-2", "3"])


def test_a_vector_that_ends_before_it_begins_is_none():
    assert read(vector(INT), words(0x50C, 0x500, 0x520)).state == "unknown"


def test_a_vector_of_bool_is_shown_by_its_members():
    words_in_it = vector(INT)
    kind = record("std::vector<bool>", 32, ("_Myvec", words_in_it, 0), ("_Mysize", SIZE, 24))
    found = read(kind, words(0x500, 0x504, 0x504, 3), x500=b"\5\0\0\0")

    assert [child.name for child in found.children] == ["_Myvec", "_Mysize"]


def test_smart_pointers_show_what_they_own():
    unique = in_pair("std::unique_ptr<int>", pointer(INT), 8)
    count = record("std::_Ref_count_base", 16)
    shared = record(
        "std::shared_ptr<int>", 16, ("_Ptr", pointer(INT), 0), ("_Rep", pointer(count), 8)
    )

    for kind, content in ((unique, words(0x500)), (shared, words(0x500, 0x600))):
        found = read(kind, content, x500=b"\7\0\0\0")
        assert (found.text, found.pointee.text) == ("0x500", "7")
    assert read(unique, words(0)).text == "null"


def test_an_optional_holds_something_or_nothing():
    store = record("", 4, ("_Dummy", CHAR, 0), ("_Value", INT, 0), kind="union")
    kind = record("std::optional<int>", 8, ("", store, 0), ("_Has_value", BOOL, 4))

    assert texts(read(kind, b"\5\0\0\0\1\0\0\0")) == ["5"]
    assert read(kind, b"\5\0\0\0\0\0\0\0").text == "nothing"
    assert read(kind, b"\5\0\0\0\7\0\0\0").state == "unknown"


def nodes(name, *links):
    """A node with links, two bytes of state where it is a tree's, and a value."""
    head = 8 * len(links)
    rows = [(link, SIZE, 8 * number) for number, link in enumerate(links)]
    node = record("_Node", head + 16, *rows, ("_Myval", INT, head + 8))
    held = record("_Val", 16, ("_Myhead", pointer(node), 0), ("_Mysize", SIZE, 8))
    return in_pair(name, held, 16)


TREE = nodes("std::map<int,int>", "_Left", "_Parent", "_Right")


def tree_node(left, parent, right, value):
    return words(left, parent, right) + bytes(8) + struct.pack("<ii", value, 0)


def test_a_tree_is_read_in_order():
    """20 is the root, 10 and 30 its children, 15 the right one of 10, 17 of 15; all ends are the
    head.
    """
    head, root, ten, thirty, fifteen, last = 0x500, 0x600, 0x700, 0x800, 0x900, 0xA00
    found = read(
        TREE,
        words(head, 5),
        x500=tree_node(ten, root, thirty, 0),
        x600=tree_node(ten, head, thirty, 20),
        x700=tree_node(head, root, fifteen, 10),
        x800=tree_node(head, root, head, 30),
        x900=tree_node(head, ten, last, 15),
        xa00=tree_node(head, fifteen, head, 17),
    )

    assert (found.text, texts(found)) == ("5 elements", ["10", "15", "17", "20", "30"])
    assert fifteen


def test_a_tree_that_the_dump_lacks_has_a_size():
    found = read(TREE, words(0x500, 4))

    assert (found.state, found.reason) == ("not_in_dump", "4 elements")


def test_a_tree_of_itself_ends():
    loop = tree_node(0x600, 0x600, 0x600, 1)

    found = read(TREE, words(0x500, 1 << 30), x500=loop, x600=loop)
    assert (found.state, found.reason) == ("unknown", "its links lead in a circle")


def test_a_list_and_a_hash_table_are_read_from_behind_their_head():
    ring = nodes("std::list<int>", "_Next", "_Prev")
    table = record("std::unordered_set<int>", 64, ("_Traits", INT, 0), ("_List", ring, 8))
    memory = {
        "x500": words(0x600, 0x700) + bytes(16),
        "x600": words(0x700, 0x500) + bytes(8) + struct.pack("<ii", 1, 0),
        "x700": words(0x500, 0x600) + bytes(8) + struct.pack("<ii", 2, 0),
    }

    assert texts(read(ring, words(0x500, 2), **memory)) == ["1", "2"]
    assert texts(read(table, bytes(8) + words(0x500, 2) + bytes(40), **memory)) == ["1", "2"]
    assert read(ring, words(0x500, 0), x500=words(0x500, 0x500)).text == "0 elements"
    assert read(ring, words(0x500, 0), **memory).state == "unknown"


def test_a_deque_is_read_through_its_ring_of_blocks():
    """Four ints a block; the first stands third in block 1 of 2, so that the last is in block 0."""
    held = record(
        "_Deque_val",
        40,
        ("_Map", pointer(pointer(INT)), 8),
        ("_Mapsize", SIZE, 16),
        ("_Myoff", SIZE, 24),
        ("_Mysize", SIZE, 32),
    )
    content = words(0, 0x500, 2, 6, 3)
    found = read(
        in_pair("std::deque<int>", held, 40),
        content,
        x500=words(0x600, 0x700),
        x600=struct.pack("<4i", 3, 0, 0, 0),
        x700=struct.pack("<4i", 0, 0, 1, 2),
    )

    assert (found.text, texts(found)) == ("3 elements", ["1", "2", "3"])


def test_an_array_is_its_elements():
    kind = record("std::array<int,2>", 8, ("_Elems", array(INT, 2), 0))

    assert texts(read(kind, struct.pack("<ii", 8, 9))) == ["8", "9"]


@pytest.mark.parametrize("name", ["basic_string", "vector", "unique_ptr", "map", "list", "deque"])
def test_other_members_are_another_library(name):
    kind = record(f"std::{name}<int>", 4, ("mine", INT, 0))

    assert [child.name for child in read(kind, b"\1\0\0\0").children] == ["mine"]
