"""Whatever the bytes, only a CrashtoolError or a recorded problem comes out, soon."""

import random
import time
import tracemalloc

import pytest

from crashtool.errors import CrashtoolError
from crashtool.formats.minidump import linux_streams, streams, structs
from crashtool.formats.minidump.file import Minidump
from crashtool.formats.minidump.memory import MemoryRanges
from crashtool.formats.minidump.writer import Block, pack_pairs
from tests.synth.minidump import full_dump, write_minidump

FULL = full_dump().pack()
READABLE = {number: kind for number, kind in streams.STREAMS.items() if kind.reader}
TEXTS = {
    streams.COMMENT_A,
    streams.COMMENT_W,
    streams.MAC_CRASH_INFO,
    *range(linux_streams.CPU_INFO, linux_streams.DSO_DEBUG + 1),
}
"""Streams that hold as much as they hold: a shorter one is not damaged."""
ALL_ONES = b"\xff\xff\xff\xff"
MAX_SECONDS = 5  # of processor time; about two are used
MAX_MEMORY = 200 << 20


def read_everything(data):
    """All that a dump can be asked for; None when it is refused as a whole."""
    try:
        dump = Minidump(data)
    except CrashtoolError:
        return None
    for stream_type in streams.STREAMS:
        dump.find_stream(stream_type)
    for thread in dump.threads:
        dump.context(thread.context)
        dump.memory.read(thread.stack_start, thread.stack.size)
    if dump.exception:
        dump.context(dump.exception.context)
    for found in dump.memory.ranges[:100]:
        dump.memory.read(found.start, found.size)
    return dump


WHOLE = read_everything(FULL)


def places():
    return {number: WHOLE.find_place(number) for number in READABLE}


def assert_told(dump):
    """What is wrong with a dump has words, and a place if it is known."""
    for problem in dump.problems:
        assert problem.sentence
        assert problem.sentence.isprintable(), problem
        assert problem.offset is None or problem.offset >= 0, problem


def is_as_whole(dump, number):
    return content_of(dump, number) == content_of(WHOLE, number)


def content_of(dump, number):
    found = dump.find_stream(number)
    return list(found) if isinstance(found, MemoryRanges) else found


def assert_most_as_whole(dumps):
    """Damage here and there: what it did not hit is answered."""
    answers = [is_as_whole(dump, number) for dump in dumps for number in READABLE]
    assert sum(answers) > 0.75 * len(answers)


def with_directory(change):
    """The full dump with each directory entry as `change` makes it."""
    entries = [change(entry) for entry in Minidump(FULL).directory]
    start = structs.MinidumpHeader.SIZE
    packed = b"".join(entry.pack() for entry in entries)
    return FULL[:start] + packed + FULL[start + len(packed) :]


@pytest.mark.parametrize("number", READABLE, ids=lambda number: READABLE[number].name)
def test_a_stream_cut_at_every_byte_gives_a_problem_or_less(number):
    place = places()[number]
    for size in range(place.size):
        data = with_directory(
            lambda entry, size=size: (
                entry.replace(size=size) if entry.stream_type == number else entry
            )
        )
        dump = read_everything(data)
        assert dump.problems or not is_as_whole(dump, number) or number in TEXTS


@pytest.mark.parametrize("number", READABLE, ids=lambda number: READABLE[number].name)
def test_any_word_of_a_stream_may_be_all_ones(number):
    place = places()[number]
    for offset in range(place.rva, place.rva + min(place.size, 256) - 3, 2):
        dump = read_everything(FULL[:offset] + ALL_ONES + FULL[offset + 4 :])
        assert_told(dump)
        for other, found in places().items():
            is_hit = found.rva < offset + 4 and offset < found.rva + found.size
            if not is_hit and number != streams.SYSTEM_INFO:  # which says how to read others
                assert is_as_whole(dump, other), READABLE[other].name


@pytest.mark.parametrize("number", READABLE, ids=lambda number: READABLE[number].name)
def test_a_count_of_all_ones_is_noted_with_its_place(number):
    place = places()[number]
    is_counted = READABLE[number].name.endswith(("List", "Names", "HandleData"))
    offsets = {"MemoryInfoList": 8, "UnloadedModuleList": 8, "ThreadInfoList": 8, "HandleData": 8}
    offset = place.rva + offsets.get(READABLE[number].name, 0)
    dump = read_everything(FULL[:offset] + ALL_ONES + FULL[offset + 4 :])
    if is_counted:
        assert any(problem.offset == place.rva for problem in dump.problems)
        assert any("entries fit" in problem.sentence for problem in dump.problems)


def test_a_file_cut_anywhere_is_refused_or_read_in_part():
    for size in range(0, len(FULL), 7):
        dump = read_everything(FULL[:size])
        assert dump is None or dump.problems


def test_every_stream_may_stand_where_any_other_does():
    rows = [entry for entry in Minidump(FULL).directory if entry.size]
    for number in READABLE:
        for row in rows:
            entry = structs.Directory(stream_type=number, size=row.size, rva=row.rva)
            dump = read_everything(with_directory(lambda _, entry=entry: entry))
            assert_told(dump)
            assert dump.problems, "one stream many times over"


def test_random_damage_never_breaks_the_reader():
    dumps = []
    chance = random.Random(20240229)  # noqa: S311 - the same damage each time
    for _ in range(400):
        data = bytearray(FULL)
        for _ in range(chance.randrange(1, 30)):
            place = chance.randrange(4, len(data))
            data[place] = chance.choice((0, 1, 0x7F, 0x80, 0xFF, chance.randrange(256)))
        dumps.append(read_everything(bytes(data)))
        assert_told(dumps[-1])
    assert_most_as_whole(dumps)


def test_random_damage_to_headers_never_breaks_the_reader():
    dumps = []
    chance = random.Random(7)  # noqa: S311 - the same damage each time
    end = structs.MinidumpHeader.SIZE + structs.Directory.SIZE * len(Minidump(FULL).directory)
    for _ in range(400):
        data = bytearray(FULL)
        for _ in range(chance.randrange(1, 6)):
            place = chance.randrange(4, end)
            data[place] = chance.randrange(256)
        dumps.append(read_everything(bytes(data)))
        assert_told(dumps[-1])
    assert_most_as_whole(dumps)


MEGABYTE = 1 << 20


def many_modules_with_one_giant_name():
    """30,000 modules whose names overlap in one area, each 60 KiB and at another offset."""
    names = b"".join(structs.Count(entry_count=60_000).pack() for _ in range(60_000))
    count = 30_000
    start = (
        structs.MinidumpHeader.SIZE + structs.Directory.SIZE + 4 + count * structs.ModuleRecord.SIZE
    )
    rows = b"".join(
        structs.ModuleRecord(base=n, size=1, name_rva=start + 4 * n).pack() for n in range(count)
    )
    block = Block(structs.Count(entry_count=count).pack() + rows + names)
    return write_minidump([(streams.MODULE_LIST, block)])


def many_pairs_in_many_modules():
    """8,000 annotated modules that all refer to one dictionary of 1,000 pairs."""
    block = Block(structs.CrashpadInfoRecord(version=1).pack())
    modules = Block(structs.Count(entry_count=8_000).pack())
    module = Block(structs.ModuleCrashpadInfo(version=1).pack())
    module.link(12, pack_pairs((("key", "value"),) * 1_000), structs.LocationRecord)
    for _ in range(8_000):
        offset = modules.add(structs.ModuleLink().pack())
        modules.link(offset + 4, module, structs.LocationRecord)
    block.link(44, modules, structs.LocationRecord)
    return write_minidump([(streams.CRASHPAD_INFO, block)])


def many_memory_ranges():
    rows = b"".join(
        structs.MemoryDescriptor(start=n * 7919 % 65521, size=0xFFFFFFFF, rva=n).pack()
        for n in range(100_000)
    )
    return write_minidump(
        [(streams.MEMORY_LIST, Block(structs.Count(entry_count=100_000).pack() + rows))]
    )


def many_handles_with_one_giant_name():
    name = Block(structs.Count(entry_count=60_000).pack() + bytes(60_000))
    block = Block(structs.HandleHeader(header_size=16, entry_size=32, entry_count=20_000).pack())
    for number in range(20_000):
        offset = block.add(structs.HandleDescriptor(handle=number).pack())
        block.link(offset + 8, name)
    return write_minidump([(streams.HANDLE_DATA, block)])


def texts_of_many_lines():
    text = Block(b"a:b\n" * (4 * MEGABYTE))
    texts = (
        linux_streams.MAPS,
        linux_streams.CPU_INFO,
        linux_streams.PROC_STATUS,
        linux_streams.ENVIRON,
        linux_streams.COMMAND_LINE,
    )
    return write_minidump([(number, text) for number in texts])


def threads_by_the_million():
    rows = bytes(structs.ThreadRecord.SIZE * 140_000)
    return write_minidump(
        [(streams.THREAD_LIST, Block(structs.Count(entry_count=140_000).pack() + rows))]
    )


FLOODS = [
    many_modules_with_one_giant_name,
    many_pairs_in_many_modules,
    many_memory_ranges,
    many_handles_with_one_giant_name,
    texts_of_many_lines,
    threads_by_the_million,
]


@pytest.mark.slow
@pytest.mark.parametrize("make", FLOODS, ids=lambda make: make.__name__)
def test_a_flood_costs_little_time_and_memory(make):
    data = make()
    start = time.process_time()
    dump = read_everything(data)
    assert time.process_time() - start < MAX_SECONDS
    assert dump.problems or make is many_memory_ranges
    assert measure_peak(data) < MAX_MEMORY


def measure_peak(data):
    """The most memory, in bytes, that reading takes at once."""
    tracemalloc.start()
    try:
        read_everything(data)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
