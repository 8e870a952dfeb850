from uuid import UUID

import pytest

from crashtool.model.crash import (
    Annotation,
    Assertion,
    CrashpadIds,
    Frame,
    Handle,
    MemoryExcerpt,
    Problem,
    Process,
    SecretCount,
    Stream,
    System,
    Thread,
    UnloadedHit,
)
from crashtool.render.as_json import crash_document
from crashtool.render.report import render_report
from crashtool.render.words import (
    format_assertion,
    format_duration,
    format_error_code,
    format_process,
    format_size,
    format_system,
)
from tests.render.reports import (
    FRAMES,
    GAME,
    REGISTERS,
    SIGNATURE,
    full_report,
    hostile_report,
    report,
)


def text(crash_report, **options):
    return render_report(crash_report, **options).text()


def test_one_screen_says_what_happened_first():
    lines = text(report()).splitlines()
    assert lines[0] == "crash.dmp  Windows minidump from Crashpad, 1.1 MB, 2025-11-24 16:00:00 UTC"
    assert lines[2].split() == ["CRASH", "SIGSEGV", "/", "SEGV_MAPERR"]
    assert lines[3].strip() == "Segmentation fault at 0x45"
    assert lines[4].strip() == "probably a stack overflow"
    assert lines[5].startswith("WHERE      game.exe!Mesh::bind, mesh.h:88   thread 7")
    assert lines[6] == f"SIGNATURE  {SIGNATURE}"
    assert lines[7] == "LAST ERROR ERROR_ACCESS_DENIED"
    assert lines[8] == "PROCESS    game.exe 1.4.2, pid 42, up 3 m 12 s"
    assert lines[9] == "SYSTEM     Windows 10.0.19045, x86_64, 8 CPUs"
    assert len(lines) < 25


def test_guessed_frames_are_marked_without_colour():
    lines = text(report()).splitlines()
    assert any(line.startswith(" ~  ") for line in lines)
    assert any("~ stack scanning" in line for line in lines)
    assert any(line.split() == ["i", "Mesh::bind", "mesh.h:88"] for line in lines)


def test_details_are_shown_when_asked_for():
    shown = text(report(), threads=True, registers=True, modules=True, streams=True)
    assert "THREAD 8" in shown
    assert "no registers of this thread" in shown
    assert "rip  000000000041f2a0" in shown
    assert "LOADED MODULES (1)" in shown
    assert "UNLOADED MODULES (1)" in shown
    assert "STREAMS (0)" in shown
    plain = text(report())
    for heading in ("THREAD 8", "REGISTERS", "LOADED MODULES", "STREAMS"):
        assert heading not in plain


def test_registers_without_a_crashed_thread_are_said_to_be_missing():
    assert "none in the dump" in text(report(crashing_thread=None), registers=True)


def test_a_report_of_nothing_still_is_a_page():
    empty = report(
        path="",
        writer="",
        written=None,
        system=None,
        process=Process(),
        crash=None,
        threads=(),
        crashing_thread=None,
        modules=(),
        unloaded_modules=(),
    )
    shown = text(empty, threads=True, registers=True, modules=True, streams=True)
    assert shown.startswith("minidump  minidump, 1.1 MB")
    assert "the dump has no exception" in shown
    assert "PROCESS    unknown" in shown
    assert crash_document(empty)["crashing_thread"] is None


def test_a_crash_on_a_thread_that_is_missing_is_located_by_its_record():
    crash = report().crash._replace(frame=FRAMES[0])
    shown = text(report(crash=crash, crashing_thread=None))
    assert "game.exe!Mesh::bind, mesh.h:88   thread 7 (not in the dump)" in shown


def test_an_assertion_and_messages_are_shown():
    assertion = Assertion("invalid parameter", "x > 0", "f", "d:\\a.c", 12)
    shown = text(report(crash=report().crash._replace(assertion=assertion), messages=(" abort ",)))
    assert "invalid parameter: x > 0 in f, a.c:12" in shown
    assert "MESSAGE    abort" in shown
    assert format_assertion(Assertion("assertion", "", "", "a.c", 3)) == "assertion: a.c:3"
    assert format_assertion(Assertion("pure virtual call", "", "", "", 0)) == "pure virtual call"


def annotations(count):
    return tuple(Annotation("process", f"k{n}", "v" * 80, wins=True) for n in range(count))


def test_annotations_are_capped_on_one_screen_and_whole_when_verbose():
    crash_report = report(annotations=annotations(30))
    shown = text(crash_report)
    assert "ANNOTATIONS (30)" in shown
    assert "and 6 more" in shown
    assert "v" * 80 not in shown
    whole = text(crash_report, verbose=True)
    assert "k29" in whole
    assert "v" * 80 in whole


def test_annotations_say_when_they_lose_or_may_be_cut():
    items = (
        Annotation("simple", "ver", "9", "game.exe", 0),
        Annotation("simple", "log", "x" * 255, "game.exe", 0, size=255, wins=True, at_limit=True),
        Annotation("object", "blob", "\0", "game.exe", 0, type=0x8001, size=1),
        Annotation("list", "", "said", "game.exe", 0, wins=True),
    )
    shown = text(report(annotations=items))
    assert "not uploaded: another value wins" in shown
    assert "perhaps cut off at 255 bytes" in shown
    assert "1 bytes of type 0x8001" in shown
    assert "(text)" in shown


def test_problems_are_shown_with_their_place():
    problems = tuple(Problem(n, f"problem {n}") for n in range(10))
    crash_report = report(problems=(*problems, Problem(None, "no place", loses_data=False)))
    shown = text(crash_report)
    assert "problem 3 at offset 0x3" in shown
    assert "and 3 more" in shown
    assert "no place" in text(crash_report, verbose=True)
    assert text(crash_report, brief=True).rstrip().endswith("(damaged dump)")


def test_handles_memory_and_ids_are_shown():
    crash_report = report(
        handles=(Handle(4, "Event", "done", 0x1F0003),),
        memory=(MemoryExcerpt(0x7000, b"ABC\0" * 5), MemoryExcerpt(0x9000, None)),
        crashpad=CrashpadIds(1, UUID(int=1), UUID(int=2)),
        comments=("a comment",),
        streams=(Stream(6, "Exception", 0x100, 168),),
    )
    shown = text(crash_report, streams=True)
    assert "0x4  Event  done  access 0x1f0003" in shown
    assert "0000000000007000  41 42 43 00" in shown
    assert "ABC.ABC" in shown
    assert "MEMORY at 0x9000  not in the dump" in shown
    assert "REPORT ID  00000000-0000-0000-0000-000000000001" in shown
    assert "COMMENT    a comment" in shown
    assert "Exception  at 0x100  168 bytes" in shown
    document = crash_document(crash_report)
    assert document["handles"][0]["granted_access"] == "0x001f0003"
    assert document["memory"][1] == {"address": "0x0000000000009000", "bytes": None}


def test_brief_is_one_line():
    assert text(report(), brief=True) == (
        "crash.dmp: SIGSEGV / SEGV_MAPERR at 0x45 in game.exe!Mesh::bind, mesh.h:88, "
        f"game.exe 1.4.2; {SIGNATURE}\n"
    )
    assert text(report(crash=None, crashing_thread=None, process=Process()), brief=True) == (
        "crash.dmp: no exception\n"
    )


def test_frames_in_unloaded_modules_and_in_none():
    frames = (Frame(0x900010, "context", unloaded=(UnloadedHit("gone.dll", 0x10),)),)
    thread = Thread(7, None, frames, REGISTERS)
    assert "in unloaded gone.dll + 0x10" in text(report(threads=(thread,)))
    thread = Thread(7, None, (Frame(0x900010, "context"),), REGISTERS)
    assert "0x0000000000900010 (in no module)" in text(report(threads=(thread,)))


def test_text_from_a_dump_cannot_reach_the_terminal():
    shown = text(hostile_report(), threads=True, registers=True, modules=True, streams=True)
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert not any(line.startswith("::") for line in shown.splitlines())
    assert len(text(hostile_report(), brief=True).splitlines()) == 1


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (60, "1 m"), (192, "3 m 12 s"), (18_120, "5 h 2 m"), (273_600, "3 d 4 h")],
)
def test_durations(seconds, words):
    assert format_duration(seconds) == words


@pytest.mark.parametrize(
    ("size", "words"),
    [
        (12, "12 bytes"),
        (27_648, "27 KB"),
        (1_258_291, "1.2 MB"),
        (88_080_384, "84 MB"),
        (1_073_741_824, "1.0 GB"),
    ],
)
def test_sizes(size, words):
    assert format_size(size) == words


def test_systems_and_processes_leave_out_what_is_not_known():
    system = System("linux", "Linux", "0.0.0", "arm64", cpu_count=1)
    assert format_system(system) == "Linux, arm64, 1 CPU"
    released = system._replace(release=(("PRETTY_NAME", "Debian 12"),))
    assert format_system(released) == "Linux, Debian 12, arm64, 1 CPU"
    assert format_system(System("odd", "OddOS", "1", "mips")) == "OddOS 1, mips"
    assert format_process(Process(name="game")) == "game"


def test_win32_errors_are_named_or_numbered():
    assert format_error_code(None) is None
    assert format_error_code(2) == "ERROR_FILE_NOT_FOUND"
    assert format_error_code(0x1234) == "0x00001234"


def test_secrets_are_counted_in_words():
    shown = text(report(secrets=(SecretCount("JSON web token", 2), SecretCount("e-mail", 1))))
    assert "SECRETS (3)" in shown
    assert "2  JSON web token" in shown
    assert "SECRETS  none found" in text(report(secrets=()))
    assert "SECRETS" not in text(report())


def test_the_instruction_and_the_hints_follow_the_reason():
    lines = text(full_report()).splitlines()
    place = next(n for n, line in enumerate(lines) if line.startswith("CODE"))
    assert lines[place - 1] == "VARIABLE   reads mesh->verts.data[3]: mesh is null"
    assert lines[place].startswith("CODE       mov rax, qword ptr [rdi + 0x18]   reads 0x18")
    assert lines[place + 1].strip() == "probably a stack overflow"


def test_the_crashed_module_says_by_what_it_is_identified():
    coded = GAME._replace(code_id="5F00AA001000")
    frame = FRAMES[0]._replace(module=coded)
    shown = text(report(threads=(Thread(7, None, (frame,)),)))
    assert "no debug id; code id 5F00AA001000" in shown
    assert "no identifier: symbols cannot match" in text(report())


def test_threads_with_the_same_stack_are_shown_once():
    frames = (Frame(0x400010, "context", GAME, "wait"),)
    threads = (*report().threads, *(Thread(n, f"worker {n}", frames) for n in range(10, 22)))
    shown = text(report(threads=threads), threads=True)
    heading = "THREAD 10  worker 10  and 11 with the same stack: 11, 12, 13, 14, 15, 16, 17, 18, …"
    assert heading in shown
    assert "THREAD 11" not in shown
    assert "THREAD 21" in text(report(threads=threads), threads=True, verbose=True)


def test_a_name_without_end_is_cut_unless_verbose():
    name = "f<" + "int, " * 99 + "int>(" + "char, " * 99 + "char)"
    frame = Frame(0x400010, "context", GAME, name)
    crash_report = report(threads=(Thread(7, None, (frame,)),))
    assert max(map(len, text(crash_report).splitlines())) < 200
    assert name in text(crash_report, verbose=True)
