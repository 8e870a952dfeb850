"""CPU contexts, chosen by architecture and size."""

import pytest

from crashtool.formats.minidump import context
from crashtool.formats.minidump.dump_source import Location
from crashtool.formats.minidump.file import Minidump
from crashtool.formats.minidump.writer import Block
from tests.synth.minidump import MinidumpBuilder, pack_context

CASES = [
    ("x86", context.X86Context, {"eip": 1, "esp": 2, "ebp": 3}, 4),
    ("x86_64", context.X8664Context, {"rip": 1, "rsp": 2, "rbp": 3}, 8),
    ("arm", context.ArmContext, {"pc": 1, "sp": 2, "r11": 3}, 4),
    ("arm64", context.Arm64Context, {"pc": 1, "sp": 2, "fp": 3, "cpsr": 4}, 8),
    ("arm64", context.Arm64OldContext, {"pc": 1, "sp": 2, "fp": 3, "cpsr": 4}, 8),
]


@pytest.mark.parametrize(("architecture", "layout", "registers", "size"), CASES)
def test_registers_are_read_by_name(architecture, layout, registers, size):
    builder = MinidumpBuilder().add_system("linux", architecture)
    dump = Minidump(builder.add_thread(7, registers=registers, layout=layout).pack())
    found = dump.context(dump.threads[0].context)
    assert (found.architecture, found.size) == (architecture, size)
    places = (found.instruction_pointer, found.stack_pointer, found.frame_pointer)
    assert places == (1, 2, 3)
    assert {name: found.registers[name] for name in registers} == registers
    assert not dump.problems


def context_of(data, architecture="x86_64", *, rva=None):
    builder = MinidumpBuilder().add_system("linux", architecture).add_thread(7)
    record, _, _ = builder.threads[0]
    if rva is not None:
        record = record.replace(context_size=len(data), context_rva=rva)
    builder.threads[0] = (record, None, Block(data) if rva is None else None)
    dump = Minidump(builder.pack())
    return dump, dump.context(dump.threads[0].context)


def test_an_xsave_area_after_the_context_is_no_matter():
    data = pack_context(context.X8664Context, {"rip": 5}) + bytes(1600)
    assert context_of(data)[1].instruction_pointer == 5


def test_a_32_bit_context_in_a_64_bit_dump_is_recognised():
    found = context_of(pack_context(context.X86Context, {"eip": 5}))[1]
    assert (found.architecture, found.instruction_pointer) == ("x86", 5)


def test_a_context_of_no_known_size_is_noted():
    dump, found = context_of(b"xx")
    assert found is None
    assert dump.problems[0].sentence == "a context of 2 bytes, of no known kind"


def test_an_architecture_not_known_here_has_no_context():
    dump, found = context_of(bytes(100), "mips")
    assert found is None
    assert not dump.problems


def test_a_context_past_the_end_is_noted():
    dump, found = context_of(bytes(1232), rva=0xFFFFFFF0)
    assert found is None
    assert dump.problems[0].sentence == "a context ends after the file"


@pytest.mark.parametrize("place", [(0, 100), (1232, 0)])
def test_an_absent_context_is_none(place):
    dump = Minidump(MinidumpBuilder().add_system().pack())
    assert dump.context(Location(*place)) is None
    assert not dump.problems


def test_the_flags_say_which_registers_are_valid():
    data = context.X8664Context(flags=0x10001F, rip=1).pack()
    assert context_of(data)[1].flags == 0x10001F
