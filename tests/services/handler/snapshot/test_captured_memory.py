import sys

import pytest

if sys.platform != "linux":
    pytest.skip("needs Linux", allow_module_level=True)

from crashtool.formats.minidump.snapshot import MemorySnapshot
from crashtool.services.handler.process.target import MemoryMapping
from crashtool.services.handler.snapshot.captured_memory import (
    LEAST_OF_A_STACK,
    MAX_OF_A_STACK,
    OTHER_STACKS,
    REFERENCED,
    MemoryMap,
    capture_interrupted,
    capture_referenced,
    capture_stack,
    list_words,
    share_of_a_stack,
)

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
        (0x10000, 0x10104),
        (0x40000, 0x40190),
        (0x17FF70, 0x180000),
    ]


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


SIGNAL_STACK = MemoryMapping(0x300000, 0x310000, "rw-p", "")
SEGMENTS = bytes.fromhex("3300 0000 0000 2b00")


def put_context(data, offset, pointer):
    """As the kernel leaves the interrupted registers: the stack pointer, two words, segments."""
    data[offset : offset + 32] = pointer.to_bytes(8, "little") + bytes(16) + SEGMENTS


@pytest.fixture
def signalled():
    """signalled({address: pointer}) -> the memory with interrupted registers at these addresses."""

    def make(contexts):
        data = {one: bytearray(one.end - one.start) for one in (STACK, HEAP, SIGNAL_STACK)}
        for address, pointer in contexts.items():
            mapping = next(one for one in data if one.start <= address < one.end)
            put_context(data[mapping], address - mapping.start, pointer)

        def read_there(address, size):
            mapping = next(one for one in data if one.start <= address < one.end)
            return bytes(data[mapping][address - mapping.start :][:size])

        return MemoryMap([*data, GUARD, CODE], read_there)

    return make


def spans(parts):
    return [(part.start, part.end) for part in parts]


def test_what_a_signal_interrupted_on_another_stack_is_taken(signalled):
    memory = signalled({0x308000: 0x1F0000})
    stack, _ = capture_stack(memory, 0x307000, 8, 1 << 20)

    interrupted = capture_interrupted(memory, stack, 8, 1 << 20)

    assert spans(interrupted) == [(0x1F0000 - 128, 0x200000)]


def test_a_handler_that_another_one_interrupted_leads_on(signalled):
    memory = signalled({0x308000: 0x70000, 0x78000: 0x1F0000})
    stack, _ = capture_stack(memory, 0x307000, 8, 1 << 20)

    interrupted = capture_interrupted(memory, stack, 8, 1 << 20)

    assert spans(interrupted) == [(0x70000 - 128, 0x80000), (0x1F0000 - 128, 0x200000)]


def test_a_handler_on_the_same_stack_needs_no_more_memory(signalled):
    memory = signalled({0x180000: 0x190000})
    stack, _ = capture_stack(memory, 0x178000, 8, 1 << 20)

    assert capture_interrupted(memory, stack, 8, 1 << 20) == []


def test_an_interrupted_stack_around_the_handlers_is_taken_once(signalled):
    memory = signalled({0x308000: 0x301000})
    stack, _ = capture_stack(memory, 0x307000, 8, 1 << 20)

    assert spans(capture_interrupted(memory, stack, 8, 1 << 20)) == [(0x301000 - 128, stack.start)]


def test_interrupted_stacks_are_bounded(signalled):
    memory = signalled({0x308000: 0x1F0000, 0x309000: 0x70000})
    stack, _ = capture_stack(memory, 0x307000, 8, 1 << 20)

    parts = capture_interrupted(memory, stack, 8, 0x1000)

    assert spans(parts) == [(0x1F0000 - 128, 0x1F0800 - 128), (0x1FF800, 0x200000)]
    assert capture_interrupted(memory, stack, 8, 0) == []
    assert capture_interrupted(memory, None, 8, 0x1000) == []


def test_what_leads_nowhere_interrupted_no_stack(signalled):
    memory = signalled({0x308001: 0x1F0000, 0x309000: 0x12345678, 0x30A000: 1 << 63})
    stack, _ = capture_stack(memory, 0x307000, 8, 1 << 20)

    assert capture_interrupted(memory, stack, 8, 1 << 20) == []
