"""How a Windows process was started, from memory that may say anything."""

import random

import pytest

from crashtool.formats.minidump.file import Minidump
from crashtool.formats.minidump.process_parameters import (
    MAX_ENVIRONMENT,
    ProcessParameters,
    read_process_parameters,
)
from tests.synth.minidump import MinidumpBuilder
from tests.synth.process_parameters import (
    ENVIRONMENT,
    NARROW,
    PARAMETERS,
    PEB,
    TEB,
    TEXTS,
    WIDE,
    add_process_parameters,
    environment_block,
)


def read(builder, *tebs):
    dump = Minidump(builder.pack())
    return read_process_parameters(dump.memory, tebs or (TEB,))


def build(layout=WIDE, **pieces):
    return add_process_parameters(MinidumpBuilder(), layout, **pieces)


@pytest.mark.parametrize("layout", [NARROW, WIDE], ids=["x86", "x64"])
def test_the_parameters_are_read_in_both_widths(layout):
    block = environment_block("=C:=C:\\app", "PATH=C:\\Windows", "USER=é")

    found = read(build(layout, command='"C:\\app.exe" -v 日本', environment=block))

    assert found == ProcessParameters("C:\\app.exe", '"C:\\app.exe" -v 日本', "C:\\", 3)


def test_a_teb_of_either_width_leads_on_whatever_the_processor_says():
    """A WOW64 process has both; writers note one or the other."""
    builder = MinidumpBuilder().add_system("windows", "x86")
    add_process_parameters(builder, WIDE, command="C:\\Windows\\SysWOW64\\app.exe")

    assert read(builder).command_line == "C:\\Windows\\SysWOW64\\app.exe"


def test_the_first_teb_in_the_dump_is_taken():
    assert read(build(), 0, 0x1234000, TEB).command_line == "app.exe"


def test_a_teb_that_does_not_point_to_itself_is_none():
    assert read(build(), TEB + 8) is None


def test_an_endless_list_of_threads_is_not_walked_to_its_end():
    def tebs():
        for number in range(1, 1000):
            assert number < 100
            yield number

    dump = Minidump(build().pack())
    assert read_process_parameters(dump.memory, tebs()) is None


@pytest.mark.parametrize("piece", ["teb", "peb", "parameters"])
def test_nothing_is_said_when_the_way_is_broken(piece):
    assert read(build(without=[piece])) is None


def test_a_text_that_is_not_in_the_dump_is_not_known_and_the_others_are():
    found = read(build(without=["text 0"]))

    assert found == ProcessParameters("C:\\app.exe", None, "C:\\", None)


def test_an_empty_text_is_empty():
    assert read(build(command="")).command_line == ""


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"a\0\x00\xd8b\0", "a\ufffdb"),
        (b"\xff\xfea\0", "a"),
        (b"\xfe\xffa\0", "a"),
        (b"a\0\0\0b\0", "a"),
    ],
    ids=["half a pair", "byte order mark", "the other mark", "NUL"],
)
def test_text_that_is_no_text_is_read_as_far_as_it_is(raw, text):
    assert read(build(command=raw)).command_line == text


@pytest.mark.parametrize("size", [3, 0xFFFF])
def test_a_length_that_cannot_be_is_no_text(size):
    builder = build()
    raw = bytearray(builder.pack())
    head = (14).to_bytes(2, "little") + (16).to_bytes(2, "little")
    assert raw.count(head) == 1
    at = raw.find(head)
    raw[at : at + 2] = size.to_bytes(2, "little")

    found = read_process_parameters(Minidump(bytes(raw)).memory, [TEB])

    assert found.command_line is None
    assert found.image_path == "C:\\app.exe"


def test_texts_may_share_their_memory():
    """The memory of one may be cut in another's: the library would fail on half a pair."""
    builder = build(command="\U0001f600" * 4, image="\U0001f600" * 2)

    assert read(builder).image_path == "\U0001f600" * 2


@pytest.mark.parametrize(
    ("block", "count"),
    [
        (environment_block(), 0),
        (environment_block("A=1", "B=2"), 2),
        (environment_block("A=1", "Ā=Ā" * 100, "B="), 3),
        (environment_block(*(f"V{number}={'x' * 300}" for number in range(500))), 500),
        ("A=1\0B=2\0".encode("utf-16-le"), None),
        (b"A\0=\0", None),
    ],
    ids=["empty", "two", "letters with zeros", "long", "no end", "cut"],
)
def test_variables_are_counted_when_all_are_there(block, count):
    assert read(build(environment=block)).environment_count == count


def test_an_environment_without_end_is_not_searched_for_ever(monkeypatch):
    memory = Minidump(build(environment=b"a\0" * (1 << 21)).pack()).memory
    sizes = []
    read_memory = memory.read

    def counted(address, size):
        sizes.append(size)
        return read_memory(address, size)

    monkeypatch.setattr(memory, "read", counted)

    assert read_process_parameters(memory, [TEB]).environment_count is None
    assert sum(sizes) < 2 * MAX_ENVIRONMENT


def test_pointers_that_lead_in_a_circle_end():
    """A TEB that is its own PEB and its own parameters: all its texts are empty."""
    data = TEB.to_bytes(8, "little") * 160

    found = read(MinidumpBuilder().add_memory(TEB, data))

    assert found == ProcessParameters("", "", "", 0)


@pytest.mark.parametrize("seed", range(40))
def test_flipped_bytes_are_survived(seed):
    chance = random.Random(seed)  # noqa: S311 (no secrets)
    data = bytearray(build(environment=environment_block("A=1")).pack())
    for _ in range(30):
        data[chance.randrange(32, len(data))] = chance.randrange(256)

    memory = Minidump(bytes(data)).memory

    found = read_process_parameters(memory, [TEB])
    assert found is None or isinstance(found, ProcessParameters)
    for place in (PEB, PARAMETERS, TEXTS, ENVIRONMENT):
        read_process_parameters(memory, [place])
