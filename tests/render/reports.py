"""Reports for tests: a usual one, one with everything in it, and a hostile one."""

from uuid import UUID

from crashtool.formats.identifiers import DebugId
from crashtool.formats.minidump.reasons import Reason
from crashtool.model.crash import (
    Annotation,
    Assertion,
    BadPointer,
    Crash,
    CrashpadIds,
    CrashReport,
    Frame,
    Handle,
    InlineFrame,
    MemoryExcerpt,
    Problem,
    Process,
    Registers,
    SecretCount,
    SourceLine,
    Stream,
    System,
    Thread,
    UnloadedHit,
)
from crashtool.model.module import Module
from crashtool.model.symbol_lookup import Candidate, ModuleStatus

ATTACK = "\x1b[31m<script>alert(1)</script>\n::error::x```\u202e|\"'><img src=x onerror=alert(1)>"
GUID = "0123456789ABCDEF0123456789ABCDEF1"
GAME = Module(0x400000, 0x100000, "game.exe", "C:\\game.exe", version="1.4.2")
ENGINE = Module(
    0x600000,
    0x100000,
    "engine.dll",
    "C:\\engine.dll",
    "5F00AA001000",
    "C:\\out\\engine.pdb",
    DebugId.parse(GUID),
    "2.0",
)
GONE = Module(0x900000, 0x1000, "gone.dll", "gone.dll", code_id="AB12")
REGISTERS = Registers("x86_64", 8, {"rip": 0x41F2A0, "rsp": 0x7000}, 0x41F2A0, 0x7000, 0)
FRAMES = (
    Frame(
        0x41F2A0,
        "context",
        GAME,
        "Renderer::flush",
        0x20,
        "C:\\src\\renderer.cpp",
        214,
        inlines=(InlineFrame("Mesh::bind", "/src/mesh.h", 88), InlineFrame("here")),
    ),
    Frame(0x42010, "scan"),
)
SOURCE = tuple(SourceLine(n, f"\tline {n};") for n in range(86, 91))
VERDICTS = (
    ModuleStatus(
        GAME,
        "ok",
        ("functions", "lines", "inlines", "unwind"),
        candidates=(
            Candidate("https://symbols.example.com/game.pdb", "found", "pdb"),
            Candidate("build/game.exe", "found", "pe", path="build/game.exe"),
        ),
    ),
    ModuleStatus(
        ENGINE,
        "mismatch",
        (),
        "engine.pdb is of another build",
        "give the right one",
        (
            Candidate("old/engine.pdb", "mismatch", "pdb", "it has AAAA, the dump wants BBBB"),
            Candidate("https://symbols.example.com/", "not_found"),
        ),
    ),
)


SIGNATURE = "recursion: Mesh::bind, Renderer::flush, here [stack]"


def report(**fields):
    """A crash of game.exe on Windows, without symbols for others than itself."""
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
        "unloaded_modules": (GONE,),
    }
    return CrashReport(**(values | fields))


def full_report(**fields):
    """A report in which nothing is missing."""
    first, second = FRAMES
    frames = (
        first._replace(source=SOURCE),
        Frame(
            0x41F300,
            "cfi",
            GAME,
            "Renderer::end_frame",
            4,
            "C:\\src\\renderer.cpp",
            301,
            resume=0x41F301,
        ),
        Frame(0x600010, "frame_pointer", ENGINE),
        Frame(0x900010, "scan", unloaded=(UnloadedHit("gone.dll", 0x10),)),
        second,
    )
    crash = report().crash._replace(
        reason=report().crash.reason._replace(address_words="null pointer + 0x45", access="read"),
        parameters=(1, 0x45),
        assertion=Assertion("assertion", "mesh != nullptr", "bind", "mesh.h", 88),
        address_module=ENGINE,
        instruction="mov rax, qword ptr [rdi + 0x18]   reads 0x18: rdi is 0",
        bad_pointer=BadPointer("reads", "mesh->verts.data[3]", "mesh", 0),
        frame=frames[0],
    )
    release = (("DISTRIB_ID", "Debian"), ("PRETTY_NAME", "Debian 12"))
    values = {
        "crash": crash,
        "threads": (Thread(7, "Render", frames, REGISTERS, 0x7000, 64, 5), *report().threads[1:]),
        "modules": (GAME, ENGINE),
        "system": report().system._replace(release=release, build="x", cpu_info="family 6"),
        "crashpad": CrashpadIds(1, UUID(int=1), UUID(int=2), 0xFFFF),
        "annotations": (
            Annotation("process", "ver", "1.4.2", wins=True),
            Annotation("list", "", "said", "game.exe", 0, wins=True),
            Annotation("object", "blob", "\udc80", "game.exe", 0, 0x8001, 1),
        ),
        "messages": ("abort() called",),
        "comments": ("by hand",),
        "streams": (Stream(6, "Exception", 0x100, 168),),
        "problems": (Problem(3, "cut"), Problem(None, "no list of modules", loses_data=False)),
        "handles": (Handle(4, "Event", "done", 0x1F0003), Handle(8, "", "")),
        "memory": (MemoryExcerpt(0x7000, b"ABC\0"), MemoryExcerpt(0x9000, None)),
        "symbols": VERDICTS,
        "secrets": (SecretCount("JSON web token", 2), SecretCount("e-mail address", 0)),
        "origin": "out of a form body (2 fields)",
    }
    return report(**(values | fields))


def hostile_report():
    """A report in which every text tries to break out."""
    module = Module(0x400000, 0x1000, ATTACK, ATTACK, ATTACK, ATTACK, version=ATTACK)
    frame = Frame(
        0x400010,
        "context",
        module,
        ATTACK,
        1,
        ATTACK,
        3,
        inlines=(InlineFrame(ATTACK, ATTACK, 4),),
        source=(SourceLine(4, ATTACK),),
        unloaded=(UnloadedHit(ATTACK, 1),),
    )
    gone = Frame(0x900010, "scan", unloaded=(UnloadedHit(ATTACK, 1),))
    crash = report().crash._replace(
        assertion=Assertion(ATTACK, ATTACK, ATTACK, ATTACK, 1),
        instruction=ATTACK,
        bad_pointer=BadPointer("reads", ATTACK * 20, ATTACK, 1, ATTACK),
        hints=(ATTACK,),
        frame=frame,
        reason=Reason(ATTACK, ATTACK, 1, "memory", ATTACK),
    )
    verdict = ModuleStatus(
        module,
        "mismatch",
        ("functions",),
        ATTACK,
        ATTACK,
        (Candidate(ATTACK, "found", ATTACK, ATTACK),),
    )
    return report(
        path=ATTACK,
        writer=ATTACK,
        crash=crash,
        modules=(module,),
        unloaded_modules=(module,),
        threads=(
            Thread(7, ATTACK, (frame, gone), REGISTERS, note=ATTACK),
            Thread(8, ATTACK, (frame,), REGISTERS, note=ATTACK),
        ),
        process=Process(1, ATTACK, ATTACK),
        comments=(ATTACK,),
        messages=(ATTACK,),
        system=System("linux", ATTACK, ATTACK, "x86_64", ATTACK, (("PRETTY_NAME", ATTACK),)),
        annotations=(Annotation("process", ATTACK, ATTACK),),
        handles=(Handle(1, ATTACK, ATTACK),),
        problems=(Problem(0, ATTACK),),
        streams=(Stream(1, ATTACK, 0, 0),),
        symbols=(verdict,),
        secrets=(SecretCount(ATTACK, 1),),
        origin=ATTACK,
    )
