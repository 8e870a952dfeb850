"""Snapshots packed and read again."""

from uuid import UUID

import pytest

from crashtool.formats.minidump import linux_streams
from crashtool.formats.minidump.context import X86Context, X8664Context
from crashtool.formats.minidump.crashpad_info import CrashpadInfo
from crashtool.formats.minidump.file import Minidump
from crashtool.formats.minidump.snapshot import (
    ExceptionSnapshot,
    MemorySnapshot,
    ModuleSnapshot,
    ProcessSnapshot,
    SystemSnapshot,
    ThreadSnapshot,
    TimeZone,
    pack_snapshot,
)

REPORT, CLIENT = UUID(int=1), UUID(int=2)
STACK = MemorySnapshot(0x7FFF0000, b"stack" * 20)
CONTEXT = X8664Context(flags=0x10001F, rip=0x401000, rsp=STACK.start)


def snapshot(**changes):
    base = ProcessSnapshot(
        process_id=77,
        taken=1_800_000_000,
        created=1_799_999_000,
        user_time=3,
        system_time=4,
        machine=SystemSnapshot("x86_64", (6, 1, 55), "-13-amd64 #1", "Linux 6.1.55", 300),
        zone=TimeZone(-60, "CET", "CEST", is_daylight=True),
        threads=[
            ThreadSnapshot(77, "game", CONTEXT, STACK, 0x1234),
            ThreadSnapshot(78, "日本", CONTEXT, None),
        ],
        exception=ExceptionSnapshot(77, 6, -6, 0, (77, 1000, 0), CONTEXT),
        modules=[
            ModuleSnapshot("/opt/game", 0x400000, 0x5000, bytes(range(20)), is_program=True),
            ModuleSnapshot("/opt/libplain.so", 0x600000, 0x1000, b""),
        ],
        memory=[MemorySnapshot(0x500000, b"heap")],
        crashpad=CrashpadInfo(1, REPORT, CLIENT, (("prod", "Game"),), (), 0),
        texts={linux_streams.COMMAND_LINE: b"/opt/game\0--level\0"},
        writer="crashtool.amd64,0.1.0,linux",
        comment="Written by a test.",
    )
    return base._replace(**changes)


@pytest.fixture
def reopen(tmp_path):
    def pack(value):
        path = tmp_path / "made.dmp"
        path.write_bytes(b"".join(pack_snapshot(value)))
        return Minidump.open(path)

    return pack


def test_everything_comes_back(reopen):
    with reopen(snapshot()) as dump:
        assert dump.problems == []
        assert dump.misc.process_id == 77
        assert dump.misc.debug_build_string == "crashtool.amd64,0.1.0,linux"
        assert dump.system.version == "6.1.55"
        assert dump.system.architecture == "x86_64"
        assert dump.system.cpu_count == 255  # one byte
        assert [(one.id, one.name) for one in dump.threads] == [(77, "game"), (78, "日本")]
        assert dump.threads[0].stack_start == STACK.start
        assert dump.threads[1].stack.size == 0
        assert dump.context(dump.threads[1].context).instruction_pointer == 0x401000
        assert (dump.exception.code, dump.exception.flags) == (6, 2**32 - 6)
        assert tuple(dump.exception.parameters) == (77, 1000, 0)
        assert dump.modules[0].name == "/opt/game"
        assert dump.modules[0].code_id == bytes(range(20)).hex()
        assert dump.modules[1].debug_id is None
        assert dump.crashpad.report_id == REPORT
        assert dump.crashpad.annotations == (("prod", "Game"),)
        assert dump.linux.command_line == ("/opt/game", "--level")
        assert "Written by a test." in dump.comments


def test_threads_on_one_stack_are_one_range(reopen):
    """As after vfork: readers drop ranges that overlap."""
    shared = [ThreadSnapshot(number, "", CONTEXT, STACK) for number in (77, 78)]

    with reopen(snapshot(threads=shared)) as dump:
        assert dump.problems == []
        assert [one.stack.size for one in dump.threads] == [100, 100]
        assert [(one.start, one.size) for one in dump.memory.ranges] == [
            (0x500000, 4),
            (STACK.start, 100),
        ]


def test_a_process_that_did_not_crash_has_no_exception(reopen):
    with reopen(snapshot(exception=None)) as dump:
        assert dump.exception is None
        assert len(dump.threads) == 2


def test_a_32_bit_process_names_its_processors_maker(reopen):
    machine = SystemSnapshot("x86", (6, 1, 55), "", "", 2, b"GenuineIntel", 6, 0xA701)
    context = X86Context(flags=0x1003F, eip=0x401000, esp=0x7FFF0000)
    threads = [ThreadSnapshot(77, "game", context, None)]

    with reopen(snapshot(machine=machine, threads=threads)) as dump:
        assert dump.system.architecture == "x86"
        assert "GenuineIntel" in dump.system.cpu_info
        assert dump.context(dump.threads[0].context).instruction_pointer == 0x401000


def test_texts_that_are_too_long_for_their_buffers_are_cut(reopen):
    with reopen(snapshot(writer="w" * 100)) as dump:
        assert dump.misc.debug_build_string == "w" * 39
