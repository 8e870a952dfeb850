import pytest

from crashtool.formats.minidump.snapshot import MemorySnapshot
from crashtool.services.handler.captured_memory import (
    LEAST_OF_A_STACK,
    MAX_OF_A_STACK,
    OTHER_STACKS,
    REFERENCED,
    MemoryMap,
    capture_referenced,
    capture_stack,
    list_words,
    share_of_a_stack,
)
from crashtool.services.handler.target import MemoryMapping

STACK = MemoryMapping(0x100000, 0x200000, "rw-p", "[stack]")
GUARD = MemoryMapping(0xFF000, 0x100000, "---p", "")
CODE = MemoryMapping(0x10000, 0x20000, "r-xp", "/bin/game")
DEVICE = MemoryMapping(0x30000, 0x40000, "rw-s", "/dev/dri/card0")
HEAP = MemoryMapping(0x40000, 0x80000, "rw-p", "[heap]")


def read(address, size):
    return bytes(size) if address < 1 << 32 else b""


@pytest.fixture
def memory():
    return MemoryMap([HEAP, STACK, GUARD, CODE, DEVICE], read)


def test_a_stack_begins_below_its_pointer_by_the_red_zone(memory):
    stack, far = capture_stack(memory, 0x180000, 8, 1 << 20)

    assert (stack.start, stack.end, far) == (0x180000 - 128, 0x200000, None)


def test_a_32_bit_stack_has_no_red_zone(memory):
    assert capture_stack(memory, 0x180000, 4, 1 << 20)[0].start == 0x180000


@pytest.mark.parametrize("pointer", [0xFFF00, 0xFF010])
def test_a_stack_that_was_overflowed_is_taken_whole(memory, pointer):
    stack, _ = capture_stack(memory, pointer, 8, 1 << 20)

    assert (stack.start, stack.end) == (0x100000, 0x200000)


def test_a_pointer_that_leads_nowhere_has_no_stack(memory):
    assert capture_stack(memory, 0x80000000, 8, 1 << 20) == (None, None)
    assert capture_stack(memory, 1 << 63, 8, 1 << 20) == (None, None)


def test_a_long_stack_keeps_both_ends(memory):
    near, far = capture_stack(memory, 0x110000, 8, 0x10000)

    assert (near.start, near.end) == (0x110000 - 128, 0x118000 - 128)
    assert (far.start, far.end) == (0x1F8000, 0x200000)


def test_a_stack_that_the_kernel_split_goes_on():
    parts = [MemoryMapping(0x100000, 0x180000, "rw-p", "[stack]"), STACK._replace(start=0x180000)]

    stack, _ = capture_stack(MemoryMap(parts, read), 0x170000, 8, 1 << 20)

    assert stack.end == 0x200000


def test_what_is_pointed_at_is_cut_at_its_mapping_and_at_what_is_taken(memory):
    taken = [MemorySnapshot(0x180000, bytes(0x80000))]

    found = capture_referenced(memory, [0x40010, 0x17FFF0, 0x180010], [0x10004], taken)

    assert [(one.start, one.end) for one in found] == [
        (0x10000, 0x10104), (0x40000, 0x40190), (0x17FF70, 0x180000),
    ]  # fmt: skip


def test_devices_and_what_cannot_be_read_are_left_alone(memory):
    assert capture_referenced(memory, [0x30010, 0xFF010, 0, 1 << 63], [0xDEAD], []) == []


def test_what_is_pointed_at_is_bounded():
    large = MemoryMap([MemoryMapping(1 << 20, 1 << 31, "rw-p", "")], read)

    found = capture_referenced(large, range(1 << 21, 1 << 30, 1 << 12), [], [])

    assert 0 < sum(len(one.data) for one in found) <= REFERENCED + 512


@pytest.mark.parametrize("count", [0, 1, 24, 1000, 100_000])
def test_the_share_of_a_stack_is_bounded(count):
    share = share_of_a_stack(count)

    assert LEAST_OF_A_STACK <= share <= MAX_OF_A_STACK
    assert share * count <= max(OTHER_STACKS, LEAST_OF_A_STACK * count)


def test_no_stack_is_taken_where_nothing_is_left(memory):
    assert capture_stack(memory, 0x180000, 8, 0) == (None, None)


def test_words_of_a_stack_are_as_wide_as_its_program():
    stack = MemorySnapshot(0, b"\1\0\0\0\2\0\0\0\3")

    assert list_words(stack, 8) == [0x200000001]
    assert list_words(stack, 4) == [1, 2]
    assert list_words(None, 8) == []
