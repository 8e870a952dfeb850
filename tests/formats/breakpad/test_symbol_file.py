import mmap
import time

import pytest

from crashtool.errors import MalformedFile
from crashtool.formats.breakpad import function_block, sorted_records, symbol_file
from crashtool.formats.breakpad.symbol_file import BreakpadFile, InlinedCall
from tests.synth.symbol_file import (
    build_symbol_file,
    cfi,
    file,
    func,
    inline,
    line,
    origin,
    public,
    win,
)

SECONDS = 20  # far more than is needed, far less than a pass for every question takes


def read(*records, **options):
    return BreakpadFile(build_symbol_file(*records, **options))


def test_a_function_has_its_name_place_file_and_line():
    reader = read(
        file(0, "a.cc"),
        file(7, "b c.cc"),
        func(
            0x1000,
            0x20,
            "f(int, long)",
            line(0x1000, 8, 10),
            line(0x1008, 0x18, 11, 7),
            parameters=12,
        ),
    )

    hit = reader.find_function(0x1008)

    assert hit[:6] == ("f(int, long)", 0x1000, 0x20, 12, "b c.cc", 11)
    assert (hit.inlines, hit.is_public) == ((), False)


def test_the_module_line_must_be_one():
    with pytest.raises(MalformedFile):
        BreakpadFile(b"FUNC 1000 10 0 f\n")


def test_inlined_calls_come_innermost_first_and_the_function_has_its_call():
    reader = read(
        file(0, "main.cc"),
        file(1, "outer.h"),
        file(2, "inner.h"),
        origin(0, "outer()"),
        origin(1, "inner()"),
        func(
            0x10,
            0x20,
            "main",
            inline(0, 5, 0, 0, (0x14, 8)),
            inline(1, 50, 1, 1, (0x16, 4)),
            line(0x10, 4, 4),
            line(0x14, 0x1C, 500, 2),
        ),
    )

    hit = reader.find_function(0x17)

    assert hit.inlines == (
        InlinedCall("inner()", "inner.h", 500),
        InlinedCall("outer()", "outer.h", 50),
    )
    assert (hit.file, hit.line) == ("main.cc", 5)
    assert [call.name for call in reader.find_function(0x15).inlines] == ["outer()"]
    assert reader.find_function(0x10).inlines == ()


def test_an_inlined_call_may_have_several_ranges():
    reader = read(origin(3, "callee"), func(0, 0x40, "f", inline(0, 5, 0, 3, (4, 4), (0x20, 0x10))))

    found = [bool(reader.find_function(address).inlines) for address in (4, 8, 0x20, 0x30)]

    assert found == [True, False, True, False]


def test_an_inlined_call_of_an_unknown_function_is_a_call():
    reader = read(func(0, 0x40, "f", inline(0, 5, 0, 3, (0, 0x40))))

    assert reader.find_function(0).inlines == (InlinedCall("", None, None),)


def test_old_inline_records_take_the_file_from_their_origins():
    reader = read(
        file(0, "main.cc"),
        file(1, "outer.h"),
        file(2, "inner.h"),
        origin(0, "1 outer()"),
        origin(1, "2 inner()"),
        func(
            0x10,
            0x20,
            "main",
            inline(0, 5, None, 0, (0x14, 8)),
            inline(1, 50, None, 1, (0x14, 8)),
            line(0x10, 4, 4),
            line(0x14, 0x1C, 500, 2),
        ),
    )

    hit = reader.find_function(0x14)

    assert hit.inlines == (
        InlinedCall("inner()", "inner.h", 500),
        InlinedCall("outer()", "outer.h", 50),
    )
    assert (hit.file, hit.line) == ("main.cc", 5)


def test_an_old_inline_record_with_a_new_origin_keeps_the_whole_name():
    reader = read(origin(0, "operator new"), func(0, 8, "f", inline(0, 5, None, 0, (0, 8))))

    assert reader.find_function(0).inlines == (InlinedCall("operator new", None, None),)


@pytest.mark.parametrize(
    ("address", "name"),
    [
        (0xF, None),
        (0x10, "first"),
        (0x1F, "first"),
        (0x20, "f"),
        (0x24, None),
        (0x30, "second"),
        (0x40, "third"),
        (0xFFFF, "third"),
    ],
)
@pytest.mark.parametrize("between", [True, False])
def test_a_public_name_reaches_to_the_next_function(address, name, between):
    first, second, third = public(0x10, "first"), public(0x30, "second"), public(0x40, "third")
    records = [first, func(0x20, 4, "f"), second, third]
    reader = read(*(records if between else [records[1], first, second, third]))

    hit = reader.find_function(address)

    assert (hit and hit.name) == name


def test_a_public_name_that_begins_with_a_function_ends_with_it():
    reader = read(func(0x10, 4, "f"), public(0x10, "f too"))

    assert reader.find_function(0x14) is None


@pytest.mark.parametrize(
    ("starts", "code"),
    [
        (range(0x1000, 0x3000, 0x20), range(0x1000, 0x3000)),
        ([0x1000], range(0x1000, 0x1020)),
        ([0x1000, 0x8000], None),
        ([], None),
    ],
)
def test_functions_that_leave_much_uncovered_do_not_measure_the_code(starts, code):
    assert read(*[func(start, 0x20, "f") for start in starts]).measure_code() == code


@pytest.mark.parametrize(("address", "name"), [(0x1010, "p"), (0x1111, None), (0x2010, "p")])
def test_a_public_name_reaches_far_only_to_what_unwind_records_call_code(address, name):
    reader = read(public(0x110, "p"), "STACK CFI INIT 2000 100 .cfa: $rsp 8 + .ra: .cfa -8 + ^")

    hit = reader.find_function(address)

    assert (hit.name if hit else None) == name


def test_a_public_hit_says_that_it_is_one():
    hit = read(public(0x10, "exported", 8, many_names=True)).find_function(0x18)

    assert (hit.name, hit.start, hit.size, hit.parameter_size) == ("exported", 0x10, 0, 8)
    assert hit.is_public
    assert hit.file is None


def test_a_function_of_no_size_hides_nothing():
    reader = read(func(0x10, 0x20, "f"), func(0x14, 0, "label"), public(0x12, "p"))

    assert reader.find_function(0x18).name == "f"
    assert reader.find_function(0x30).name == "p"


def test_the_innermost_of_nested_functions_is_found():
    reader = read(func(0x10, 0x40, "outer"), func(0x20, 8, "inner"), func(0x60, 8, "next"))

    names = [reader.find_function(address).name for address in (0x1F, 0x20, 0x27, 0x28)]

    assert names == ["outer", "inner", "inner", "outer"]


def test_lines_behind_a_public_record_are_not_a_functions():
    reader = read(file(0, "a.c"), func(0, 0x10, "f"), public(0x10), line(0, 0x10, 3))

    assert reader.find_function(0).line is None


def test_a_line_of_no_size_hides_nothing():
    reader = read(file(0, "a.c"), func(0, 0x10, "f", line(0, 0, 1), line(0, 8, 2), line(8, 0, 3)))

    assert (reader.find_function(0).line, reader.find_function(8).line) == (2, None)


def test_line_zero_is_no_line():
    reader = read(file(0, "a.c"), func(0, 0x10, "f", line(0, 16, 0)))

    assert (reader.find_function(0).file, reader.find_function(0).line) == ("a.c", None)


def test_an_answer_is_remembered():
    reader = read(func(0, 0x10, "f"))

    assert reader.find_function(3) is reader.find_function(3)


def test_only_so_much_is_remembered(monkeypatch):
    monkeypatch.setattr(symbol_file, "MAX_ANSWERS", 2)
    monkeypatch.setattr(symbol_file, "MAX_BLOCKS", 2)
    functions = [func(start, 4, f"f{start}", line(start, 4, 1, start)) for start in range(0, 80, 8)]
    reader = read(*(file(start, f"{start}.c") for start in range(0, 80, 8)), *functions)

    for start in range(0, 80, 8):
        assert reader.find_function(start).file == f"{start}.c"
    assert max(map(len, (reader._answers, reader._texts, reader._blocks))) == 2


def test_of_large_functions_one_is_remembered(monkeypatch):
    monkeypatch.setattr(symbol_file, "LARGE_BLOCK", 10)
    reader = read(*(func(start, 4, "f", line(start, 4, 1), "junk") for start in (0, 8)))

    reader.find_function(0)
    reader.find_function(8)

    assert len(reader._blocks) == 1


@pytest.mark.parametrize("address", [-1, 1 << 64])
def test_an_address_beyond_64_bits_has_nothing(address):
    reader = read(func(0, 0x10), cfi(0, 16, ".cfa: 8"), win(4, 0, 16, "$T0 1 ="))

    assert reader.find_function(address) is None
    assert reader.find_cfi(address) is None
    assert reader.find_frame_data(address) is None


def test_a_mapped_file_is_read_in_place(tmp_path):
    path = tmp_path / "a.sym"
    path.write_bytes(build_symbol_file(file(0, "a.c"), func(0, 16, "f", line(0, 16, 5))))

    with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
        assert BreakpadFile(data).find_function(3)[4:6] == ("a.c", 5)


def test_a_file_says_what_it_has():
    full = read(
        file(0, "a.c"), origin(0, "g"), func(0, 16, "f", line(0, 16, 5)), cfi(0, 16, ".cfa: 8")
    )
    assert (full.has_functions, full.has_lines, full.has_inlines, full.has_unwind) == (True,) * 4

    poor = read(public(0))
    assert (poor.has_functions, poor.has_lines, poor.has_inlines, poor.has_unwind) == (False,) * 4

    assert not read(file(0, "a.c"), func(0, 16, "f")).has_lines
    assert read(func(0, 16, "f", inline(0, 1, 2, 3, (0, 4)))).has_inlines
    assert read(win(0, 0, 16, "1")).has_unwind
    assert read(win(4, 0, 16, "1")).has_unwind


def test_a_large_file_with_unwind_rules_says_so(large):
    assert read(func(0, 16), cfi(0, 16, ".cfa: 8")).has_unwind
    assert not read(func(0, 16)).has_unwind


def test_origins_between_functions_are_found(large):
    body = [
        record
        for number in range(40)
        for record in (
            origin(number, f"callee {number}"),
            func(number * 16, 16, "f", inline(0, 1, 0, number, (number * 16, 16))),
        )
    ]
    reader = read(file(0, "a.c"), *body)

    for number in (0, 20, 39):
        assert reader.find_function(number * 16).inlines[0].name == f"callee {number}"


def test_damage_is_noted():
    reader = read(
        "FUNC -5 10 0 x",
        func(0x10, 8, "f", inline(-1, 0, 0, 0, (0x10, 8)), "5 5 5 x"),
        func(0x20, 8, "g", "INLINE 0 1 2 0x20 8", "INLINE 0"),
        "STACK CFI INIT 5",
    )

    assert reader.find_function(0x10).name == "f"
    assert reader.find_function(0x20).inlines == ()
    assert reader.find_cfi(5) is None
    assert reader.problems == [
        "damaged FUNC records",
        "damaged line records",
        "damaged INLINE records",
        "damaged STACK CFI INIT records",
    ]


def test_problems_are_few(monkeypatch):
    monkeypatch.setattr("crashtool.formats.breakpad.records.MAX_PROBLEMS", 1)
    reader = read("FUNC x", "STACK CFI INIT x")

    reader.find_function(1)
    reader.find_cfi(1)

    assert reader.problems == ["damaged FUNC records"]


@pytest.mark.parametrize("number", ["123456789012345678", "0x10", "-1", "+1", "1_0", "\u0661"])
def test_a_number_that_is_none_damages_its_record(number):
    reader = read(f"FUNC {number} ffff 0 f", f"PUBLIC {number} 0 p", f"FILE {number} a")

    assert reader.find_function(0x10) is None


def test_sizes_beyond_64_bits_are_borne():
    reader = read(func((1 << 64) - 1, (1 << 64) - 1, "f"))

    assert reader.find_function((1 << 64) - 1).name == "f"


def test_more_records_than_bearable_out_of_order_are_left_out(monkeypatch):
    monkeypatch.setattr(sorted_records, "MAX_RECORDS", 3)
    reader = read(*(func(start, 8, "f", many_names=True) for start in (64, 48, 32, 16, 0)))

    assert reader.find_function(64) is not None
    assert reader.find_function(0) is None
    assert reader.problems == ["more than 3 FUNC records out of order"]


@pytest.mark.parametrize("shuffled", [False, True])
def test_a_function_of_very_many_lines_takes_no_pass_each_time(shuffled):
    starts = list(range(0, 100_000 * 4, 4))
    lines = [line(start, 4, start // 4 + 1) for start in (starts[::-1] if shuffled else starts)]
    reader = read(file(0, "a.c"), func(0, 100_000 * 4, "huge", *lines))

    begin = time.monotonic()
    for start in starts[::100]:
        assert reader.find_function(start + 3).line == start // 4 + 1
    assert time.monotonic() - begin < SECONDS


def test_the_lines_of_a_large_function_are_found_behind_its_inlined_calls():
    starts = range(0, 4000, 4)
    calls = [inline(0, start + 1, 0, 0, (start, 4)) for start in starts]
    lines = [line(start, 4, start + 2) for start in starts]
    for body in (calls + lines, lines + calls, [*lines[:500], *calls, *lines[500:]]):
        hit = read(file(0, "a.c"), func(0, 4000, "f", *body)).find_function(2402)

        assert (hit.line, hit.inlines[0].line) == (2401, 2402)


def test_very_many_inlined_calls_are_not_all_read(monkeypatch):
    monkeypatch.setattr(function_block, "INLINE_ROOM", 200)
    calls = [inline(0, 1, 0, 0, (start, 4)) for start in range(0, 4000, 4)]
    reader = read(file(0, "a.c"), func(0, 4000, "f", *calls, line(0, 4000, 7)))

    assert reader.find_function(8).inlines
    assert not reader.find_function(3900).inlines
    assert reader.find_function(3900).line == 7
    assert reader.problems[0] == "a function has more than 200 bytes of INLINE records"


@pytest.mark.parametrize(
    "text",
    [
        "A",
        "FUNC 10 10 0 A",
        "FUNC 10 ",
        "FUNC f",
        "INLINE 0 1 2 3 4 5 ",
        "\n",
        "FUNC 10 10 0 f\n",
        "STACK CFI INIT 10 10 ",
        "PUBLIC 10 0 ",
        "FILE 1 ",
    ],
)
def test_endless_lines_are_answered_soon(text):
    reader = BreakpadFile(
        build_symbol_file(func(0, 8, "f")) + text.encode() + text[-1].encode() * 500_000
    )

    begin = time.monotonic()
    for address in (0, 8, 0x10, 1 << 40):
        reader.find_function(address)
        reader.find_cfi(address)
        reader.find_frame_data(address)
    assert reader.find_function(0).name == "f"
    assert time.monotonic() - begin < SECONDS


def test_thousands_of_equal_records_take_no_pass_each_time():
    reader = read(*[func(0x10, 8, "first")], *[func(0x10, 8, "other")] * 100_000)

    begin = time.monotonic()
    for address in range(0x10, 0x18):
        assert reader.find_function(address).name == "first"
    assert time.monotonic() - begin < SECONDS
