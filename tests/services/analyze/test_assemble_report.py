from uuid import UUID

import pytest

from crashtool.formats.minidump import linux_streams
from crashtool.formats.minidump.breakpad_structs import AssertionRecord, BreakpadInfoRecord
from crashtool.formats.minidump.crashpad_info import (
    AnnotationObject,
    CrashpadInfo,
    ModuleAnnotations,
)
from crashtool.formats.minidump.file import Minidump
from crashtool.formats.minidump.streams import ASSERTION_INFO, BREAKPAD_INFO, MAC_CRASH_INFO
from crashtool.formats.minidump.writer import Block
from crashtool.model.crash import UnloadedHit
from crashtool.services.analyze.assemble_report import MAX_THREADS, analyze
from crashtool.services.analyze.module_map import MAX_OVERLAPPING
from tests.synth.minidump import MinidumpBuilder, full_dump, rsds, wide

CODE, STACK = 0x401000, 0x7000
REPORT_ID, CLIENT_ID = UUID(int=1), UUID(int=2)


def report_of(builder):
    return analyze(Minidump(builder.pack()), "crash.dmp")


def linux_crash(*, registers=None, stack=(STACK, bytes(64)), address=0, modules=True, **exception):
    registers = {"rip": CODE, "rsp": STACK} | (registers or {})
    builder = MinidumpBuilder().add_system("linux", "x86_64")
    builder.add_thread(7, registers=registers, stack=stack)
    if modules:
        builder.add_module("/opt/game/bin/game", 0x400000, 0x2000, build_id=bytes(range(20)))
    values = {"code": 11, "flags": 1} | exception
    return builder.set_exception(7, address=address, **values)


def crashpad(*modules, process=(), **fields):
    return CrashpadInfo(1, REPORT_ID, CLIENT_ID, process, modules, fields.get("mask", 0))


def hints(builder):
    return " | ".join(report_of(builder).crash.hints)


def test_a_crash_names_its_thread_frame_and_module():
    report = report_of(linux_crash(address=0x45))
    assert report.crash.reason.name == "SIGSEGV / SEGV_MAPERR"
    assert report.crashing_thread == 0
    frame = report.crashed_thread.frames[0]
    assert (frame.trust, frame.module.name, frame.module_offset) == ("context", "game", 0x1000)
    assert report.crash.frame == frame
    assert not report.problems


def test_the_exceptions_context_is_preferred_to_the_threads_own():
    builder = linux_crash().set_exception(7, 11, registers={"rip": 0x401777, "rsp": STACK})
    assert report_of(builder).crashed_thread.frames[0].instruction == 0x401777


def test_without_an_exception_the_thread_that_asked_breakpad_counts():
    info = BreakpadInfoRecord(validity=3, dump_thread_id=8, requesting_thread_id=9)
    builder = MinidumpBuilder().add_system("windows", "x86").add_stream(BREAKPAD_INFO, info.pack())
    builder.add_thread(8, registers={"eip": 1}).add_thread(9, registers={"eip": 2})
    report = report_of(builder)
    assert report.crash is None
    assert report.crashing_thread == 1
    assert report.writer == "Breakpad"


def test_a_snapshot_has_neither_crash_nor_crashed_thread():
    builder = MinidumpBuilder().add_system().add_thread(7, registers={"rip": CODE})
    report = report_of(builder)
    assert report.crash is None
    assert report.crashed_thread is None


def test_an_exception_of_a_thread_that_is_not_there_still_has_its_frame():
    builder = linux_crash().set_exception(99, 11, registers={"rip": CODE, "rsp": STACK})
    report = report_of(builder)
    assert report.crashing_thread is None
    assert report.crash.frame.module.name == "game"
    assert "99" in report.problems[-1].sentence
    assert not report.is_damaged


def test_registers_that_are_not_there_are_told_from_those_that_cannot_be_read():
    builder = MinidumpBuilder().add_system("linux", "x86_64").add_thread(7)
    assert "holds no registers" in report_of(builder).threads[0].note
    record, memory, _ = builder.threads[0]
    builder.threads[0] = (record, memory, Block(bytes(10)))
    assert "cannot be read" in report_of(builder).threads[0].note


def test_an_access_below_the_stack_pointer_without_stack_is_an_overflow():
    builder = linux_crash(address=STACK + 0x10000 - 8, registers={"rsp": STACK + 0x10000})
    assert hints(builder).startswith("probably a stack overflow: the access is 8 bytes below")
    builder = linux_crash(address=STACK + 0x10000, registers={"rsp": STACK + 0x10000})
    assert "the access is at the stack pointer" in hints(builder)


def test_an_access_within_the_stack_is_no_overflow():
    assert hints(linux_crash(address=STACK - 8)) == ""


def test_a_signal_that_was_sent_gives_no_hint_about_its_sender():
    assert hints(linux_crash(address=4711, flags=0).set_crashpad(crashpad())) == ""


@pytest.mark.parametrize(("address", "pointer"), [(0, "a null pointer"), (0x12345678, "a bad")])
def test_a_jump_to_nowhere_is_a_bad_call(address, pointer):
    found = hints(linux_crash(address=address, registers={"rip": address}))
    assert f"a call through {pointer}" in found
    assert "no module" not in found


def test_a_jump_into_data_of_a_module_is_told():
    assert "cannot be executed" in hints(linux_crash(address=CODE, flags=2))


def test_code_in_no_module_may_be_generated():
    assert "generated code" in hints(linux_crash(registers={"rip": 0x900000}, address=0x45))


def test_a_dump_without_modules_says_so():
    assert "the dump lists no modules" in hints(linux_crash(modules=False, address=0x45))


def test_a_missing_stack_is_told_and_a_stack_pointer_elsewhere():
    assert "holds no stack memory" in hints(linux_crash(stack=None, address=0x45))
    elsewhere = linux_crash(registers={"rsp": 0x123450}, address=0x45)
    assert "outside of the stack" in hints(elsewhere)


def windows_crash(access=1, address=0x45, instruction=CODE):
    return (
        MinidumpBuilder()
        .add_system("windows", "x86_64")
        .add_thread(7, registers={"rip": instruction, "rsp": STACK}, stack=(STACK, bytes(64)))
        .add_module("C:\\Games\\game.exe", 0x400000, 0x2000, codeview=rsds(bytes(range(16))))
        .add_unloaded_module("C:\\plug.dll", 0x800000, 0x1000, timestamp=1)
        .add_unloaded_module("C:\\plug.dll", 0x800000, 0x1000, timestamp=2)
        .set_exception(7, 0xC0000005, instruction, parameters=(access, address))
    )


def test_code_of_an_unloaded_module_is_named():
    report = report_of(windows_crash(instruction=0x800123, access=8, address=0x800123))
    assert report.crash.frame.unloaded == (UnloadedHit("plug.dll", 0x123),)
    assert any("plug.dll, now unloaded" in hint for hint in report.crash.hints)


def test_a_write_into_a_module_is_told_and_a_read_is_not():
    assert "the write went into game.exe itself" in hints(windows_crash(address=0x401500))
    assert hints(windows_crash(access=0, address=0x401500)) == ""


def test_a_requested_dump_has_no_hints():
    builder = windows_crash().set_exception(7, 0x0517A7ED, CODE)
    report = report_of(builder)
    assert not report.crash.reason.is_crash
    assert report.crash.hints == ()


def test_the_last_error_of_a_windows_thread_is_in_its_environment_block():
    teb = 0x90000
    builder = MinidumpBuilder().add_system("windows", "x86_64")
    builder.add_thread(7, registers={"rip": CODE}, teb=teb).add_thread(8, teb=0x1230000)
    builder.add_memory(teb, bytes(0x68) + (5).to_bytes(4, "little"))
    assert [thread.last_error for thread in report_of(builder).threads] == [5, None]


def test_an_assertion_is_told_unless_it_is_empty():
    record = AssertionRecord(
        expression=wide("x > 0", 256),
        function=wide("f", 256),
        file=wide("d:\\a.c", 256),
        line=12,
        type=1,
    )
    report = report_of(windows_crash().add_stream(ASSERTION_INFO, record.pack()))
    assertion = report.crash.assertion
    assert (assertion.kind, assertion.expression, assertion.line) == (
        "invalid parameter",
        "x > 0",
        12,
    )
    empty = windows_crash().add_stream(ASSERTION_INFO, AssertionRecord().pack())
    assert report_of(empty).crash.assertion is None


def test_annotations_keep_their_kind_and_the_first_of_a_name_wins():
    module = ModuleAnnotations(
        0,
        ("said by the runtime",),
        (("ver", "9"), ("channel", "beta"), ("long", "x" * 255)),
        (
            AnnotationObject("channel", 1, b"nightly"),
            AnnotationObject("gpu", 1, "é".encode()),
            AnnotationObject("blob", 0x8001, b"\1\2"),
            AnnotationObject("big", 1, b"y" * 20480),
        ),
    )
    builder = linux_crash().set_crashpad(crashpad(module, process=(("ver", "1"), ("prod", "Game"))))
    found = report_of(builder).annotations
    assert [(item.kind, item.name, item.wins) for item in found] == [
        ("process", "ver", True),
        ("process", "prod", True),
        ("list", "", True),
        ("simple", "ver", False),
        ("simple", "channel", True),
        ("simple", "long", True),
        ("object", "channel", False),
        ("object", "gpu", True),
        ("object", "blob", False),
        ("object", "big", True),
    ]
    assert {item.name for item in found if item.at_limit} == {"long", "big"}
    assert found[-2].size == 2
    assert {item.module for item in found} == {None, "game"}


def test_annotations_of_a_module_that_is_not_listed_have_no_module_name():
    module = ModuleAnnotations(5, (), (("a", "b"),), ())
    (found,) = report_of(linux_crash().set_crashpad(crashpad(module))).annotations
    assert (found.module, found.module_index) == (None, 5)


def test_of_two_equal_annotations_only_one_wins():
    modules = [ModuleAnnotations(0, (), (("a", "b"),), (AnnotationObject("a", 1, b"b"),))]
    found = report_of(linux_crash().set_crashpad(crashpad(*modules))).annotations
    assert [item.wins for item in found] == [True, False]


def test_crashpads_ids_come_through():
    report = report_of(linux_crash().set_crashpad(crashpad(mask=0xFF)))
    assert report.crashpad.report_id == REPORT_ID
    assert report.crashpad.client_id == CLIENT_ID
    assert report.crashpad.address_mask == 0xFF
    assert report.writer == "Crashpad"


def test_under_crashpad_a_zero_si_code_means_a_sent_signal():
    builder = linux_crash(code=11, flags=0, address=1 << 32 | 4711).set_crashpad(crashpad())
    assert report_of(builder).crash.reason.name == "SIGSEGV / SI_USER"


def test_the_writer_is_known_by_what_it_alone_writes():
    plain = MinidumpBuilder().add_system("windows").add_thread(1)
    assert report_of(plain).writer == ""
    build = wide("crashpad.amd64,0.8.0,win", 80)
    named = MinidumpBuilder().add_system("windows").add_misc(4, debug_build_string=build)
    assert report_of(named).writer == "Crashpad"
    breakpad = (
        MinidumpBuilder().add_system().add_linux_text(linux_streams.PROC_STATUS, "Pid:\t42\n")
    )
    assert report_of(breakpad).writer == "Breakpad"
    data = bytearray(plain.pack())
    data[6:8] = b"\xbb\x61"  # the version of dbghelp in the high word
    assert analyze(Minidump(bytes(data))).writer == "Windows"


def test_breakpads_process_id_is_in_proc_status():
    def process_id(text):
        builder = MinidumpBuilder().add_system().add_linux_text(linux_streams.PROC_STATUS, text)
        return report_of(builder).process.id

    assert process_id("Name:\tgame\nPid:\t4711\n") == 4711
    assert process_id("Pid:\tnone\n") is None
    assert process_id("Pid:\t" + "9" * 40) is None


@pytest.mark.parametrize(
    ("csd", "version", "build"),
    [
        ("Linux 4.4.0-38-generic #57 SMP Tue x86_64", "4.4.0-38-generic", "#57 SMP Tue"),
        ("Linux 3.13.0-91-generic", "3.13.0-91-generic", ""),
        ("ABC123", "0.0.0", "ABC123"),
    ],
)
def test_breakpads_uname_is_taken_apart(csd, version, build):
    builder = MinidumpBuilder().add_system("linux", csd=csd, major=0, minor=0, build=0)
    system = report_of(builder).system
    assert (system.name, system.version, system.build) == ("Linux", version, build)


def test_the_process_is_named_by_the_first_module_or_the_command_line():
    assert report_of(linux_crash()).process.name == "game"
    builder = MinidumpBuilder().add_system()
    builder.add_linux_text(linux_streams.COMMAND_LINE, "/usr/bin/tool\0--token=secret\0")
    assert report_of(builder).process.name == "tool"
    assert report_of(MinidumpBuilder().add_system()).process.name is None


def test_the_version_is_the_modules_else_an_annotation():
    def version(module_version, *process):
        builder = MinidumpBuilder().add_system("windows")
        builder.add_module("a.exe", 0x1000, 0x1000, version=module_version)
        return report_of(builder.set_crashpad(crashpad(process=process))).process.version

    assert version((1, 2, 3, 4), ("ver", "9")) == "1.2.3.4"
    assert version((0, 0, 0, 0), ("ver", "9")) == "9"
    assert version(None, ("ver", "electron's"), ("_version", "the app's")) == "the app's"
    assert version(None) is None


@pytest.mark.parametrize(
    ("created", "uptime"), [(1_699_999_988, 12), (0, None), (1_700_000_001, None), (1, None)]
)
def test_the_uptime_is_left_out_when_the_clocks_disagree(created, uptime):
    builder = MinidumpBuilder().add_system().add_misc(1, process_create_time=created)
    assert report_of(builder).process.uptime == uptime


def test_overlapping_modules_resolve_to_the_closer_base():
    builder = linux_crash(address=0x45).add_module("/lib/inner.so", 0x400800, 0x1000)
    assert report_of(builder).crash.frame.module.name == "inner.so"


def test_messages_of_the_runtime_are_kept():
    report = report_of(full_dump())
    assert any("abort() called" in message for message in report.messages)
    assert report.comments == ("a comment", "a wide comment")
    assert {stream.name for stream in report.streams} >= {"CrashpadInfo", "Exception"}
    assert any(stream.type == MAC_CRASH_INFO for stream in report.streams)


def test_a_dump_without_streams_is_damaged():
    report = report_of(MinidumpBuilder())
    assert report.is_damaged
    assert report.system is None
    assert "no streams at all" in report.problems[0].sentence


def test_a_dump_without_system_info_keeps_what_it_has():
    builder = windows_crash()
    builder.system = None
    report = report_of(builder)
    assert report.is_damaged
    assert report.crash.reason.name.startswith("unknown 0xc0000005")


def test_any_cut_of_a_dump_gives_a_report_or_a_refusal():
    data = full_dump().pack()
    for size in range(32, len(data), 97):
        report = analyze(Minidump(data[:size]))
        assert report.is_damaged, size


def test_more_than_any_process_has_is_left_out_and_told():
    builder = MinidumpBuilder().add_system("windows", "x86_64")
    for number in range(MAX_THREADS + 1):
        builder.add_thread(number)
    builder.set_exception(MAX_THREADS, 0xC0000005, CODE, registers={"rip": CODE})
    report = report_of(builder)
    assert len(report.threads) == MAX_THREADS
    assert report.crashing_thread is None
    assert report.crash.frame.instruction == CODE
    assert any("only 4096 of 4097 threads" in problem.sentence for problem in report.problems)
    assert report.is_damaged


def test_many_unloaded_modules_at_one_place_cost_no_more_than_a_few():
    builder = windows_crash(instruction=0x800123, access=8, address=0x800123)
    for number in range(200):
        builder.add_unloaded_module(f"old{number}.dll", 0x700000, 0x200000)
    hits = report_of(builder).crash.frame.unloaded
    assert 0 < len(hits) <= MAX_OVERLAPPING
    assert hits[-1].name == "plug.dll"


def test_in_the_ios_simulator_the_linker_is_not_taken_for_the_program():
    builder = MinidumpBuilder().add_system("ios", "x86_64")
    builder.add_module("/usr/lib/dyld_sim", 0x1000, 0x1000).add_module(
        "/App.app/App", 0x4000, 0x1000
    )
    assert report_of(builder).process.name == "App"
