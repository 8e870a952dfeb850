"""Values out of types and places: each is right, or says why it is none."""

from struct import pack

import pytest

from crashtool.errors import MalformedFile
from crashtool.formats.variables.data_type import DataType, Details, Member, Variant, Variants
from crashtool.formats.variables.places import (
    ConstantPlace,
    LostPlace,
    MemoryPlace,
    Piece,
    PiecesPlace,
    PointeePlace,
    RegisterPlace,
)
from crashtool.model.variables import Value
from crashtool.render.variables import format_value
from crashtool.services.analyze.variables.limits import Limits, ValueBudget
from crashtool.services.analyze.variables.private_text import mask_texts
from crashtool.services.analyze.variables.values import ValueReader
from tests.services.analyze.variables.frames import (
    CHAR,
    CONST_CHAR,
    INT,
    LONG,
    MadeFrame,
    array,
    pointer,
    struct,
)

GONE = LostPlace("optimized_out", "")


def base(name, size, encoding):
    return DataType("base", name, size, encoding=encoding)


def read(kind, place, frame=None, **limits):
    reader = ValueReader(frame or MadeFrame(), 8, "x86_64", limits=Limits(**limits))
    return reader.read_variable(kind, lambda _: place)


def shown(kind, content, frame=None, **limits):
    return format_value(read(kind, ConstantPlace(content), frame, **limits))


@pytest.mark.parametrize(
    ("kind", "content", "words"),
    [
        (INT, pack("<i", -7), "-7"),
        (base("unsigned char", 1, "unsigned_character"), b"\xc8", "200"),
        (base("bool", 1, "boolean"), b"\1", "true"),
        (base("bool", 1, "boolean"), b"\x30", "48"),
        (CHAR, b"q", "113 'q'"),
        (CHAR, b"\xff", "-1"),
        (CHAR, b"\n", "10 '\\n'"),
        (base("char16_t", 2, "utf"), pack("<H", 0x20AC), "8364 '€'"),
        (base("float", 4, "float"), pack("<f", 0.1), "0.1"),
        (base("double", 8, "float"), pack("<d", 6.25), "6.25"),
        (base("long double", 16, "float"), pack("<QH6x", 0xD << 60, 0x4000), "3.25"),
        (base("long double", 16, "float"), pack("<QH6x", 0xCCCCCCCCCCCCCCCD, 0x3FFB), "0.1"),
        (base("__int128", 16, "signed"), (5 << 70).to_bytes(16, "little"), str(5 << 70)),
        (base("__int128", 16, "signed"), b"\xff" * 16, "-1"),
    ],
)
def test_numbers_are_written_as_the_language_does(kind, content, words):
    assert shown(kind, content) == words


def test_a_float_of_a_size_that_is_not_known_is_no_number():
    value = read(base("_Float8", 1, "float"), ConstantPlace(b"\1"))
    assert (value.state, value.text) == ("unknown", "")


def test_enumerators_by_name_flags_by_names_others_as_numbers():
    rows = ((0, "NONE"), (1, "READ"), (2, "WRITE"), (4, "EXECUTE"), (-1, "ALL"))
    kind = DataType("enum", "Access", 4, load=lambda: Details(INT, enumerators=rows))
    words = [shown(kind, pack("<i", value)) for value in (2, -1, 5, 9, 0)]
    assert words == ["WRITE", "ALL", "READ | EXECUTE", "9", "NONE"]


def test_bit_fields_with_and_without_a_sign():
    kind = struct(
        "Flags",
        Member("a", base("unsigned", 4, "unsigned"), 0, 3),
        Member("b", INT, 0, 7, 3),
        Member("c", LONG, 1, 33, 2),
        size=8,
    )
    word = 5 | (-3 & 0x7F) << 3 | (1 << 32) << 10
    assert shown(kind, word.to_bytes(8, "little")) == "{a = 5, b = -3, c = 4294967296}"


def test_a_string_in_an_array_ends_at_its_zero_and_is_escaped():
    assert shown(array(CHAR, 8), b'a"\x1b\xff\0xyz') == '"a\\"\\e\\xff"'
    assert shown(array(CHAR, 4), b"abcd") == '"abcd"'
    assert shown(array(CHAR, 300), b"x" * 300, text=5) == '"xxxxx"…'


def test_a_pointer_to_letters_brings_them_along():
    frame = MadeFrame(memory={0x1000: b"hello\0"})
    assert shown(pointer(CONST_CHAR), pack("<Q", 0x1000), frame) == '0x1000 -> "hello"'
    assert shown(pointer(CONST_CHAR), bytes(8), frame) == "null"
    far = read(pointer(CONST_CHAR), ConstantPlace(pack("<Q", 0x5000)), frame)
    assert (far.text, far.pointee.state, far.pointee.text) == ("0x5000", "not_in_dump", "")


def test_a_text_that_the_dump_cuts_short_is_not_shown_as_whole():
    frame = MadeFrame(memory={0x1000: b"hel"})
    value = read(pointer(CONST_CHAR), ConstantPlace(pack("<Q", 0x1000)), frame)
    assert value.pointee.state == "not_in_dump"


def test_a_list_that_leads_to_itself_ends():
    node = DataType("struct", "Node", 16, load=lambda: details)
    details = Details(members=(Member("value", INT, 0), Member("next", pointer(node), 8)))
    frame = MadeFrame(memory={0x1000: pack("<iiQ", 7, 0, 0x1000)})
    words = format_value(read(pointer(node), MemoryPlace(0x1008), frame))
    assert words.startswith("0x1000 -> {value = 7, next = 0x1000")
    assert words.count("value = 7") == Limits().pointers


def test_a_lost_piece_loses_the_members_in_it_alone():
    kind = struct("Point", ("x", INT, 0), ("y", INT, 4), ("w", INT, 8))
    pieces = PiecesPlace((Piece(ConstantPlace(pack("<i", 1)), 4), Piece(GONE, 4)))
    value = read(kind, pieces)
    assert format_value(value) == "{x = 1, y = <optimized out>, w = <optimized out>}"


def test_a_value_that_spans_pieces_is_put_together():
    pieces = PiecesPlace((Piece(ConstantPlace(b"\1\2"), 2), Piece(RegisterPlace("rax"), 2)))
    frame = MadeFrame(registers={"rax": 0x0403})
    assert format_value(read(INT, pieces, frame)) == str(0x04030201)


def test_a_register_that_the_walk_does_not_know_has_no_value():
    value = read(INT, RegisterPlace("rdi"))
    assert (value.state, value.reason) == ("unknown", "rdi of this frame is not known")


def test_a_value_larger_than_its_register_is_none():
    frame = MadeFrame(registers={"rax": 5})
    assert read(base("__int128", 16, "signed"), RegisterPlace("rax"), frame).state == "unknown"


def test_memory_that_the_dump_lacks_says_so():
    value = read(INT, MemoryPlace(0x7000))
    assert (value.state, value.reason) == ("not_in_dump", "memory at 0x7000")
    kind = struct("Point", ("x", INT, 0), ("y", INT, 4))
    assert read(kind, MemoryPlace(0x7000)).state == "not_in_dump"  # as a whole


def test_a_removed_pointer_shows_what_it_led_to():
    place = PointeePlace(ConstantPlace(pack("<i", 42)), INT)
    value = read(pointer(INT), place)
    assert (value.text, value.pointee.text) == ("", "42")
    assert format_value(value) == "-> 42"
    assert read(pointer(INT), PointeePlace(GONE, INT)).state == "optimized_out"


def test_alternatives_by_their_discriminant_or_none():
    tag = Member("", base("u8", 1, "unsigned"), 0)
    cases = (Variant((0,), (Member("A", INT, 4),)), Variant((1,), (Member("B", CHAR, 4),)))
    kind = struct("Enum", size=8, variants=Variants(tag, cases))
    assert shown(kind, pack("<Ii", 1, ord("z"))) == "{B = 122 'z'}"
    assert read(kind, ConstantPlace(pack("<Ii", 9, 1))).state == "unknown"
    untold = struct("Enum", size=8, variants=Variants(None, ()))
    assert read(untold, ConstantPlace(bytes(8))).state == "unknown"


def test_a_declared_type_and_a_virtual_base_are_not_guessed():
    declared = DataType("struct", "Hidden", None, is_incomplete=True)
    assert read(declared, ConstantPlace(bytes(8))).state == "unknown"
    kind = struct("Left", Member("x", INT, 0), size=4)
    with_base = DataType(
        "struct",
        "Diamond",
        16,
        load=lambda: Details(
            members=(Member("Left", kind, None, is_base=True), Member("y", INT, 8))
        ),
    )
    value = read(with_base, ConstantPlace(pack("<QiI", 1, 5, 0)))
    assert [child.state for child in value.children] == ["unknown", "value"]


def test_a_virtual_base_is_where_the_tables_of_its_object_say():
    left = struct("Left", Member("x", INT, 0), size=4)
    asked = []

    def find(frame, address):
        asked.append(address)
        content = frame.read_memory(0x9000, 8)
        return content and int.from_bytes(content, "little")

    base = Member("Left", left, None, is_base=True, find_offset=find)
    kind = DataType("struct", "Diamond", 16, load=lambda: Details(members=(base,)))
    frame = MadeFrame(memory={0x100: pack("<QiI", 1, 5, 7), 0x9000: pack("<Q", 12)})
    assert format_value(read(kind, MemoryPlace(0x100), frame)) == "{Left = {x = 7}}"
    assert asked == [0x100]
    lost = MadeFrame(memory={0x100: bytes(16)})
    assert read(kind, MemoryPlace(0x100), lost).state == "unknown"
    frame.memory[0x9000] = pack("<Q", 1 << 40)  # no offset in an object
    assert read(kind, MemoryPlace(0x100), frame).state == "unknown"
    assert read(kind, ConstantPlace(bytes(16)), frame).state == "unknown"


def test_what_is_shown_is_bounded():
    wide = array(array(array(LONG, 1000), 1000), 1000)
    frame = MadeFrame(memory={0: bytes(1 << 16)})
    value = read(wide, MemoryPlace(0), frame, values=50)

    def count(row):
        return 1 + sum(map(count, row.children))

    assert 16 < count(value) <= 51
    assert value.left_out == 1000 - len(value.children)
    assert len(format_value(value)) <= 160


def test_a_stack_s_values_are_bounded_too():
    budget = ValueBudget(10)
    reader = ValueReader(MadeFrame(), 8, "x86_64", budget=budget)
    place = ConstantPlace(bytes(64))
    values = [reader.read_variable(array(INT, 4), lambda _: place) for _ in range(4)]
    assert [row.state for row in values] == ["value", "value", "unknown", "unknown"]


def test_an_array_of_the_frame_s_own_length():
    kind = DataType(
        "array", "int[]", None, load=lambda: Details(INT, find_count=lambda frame: frame.cfa)
    )
    content = pack("<3i", 0, 1, 4)
    assert format_value(read(kind, ConstantPlace(content), MadeFrame(cfa=3))) == "{0, 1, 4}"
    assert read(kind, ConstantPlace(content), MadeFrame(cfa=None)).state == "unknown"
    assert read(kind, ConstantPlace(content), MadeFrame(cfa=1 << 63)).state == "unknown"


def test_damage_costs_the_value_alone():
    def fail():
        raise MalformedFile("a unit is cut short", offset=1)

    value = read(DataType("struct", "S", 8, load=fail), ConstantPlace(bytes(8)))
    assert (value.state, value.reason) == ("unknown", "a unit is cut short at offset 0x1")
    reader = ValueReader(MadeFrame(), 8, "x86_64")
    assert reader.read_variable(INT, lambda _: fail()).state == "unknown"


def test_what_looks_secret_is_not_shown():
    token = Value("char*", text="0x10", pointee=Value("char", text='"AKIAQ3EGRIYQ5WKD7MHB"'))
    members = (
        Value("std::string", text='"hunter22"', name="password"),
        Value("std::string", text='"hunter22"', name="word"),
    )
    assert mask_texts(token, "key").pointee.text == '"…"'
    struct_ = mask_texts(Value("Login", children=members), "login")
    assert [row.text for row in struct_.children] == ['"…"', '"hunter22"']
    rows = (Value("char[9]", text='"hunter22"', name="[0]"),)
    assert mask_texts(Value("char[1][9]", children=rows), "secrets").children[0].text == '"…"'
    assert mask_texts(Value("int", text="5"), "password").text == "5"
    assert mask_texts(Value("char[6]", text='"pwd=x"'), "line").text == '"pwd=…"'


@pytest.mark.parametrize(
    ("before", "shown"), [("--password", '"…"'), ("--api-key", '"…"'), ("--verbose", '"hunter"')]
)
def test_what_an_option_for_a_secret_asks_for_is_not_shown(before, shown):
    elements = (
        Value("std::string", text='"run"', name="[0]"),
        Value("std::string", text=f'"{before}"', name="[1]"),
        Value("std::string", text='"hunter"', name="[2]"),
    )
    masked = mask_texts(Value("std::vector", text="3 elements", children=elements), "arguments")
    assert [row.text for row in masked.children] == ['"run"', f'"{before}"', shown]


@pytest.mark.parametrize(("first", "second"), [("first", "second"), ("name", "value")])
def test_the_value_of_a_key_that_names_a_secret_is_not_shown(first, second):
    text = Value("char", text='"Authorization"')
    key = Value("const char*", text="0x5", pointee=text, name=first)
    held = Value("std::string", text='"Bearer 0123"', name=second)
    pair = mask_texts(Value("pair", children=(key, held)), "headers")
    assert pair.children[1].text == '"…"'
    assert pair.children[0] == key
    harmless = Value("pair", children=(key._replace(pointee=text._replace(text='"Age"')), held))
    assert mask_texts(harmless, "headers") == harmless


def member_pointer(target, size):
    return DataType("member_pointer", "T::*", size, load=lambda: Details(target=target))


CODE = DataType("function", "int(int)", None)
NAMES = {0x401000: "Shape::draw"}


@pytest.mark.parametrize(
    ("architecture", "words", "text"),
    [
        ("x86_64", (0x401000, 0), "0x401000 Shape::draw"),
        ("x86_64", (0x401000, 16), "0x401000 Shape::draw, this + 16"),
        ("x86_64", (0x401000, -8), "0x401000 Shape::draw, this + -8"),
        ("x86_64", (1, 0), "virtual, at 0x0 of the vtable"),
        ("x86_64", (17, 8), "virtual, at 0x10 of the vtable, this + 8"),
        ("x86_64", (0, 0), "null"),
        ("x86_64", (0x402000, 1), "0x402000, this + 1"),  # an empty base may be there
        ("x86_64", (0x7F0000000001, 0), "0x7f0000000001"),  # no vtable is so large
        ("arm64", (0x401000, 0), "0x401000 Shape::draw"),
        ("arm64", (0x401000, 32), "0x401000 Shape::draw, this + 16"),
        ("arm64", (0, 1), "virtual, at 0x0 of the vtable"),
        ("arm64", (16, 17), "virtual, at 0x10 of the vtable, this + 8"),
        ("arm64", (0, 0), "null"),
        ("x86_64", (0x401000,), "0x401000 Shape::draw"),  # Microsoft's, of a simple class
    ],
)
def test_a_pointer_to_a_member_function_leads_to_code_or_into_a_vtable(architecture, words, text):
    content = pack(f"<{len(words)}q", *words)
    reader = ValueReader(
        MadeFrame(), 8, architecture, name_code=lambda address: NAMES.get(address, "")
    )
    value = reader.read_variable(
        member_pointer(CODE, len(content)), lambda _: ConstantPlace(content)
    )
    assert format_value(value) == text


@pytest.mark.parametrize(("number", "text"), [(8, "8"), (0, "0"), (-1, "null")])
def test_a_pointer_to_a_data_member_is_its_offset(number, text):
    assert shown(member_pointer(INT, 8), pack("<q", number)) == text
    assert shown(member_pointer(INT, 4), pack("<i", number)) == text
