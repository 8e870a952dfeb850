from uuid import UUID

import pytest

from crashtool.formats.minidump.reasons import Reason
from crashtool.model.crash import (
    Annotation,
    Assertion,
    Crash,
    CrashpadIds,
    CrashReport,
    Frame,
    Handle,
    InlineFrame,
    MemoryExcerpt,
    Module,
    Problem,
    Process,
    Registers,
    Stream,
    System,
    Thread,
    UnloadedHit,
)
from crashtool.render.as_json import crash_document
from crashtool.render.ci import render_github, render_summary
from crashtool.render.html import render_html
from crashtool.render.report import render_report
from crashtool.render.words import (
    words_of_assertion,
    words_of_duration,
    words_of_error,
    words_of_process,
    words_of_size,
    words_of_system,
)

ATTACK = "\x1b[31m<script>alert(1)</script>\n::error::x```\u202e"
GAME = Module(0x400000, 0x100000, "game.exe", "C:\\game.exe", version="1.4.2")
REGISTERS = Registers("x86_64", 8, {"rip": 0x41F2A0, "rsp": 0x7000}, 0x41F2A0, 0x7000, 0)
FRAMES = (
    Frame(
        0x41F2A0, "context", GAME, "Renderer::flush", 0x20, "C:\\src\\renderer.cpp", 214,
        inlines=(InlineFrame("Mesh::bind", "/src/mesh.h", 88), InlineFrame("here")),
    ),
    Frame(0x42010, "scan"),
)  # fmt: skip


def report(**fields):
    reason = Reason("SIGSEGV / SEGV_MAPERR", "Segmentation fault at 0x45", 0x45, "memory")
    threads = (
        Thread(7, "Render", FRAMES, REGISTERS, last_error=5),
        Thread(8, None, (), note="the dump holds no registers of this thread"),
    )
    values = {
        "path": "crash.dmp",
        "size": 1_200_000,
        "writer": "Crashpad",
        "written": 1_764_000_000,
        "system": System("windows", "Windows NT", "10.0.19045", "x86_64", cpu_count=8),
        "process": Process(42, "game.exe", "1.4.2", 1, 192),
        "crash": Crash(reason, 11, 1, (), 0x45, 7, hints=("probably a stack overflow",)),
        "threads": threads,
        "crashing_thread": 0,
        "modules": (GAME,),
        "unloaded_modules": (Module(0x900000, 0x1000, "gone.dll", "gone.dll", code_id="AB12"),),
    }
    return CrashReport(**(values | fields))


def text(crash_report, **options):
    return render_report(crash_report, **options).text()


def test_one_screen_says_what_happened_first():
    lines = text(report()).splitlines()
    assert lines[0] == "crash.dmp  Windows minidump from Crashpad, 1.1 MB, 2025-11-24 16:00:00 UTC"
    assert lines[2].split() == ["CRASH", "SIGSEGV", "/", "SEGV_MAPERR"]
    assert lines[3].strip() == "Segmentation fault at 0x45"
    assert lines[4].strip() == "probably a stack overflow"
    assert lines[5].startswith("WHERE      game.exe!Mesh::bind  mesh.h:88   thread 7")
    assert lines[6] == "SIGNATURE  Mesh::bind"
    assert lines[7] == "LAST ERROR ERROR_ACCESS_DENIED"
    assert lines[8] == "PROCESS    game.exe 1.4.2, pid 42, up 3 m 12 s"
    assert lines[9] == "SYSTEM     Windows 10.0.19045, x86_64, 8 CPUs"
    assert len(lines) < 24


def test_guessed_frames_are_marked_without_colour():
    lines = text(report()).splitlines()
    guessed = next(line for line in lines if "stack scanning" in line)
    assert guessed.startswith(" ~")
    assert any(line.split() == ["Mesh::bind", "mesh.h:88", "inlined"] for line in lines)


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
        path="", writer="", written=None, system=None, process=Process(), crash=None, threads=(),
        crashing_thread=None, modules=(), unloaded_modules=(),
    )  # fmt: skip
    shown = text(empty, threads=True, registers=True, modules=True, streams=True)
    assert shown.startswith("minidump  minidump, 1.1 MB")
    assert "the dump has no exception" in shown
    assert "PROCESS    unknown" in shown
    assert crash_document(empty)["crashing_thread"] is None


def test_a_crash_on_a_thread_that_is_missing_is_located_by_its_record():
    crash = report().crash._replace(frame=FRAMES[0])
    shown = text(report(crash=crash, crashing_thread=None))
    assert "game.exe!Mesh::bind  mesh.h:88   thread 7 (not in the dump)" in shown


def test_an_assertion_and_messages_are_shown():
    assertion = Assertion("invalid parameter", "x > 0", "f", "d:\\a.c", 12)
    shown = text(report(crash=report().crash._replace(assertion=assertion), messages=(" abort ",)))
    assert "invalid parameter: x > 0 in f, a.c:12" in shown
    assert "MESSAGE    abort" in shown
    assert words_of_assertion(Assertion("assertion", "", "", "a.c", 3)) == "assertion: a.c:3"
    assert words_of_assertion(Assertion("pure virtual call", "", "", "", 0)) == "pure virtual call"


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
        "crash.dmp: SIGSEGV / SEGV_MAPERR at 0x45 in game.exe!Mesh::bind, game.exe 1.4.2\n"
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


def hostile():
    module = Module(0x400000, 0x1000, ATTACK, ATTACK, debug_file=ATTACK)
    frame = Frame(0x400010, "context", module, ATTACK, 1, ATTACK, 3)
    crash = report().crash._replace(assertion=Assertion(ATTACK, ATTACK, ATTACK, ATTACK, 1))
    return report(
        path=ATTACK, writer=ATTACK, crash=crash, modules=(module,),
        threads=(Thread(7, ATTACK, (frame,), REGISTERS, note=ATTACK),),
        process=Process(1, ATTACK, ATTACK), comments=(ATTACK,), messages=(ATTACK,),
        system=System("linux", ATTACK, ATTACK, "x86_64", release=(("PRETTY_NAME", ATTACK),)),
        annotations=(Annotation("process", ATTACK, ATTACK),),
        handles=(Handle(1, ATTACK, ATTACK),), problems=(Problem(0, ATTACK),),
        streams=(Stream(1, ATTACK, 0, 0),),
    )  # fmt: skip


def test_text_from_a_dump_cannot_reach_the_terminal():
    shown = text(hostile(), threads=True, registers=True, modules=True, streams=True)
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert not any(line.startswith("::") for line in shown.splitlines())
    assert len(text(hostile(), brief=True).splitlines()) == 1


def test_text_from_a_dump_cannot_become_markup():
    page = render_html([hostile(), hostile()])
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "\x1b" not in page
    assert page.count("<section>") == 2
    assert "default-src 'none'" in page
    assert "http" not in page.replace("http-equiv", "")


def test_a_github_annotation_is_one_line_that_nothing_can_break_out_of():
    lines = list(render_github(hostile()))
    assert len(lines) == 1
    assert lines[0].startswith("::error file=")
    assert "\n" not in lines[0]
    properties = lines[0].split("::")[1]
    assert "title=SIGSEGV / SEGV_MAPERR at 0x45" in properties


def test_a_github_annotation_escapes_what_the_runner_would_read():
    frame = Frame(1, "context", GAME, "f", 0, "a,b:c%.cpp", 3)
    (line,) = render_github(report(threads=(Thread(7, None, (frame,)),)))
    assert "file=a%2Cb%3Ac%25.cpp,line=3," in line


def test_a_snapshot_is_a_notice():
    (line,) = render_github(report(crash=None, crashing_thread=None, system=None))
    assert line.startswith("::notice title=no exception::")


def test_a_summary_stays_inside_its_block():
    summary = render_summary(hostile())
    lines = summary.splitlines()
    assert lines[2].startswith("````")
    fence = lines[2].removesuffix("text")
    assert [line for line in lines if line.startswith(fence)] == [lines[2], fence]


def test_json_follows_the_schema_and_pads_addresses():
    document = crash_document(report(annotations=annotations(1)))
    assert document["status"] == "OK"
    assert document["crash_info"]["address"] == "0x0000000000000045"
    assert document["crashing_thread"]["threads_index"] == 0
    frame = document["crashing_thread"]["frames"][0]
    assert frame["module_offset"] == "0x000000000001f2a0"
    assert frame["registers"]["rsp"] == "0x0000000000007000"
    assert frame["inlines"][0] == {"function": "Mesh::bind", "file": "/src/mesh.h", "line": 88}
    assert document["threads"][0]["last_error_value"] == "ERROR_ACCESS_DENIED"
    assert document["unloaded_modules"][0]["code_id"] == "ab12"
    assert document["annotations"][0]["uploaded"] is True
    assert document["system_info"]["cpu_arch"] == "amd64"
    narrow = report(system=System("windows", "Windows NT", "10.0", "x86"))
    assert crash_document(narrow)["crash_info"]["address"] == "0x00000045"


def test_json_tells_damage_and_the_distribution():
    release = (("DISTRIB_ID", "Debian"), ("OTHER", "x"))
    system = System("linux", "Linux", "6.1", "arm64", release=release)
    document = crash_document(report(system=system, problems=(Problem(3, "cut"),)))
    assert document["status"] == "DAMAGED"
    assert document["problems"] == [{"offset": 3, "sentence": "cut", "loses_data": True}]
    assert document["lsb_release"] == {"id": "Debian", "OTHER": "x"}


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (60, "1 m"), (192, "3 m 12 s"), (18_120, "5 h 2 m"), (273_600, "3 d 4 h")],
)
def test_durations(seconds, words):
    assert words_of_duration(seconds) == words


@pytest.mark.parametrize(
    ("size", "words"),
    [(12, "12 bytes"), (27_648, "27 KB"), (1_258_291, "1.2 MB"), (88_080_384, "84 MB"),
     (1_073_741_824, "1.0 GB")],
)  # fmt: skip
def test_sizes(size, words):
    assert words_of_size(size) == words


def test_systems_and_processes_leave_out_what_is_not_known():
    system = System("linux", "Linux", "0.0.0", "arm64", cpu_count=1)
    assert words_of_system(system) == "Linux, arm64, 1 CPU"
    released = system._replace(release=(("PRETTY_NAME", "Debian 12"),))
    assert words_of_system(released) == "Linux, Debian 12, arm64, 1 CPU"
    assert words_of_system(System("odd", "OddOS", "1", "mips")) == "OddOS 1, mips"
    assert words_of_process(Process(name="game")) == "game"


def test_win32_errors_are_named_or_numbered():
    assert words_of_error(None) is None
    assert words_of_error(2) == "ERROR_FILE_NOT_FOUND"
    assert words_of_error(0x1234) == "0x00001234"
