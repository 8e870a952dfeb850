import pytest

from crashtool.formats.breakpad import stack_records
from crashtool.formats.breakpad.stack_records import StackRecords
from crashtool.formats.unwind_rules import CfiText
from tests.synth.symbol_file import MODULE, build_symbol_file, cfi, func, win


def read(*records):
    return StackRecords("\n".join(records).encode())


def test_rules_are_the_first_ones_and_those_up_to_the_address():
    reader = read(cfi(0x10, 0x20, ".cfa: $rsp 8 +", (0x14, ".cfa: $rsp 16 +"), (0x18, "$rbx: 1")))

    assert reader.find_cfi(0x10) == CfiText(0x10, 0x20, ".cfa: $rsp 8 +")
    assert reader.find_cfi(0x14).rules == ".cfa: $rsp 8 + .cfa: $rsp 16 +"
    assert reader.find_cfi(0x2F).rules == ".cfa: $rsp 8 + .cfa: $rsp 16 + $rbx: 1"
    assert reader.find_cfi(0x30) is None
    assert reader.find_cfi(0xF) is None


def test_rules_out_of_order_hold_in_the_order_of_addresses():
    reader = read(cfi(0x10, 0x20, "a: 1", (0x18, "a: 3"), (0x14, "a: 2")))

    assert reader.find_cfi(0x18).rules == "a: 1 a: 2 a: 3"


def test_several_blanks_before_an_address_are_borne():
    reader = read("STACK CFI INIT  10   20  a: 1", "STACK CFI      14 a: 2", "STACK CFI 18")

    assert reader.find_cfi(0x18).rules == "a: 1 a: 2"


@pytest.mark.parametrize("head", ["", MODULE + "\n", "\n", "junk\n"])
def test_a_text_of_nothing_but_records_is_read(head):
    reader = StackRecords(f"{head}{cfi(0x10, 8, 'a: 1')}\n{cfi(0x18, 8, 'a: 2')}".encode())

    assert [reader.find_cfi(address).rules for address in (0x10, 0x18)] == ["a: 1", "a: 2"]


def test_a_part_of_a_text_is_read():
    first, second = cfi(0x10, 8, "a: 1") + "\n", cfi(0x18, 8, "a: 2") + "\n"
    data = (first + second).encode()

    assert StackRecords(data, 0, len(first)).find_cfi(0x18) is None
    assert StackRecords(data, len(first)).find_cfi(0x10) is None
    assert StackRecords(data, len(first)).find_cfi(0x18).rules == "a: 2"


def test_no_text_has_no_records():
    reader = StackRecords(b"")

    assert (reader.find_cfi(0), reader.find_frame_data(0), reader.exists()) == (None, None, False)


def test_the_record_that_begins_last_hides_what_reaches_too_far():
    reader = read(cfi(0x10, 0xFFF, "wrong: 1"), cfi(0x20, 8, "right: 1"), cfi(0x40, 0, "none: 1"))

    assert reader.find_cfi(0x1F).rules == "wrong: 1"
    assert reader.find_cfi(0x20).rules == "right: 1"
    assert reader.find_cfi(0x28) is None
    assert reader.find_cfi(0x40) is None


def test_records_out_of_order_are_found(large):
    starts = [0x500, *range(0x10, 0x400, 0x10)]
    reader = read(*(cfi(start, 8, f"a: {start}") for start in starts))

    for start in starts:
        assert reader.find_cfi(start + 7).rules == f"a: {start}"


def test_too_many_changes_are_not_all_read(monkeypatch):
    monkeypatch.setattr(stack_records, "MAX_DELTAS", 2)
    reader = read(cfi(0, 0x20, "a: 0", (1, "a: 1"), (2, "a: 2"), (3, "a: 3")))

    assert reader.find_cfi(0x1F).rules == "a: 0 a: 1 a: 2"


def test_only_so_many_answers_are_remembered(monkeypatch):
    monkeypatch.setattr(stack_records, "MAX_ANSWERS", 2)
    reader = read(cfi(0, 0x20, "a: 0"))

    assert all(reader.find_cfi(address) for address in range(0x20))
    assert len(reader._answers) == 2


def test_a_frame_data_record_has_all_its_fields():
    record = read("STACK WIN 4 1000 7b 6 1 c a b d 1 $T0 .raSearch =\r").find_frame_data(0x1000)

    assert record == (4, 0x1000, 0x7B, 6, 1, 0xC, 0xA, 0xB, 0xD, "$T0 .raSearch =", False)


@pytest.mark.parametrize(("rest", "allocates"), [("1", True), ("0", False), ("", False)])
def test_an_fpo_record_says_whether_ebp_is_used(rest, allocates):
    record = read(win(0, 0x10, 8, rest)).find_frame_data(0x10)

    assert (record.kind, record.program, record.allocates_base_pointer) == (0, "", allocates)


def test_frame_data_comes_before_fpo_data():
    reader = read(win(4, 0x10, 8, "outer"), win(0, 0x12, 6, "1"), win(0, 0x18, 8, "0"))

    assert [reader.find_frame_data(address).kind for address in (0x10, 0x12, 0x18)] == [4, 4, 0]
    assert reader.find_frame_data(0x20) is None


def test_the_innermost_of_nested_records_is_found():
    reader = read(
        win(4, 0x10, 0x20, "whole"), win(4, 0x11, 0x1F, "pushed"), win(4, 0x13, 2, "short")
    )

    programs = [
        reader.find_frame_data(address).program for address in (0x10, 0x12, 0x14, 0x15, 0x2F)
    ]

    assert programs == ["whole", "pushed", "short", "pushed", "pushed"]


@pytest.mark.parametrize(
    "text",
    [
        win(4, 0x10, 8, "1", flag=0),
        win(0, 0x10, 8, "1", flag=1),
        win(3, 0x10, 8, "1"),
        "STACK WIN 4 10 8 0 0",
        "STACK WIN 4 10 -8 0 0 0 0 0 0 1 x",
        "STACK WIN",
    ],
)
def test_a_damaged_record_is_none(text):
    assert read(text).find_frame_data(0x10) is None


def test_more_records_nested_than_bearable_hide_the_outer_ones():
    outer = win(4, 0, 0x1000, "outer")
    few, many = (
        read(outer, *(win(4, start, 1, "inner") for start in range(1, count)))
        for count in (60, 200)
    )

    assert few.find_frame_data(0x900).program == "outer"
    assert many.find_frame_data(0x900) is None
    assert many.find_frame_data(199).program == "inner"


def test_records_of_a_symbol_file_may_be_read_alone():
    data = build_symbol_file(func(0x10, 8), cfi(0x10, 8, "a: 1"))

    assert StackRecords(data).find_cfi(0x10).rules == "a: 1"


def test_an_answer_is_remembered():
    reader = read(cfi(0, 0x20, "a: 0"))

    assert reader.find_cfi(3) is reader.find_cfi(3)
