"""Crashes a program in many ways, built in many flavours, and holds each walk against a debugger's.

    python benchmarks/real_crashes.py [--flavour NAME…] [--way NAME…] [--own-only] [--keep DIR]
                                      [--shapes]

The program (tests/programs/crash_kinds.cpp; with --shapes crash_shapes.cpp, of C++20) crashes under
`crashtool run`, whose crashpad_handler writes the minidump; the very same process then leaves a
core, in which gdb sees the truth. A chain is exact when every physical frame from the crash to main
is gdb's, by its address, and none else.
Where gdb itself cannot go on (code without unwind rules), the chain is known by construction.
`--own-only` gives the program's own symbols alone, as for a dump from another machine; then only
the program's own frames are compared. Needs Linux on x86-64, gdb, and cores (`core` in
/proc/sys/kernel/core_pattern); a flavour that cannot be built here is left out, and said so.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parent.parent
PROGRAM = ROOT / "tests" / "programs" / "crash_kinds.cpp"
SHAPES = PROGRAM.with_name("crash_shapes.cpp")
CRASHTOOL = [sys.executable, "-m", "crashtool"]
LONGEST = 120  # seconds
COMMON = ("-g", "-pthread")
LIBRARIES = ("/lib/x86_64-linux-gnu", "/lib32", "/usr/lib/x86_64-linux-musl")
# Of C alone, without C++'s library, which musl-gcc does not have.
MUSL = ("musl-gcc", "-x", "c++", "-fno-exceptions", "-fno-rtti", "-DC_LIBRARY_ONLY", "-O2")
# Of all cores of a flavour by one gdb: most of its time it reads symbols.
FRAMES = """
import gdb, glob, json, os
for core in glob.glob("runs/*/core*"):
    gdb.execute("core-file " + core, to_string=True)
    rows = []
    frame = gdb.newest_frame()
    while frame is not None and len(rows) < 5000:
        rows.append([frame.pc(), frame.type(), frame.name()])
        try:
            frame = frame.older()
        except gdb.error:
            break
    json.dump(rows, open(os.path.join(os.path.dirname(core), "chain.json"), "w"))
    os.unlink(core)
"""
PHYSICAL = (0, 4)  # gdb.NORMAL_FRAME, gdb.SIGTRAMP_FRAME
# Where gdb ends or goes astray: in code without rules. The functions are the program's by its text.
BY_CONSTRUCTION = {
    "generated_code": ("fall", "step", "called_back", "generated_code", "main"),
    "generated_code_without_frame": (
        "fall", "step", "called_back", "generated_code_without_frame", "main",
    ),
    "crash_in_generated_code": ("crash_in_generated_code", "main"),
    "assembly_without_rules": (
        "fall", "step", "called_back", "by_hand", "assembly_without_rules", "main",
    ),
    "coroutine": ("fall", "step", "coroutine_body"),
    "call_of_heap": ("shapes::call_of_heap", "main"),
    "call_of_stack": ("shapes::call_of_stack", "main"),
    "nested_contexts": ("shapes::fall", "shapes::step", "shapes::two_body"),
    "pushed_by_hand": (
        "shapes::fall", "shapes::step", "shapes::on_no_memory", "shapes::pushed_by_hand", "main",
    ),
}  # fmt: skip
# musl has no unwind rules, so that gdb ends or goes astray wherever its code is on the stack. Its
# own frames are guesses on either side; the program's are known by its text.
IN_MUSL = {
    "thread_overflow": ("dive", "dive_on_thread"),
    "asynchronous_signal": ("fall", "step", "on_signal", "spin", "asynchronous_signal", "main"),
    "abort_in_handler": ("give_up", "fall", "step", "abort_in_handler", "main"),
    "callback_of_qsort": ("fall", "step", "compare", "callback_of_qsort", "main"),
    "in_atexit": ("fall", "step", "at_exit", "in_atexit", "main"),
    "cancelled_thread": ("fall", "step", "clean_up", "wait_for_end"),
    "in_clock": ("in_clock", "main"),
    "in_time": ("in_time", "main"),
    "double_free": ("double_free", "main"),
    "damaged_heap": ("damaged_heap", "main"),
    "breakpoint": ("breakpoint", "main"),
    "library_whose_constructor_crashes": ("start", "library_whose_constructor_crashes", "main"),
}
# What no walk of the dump can know, and what is said of it then.
UNKNOWN = {
    "alternate_stack": "the handler stores no memory of the interrupted stack",
    "handler_of_overflow": "the handler stores no memory of the interrupted stack",
    "overwritten_stack": "the return addresses are overwritten: there is no truth",
}


ID = "$(readelf -n program | awk '/Build ID/ {print substr($3, %s)}')"
BUILD_ID_FILE = f".build-id/{ID % '1, 2'}/{ID % '3'}.debug"
MAKE_FOLDER = f"mkdir -p .build-id/{ID % '1, 2'}"
MOVE_DEBUG = f"objcopy --only-keep-debug program {BUILD_ID_FILE}"


class Flavour(NamedTuple):
    """One way to build the program: a command, and steps on its result."""

    name: str
    command: tuple[str, ...]
    steps: tuple[str, ...] = ()


FLAVOURS = (
    Flavour("gcc-O0", ("g++", "-O0")),
    Flavour("gcc-O2", ("g++", "-O2")),
    Flavour("gcc-O3-lto", ("g++", "-O3", "-flto")),
    Flavour("clang-O2", ("clang++", "-O2")),
    Flavour("i386", ("g++", "-m32", "-O2")),
    Flavour("static", ("g++", "-static", "-O2")),
    Flavour("static-pie", ("g++", "-static-pie", "-O2")),
    Flavour("no-build-id", ("g++", "-O2", "-Wl,--build-id=none")),
    Flavour("split-dwarf", ("g++", "-O2", "-gsplit-dwarf")),
    Flavour("gmlt", ("clang++", "-O2", "-gmlt")),
    Flavour("compressed-zlib", ("g++", "-O2", "-gz=zlib")),
    Flavour("compressed-zstd", ("g++", "-O2"), ("objcopy --compress-debug-sections=zstd program",)),
    Flavour(
        "debug-link",
        ("g++", "-O2"),
        (
            "objcopy --only-keep-debug program program.debug",
            "strip program",
            "objcopy --add-gnu-debuglink=program.debug program",
        ),
    ),
    Flavour(
        "build-id-folder",
        ("g++", "-O2"),
        (MAKE_FOLDER, MOVE_DEBUG, "strip program"),
    ),
    Flavour("musl", (*MUSL, "-Wl,--build-id")),
    Flavour("musl-no-build-id", (*MUSL, "-Wl,--build-id=none")),
    Flavour("musl-static", (*MUSL, "-static")),
)


class Outcome(NamedTuple):
    """A crash of one flavour: `verdict` is exact, constructed, unknown or missed."""

    flavour: str
    way: str
    verdict: str
    words: str = ""


def main() -> int:
    """Prints a line a flavour and one a miss; 1 unless 98 % of what can be known is exact."""
    arguments = parse_arguments()
    resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    outcomes: list[Outcome] = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(arguments.keep or temporary).resolve()
        for flavour in FLAVOURS:
            if arguments.flavour and flavour.name not in arguments.flavour:
                continue
            if arguments.shapes and flavour.command[0] == MUSL[0]:  # it has no C++ library
                continue
            flavoured = list(run_flavour(flavour, folder / flavour.name, arguments))
            report(flavour.name, flavoured)
            outcomes += flavoured
    known = [row for row in outcomes if row.verdict != "unknown"]
    right = [row for row in known if row.verdict != "missed"]
    share = len(right) / len(known) if known else 0.0
    print(f"{len(right)} of {len(known)} chains exact, {share:.1%}")
    return 0 if share >= 0.98 else 1


def parse_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--flavour", action="append")
    parser.add_argument("--way", action="append")
    parser.add_argument("--own-only", action="store_true")
    parser.add_argument("--shapes", action="store_true")
    parser.add_argument("--keep", metavar="DIR")
    return parser.parse_args()


def report(name: str, outcomes: Sequence[Outcome]) -> None:
    """A flavour's line, and a line for each miss."""
    if not outcomes:
        print(f"{name:<16} left out: it cannot be built here")
        return
    counts = {
        verdict: sum(row.verdict == verdict for row in outcomes)
        for verdict in ("exact", "constructed", "unknown", "missed")
    }
    print(f"{name:<16} " + ", ".join(f"{count} {verdict}" for verdict, count in counts.items()))
    for row in outcomes:
        if row.verdict == "missed":
            print(f"    {row.way}: {row.words}")


def run_flavour(flavour: Flavour, folder: Path, arguments: argparse.Namespace) -> Iterator[Outcome]:
    """Each way's outcome; nothing when the flavour cannot be built here."""
    folder.mkdir(parents=True, exist_ok=True)
    source = ("-std=c++20", str(SHAPES)) if arguments.shapes else (str(PROGRAM),)
    if not build(flavour, folder, source):
        return
    told = subprocess.run([folder / "program"], capture_output=True, text=True, check=True)
    ways = [way for way in told.stdout.split() if not arguments.way or way in arguments.way]
    crashed = [way for way in ways if crash(folder, way)]
    ask_debugger(folder)
    walks = dict(zip(crashed, walk(folder, crashed, arguments), strict=True))
    for way in ways:
        chain = folder / "runs" / way / "chain.json"
        if way not in walks or not chain.exists():
            yield Outcome(flavour.name, way, "unknown", "no crash, no minidump or no core")
        else:
            frames = json.loads(chain.read_text(encoding="utf-8"))
            yield compare(flavour.name, way, frames, walks[way], arguments)


def build(flavour: Flavour, folder: Path, source: Sequence[str]) -> bool:
    """Whether the program and the libraries it loads could be built."""
    command = [*flavour.command, *COMMON, *source, "-ldl", "-o", "program"]
    if shutil.which(flavour.command[0]) is None:
        return False
    done = subprocess.run(command, cwd=folder, capture_output=True, check=False)
    for step in flavour.steps:
        if done.returncode == 0:
            shell = ["sh", "-c", step]
            done = subprocess.run(shell, cwd=folder, capture_output=True, check=False)
    libraries = {
        "libgone.so": "int gone(int n) { volatile int *p = n ? 0 : &n; return *p; }",
        "libfaulty.so": "static int *volatile p; __attribute__((constructor)) void start(void)"
        " { *p = 1; }",
    }
    bits = [option for option in flavour.command if option == "-m32"]
    for name, text in libraries.items():
        compile_ = ["gcc", "-shared", "-fPIC", "-g", *bits, "-x", "c", "-", "-o", name]
        subprocess.run(
            compile_, input=text, text=True, cwd=folder, capture_output=True, check=False
        )
    return done.returncode == 0


def crash(folder: Path, way: str) -> bool:
    """Whether the program left both a minidump, `crash.dmp`, and a core."""
    place = folder / "runs" / way
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    for library in folder.glob("lib*.so"):
        shutil.copy(library, place)
    options = ("--quiet", "--database", "database")
    command = [*CRASHTOOL, "run", *options, "--", str(folder / "program"), way]
    subprocess.run(command, cwd=place, capture_output=True, check=False, timeout=LONGEST)
    dumps = list(place.glob("database/*/*.dmp"))
    if len(dumps) != 1 or len(list(place.glob("core*"))) != 1:
        return False
    dumps[0].rename(place / "crash.dmp")
    return True


def ask_debugger(folder: Path) -> None:
    """Writes a `chain.json` beside each core: what gdb sees there. The cores are gone then."""
    (folder / "frames.py").write_text(FRAMES, encoding="utf-8")
    gdb = [
        "gdb",
        "-nx",
        "-batch",
        "-ex",
        "set debuginfod enabled off",
        "-ex",
        "source frames.py",
        "program",
    ]
    subprocess.run(gdb, cwd=folder, capture_output=True, check=False)


def walk(folder: Path, ways: Sequence[str], arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """Our reports of the minidumps, as JSON."""
    paths = [folder] if arguments.own_only else [folder, *filter(os.path.isdir, LIBRARIES)]
    given = [*paths, f"program={folder / 'program'}"]  # some flavours have no identifier
    options = [word for path in given for word in ("--symbols", path)]
    dumps = [str(folder / "runs" / way / "crash.dmp") for way in ways]
    if not dumps:
        return []
    command = [*CRASHTOOL, "inspect", "--json", "--no-local-symbols", *options, *dumps]
    done = subprocess.run(command, capture_output=True, check=False)
    document: dict[str, Any] = json.loads(done.stdout)
    reports: list[dict[str, Any]] = document.get("reports", [document])
    return reports


def compare(
    flavour: str,
    way: str,
    chain: list[list[Any]],
    document: dict[str, Any],
    arguments: argparse.Namespace,
) -> Outcome:
    """Whether our chain is gdb's, or the one that the program's text tells."""
    thread = document["crashing_thread"]
    frames = thread["frames"]
    if way in UNKNOWN:
        return Outcome(flavour, way, "unknown", UNKNOWN[way])
    ours = [int(frame["resume_address"] or frame["offset"], 16) for frame in frames]
    truth = [pc for pc, kind, _ in chain if kind in PHYSICAL]
    if left_out := thread.get("frames_left_out", 0):  # of a deep stack both ends are kept
        half = len(ours) // 2
        truth = truth[:half] + truth[half + left_out :]
    if arguments.own_only:
        spans = own_spans(document)
        ours = [pc for pc in ours if any(pc in span for span in spans)]
        truth = [pc for pc in truth if any(pc in span for span in spans)]
    if ours[: len(truth)] == truth and truth:
        return Outcome(flavour, way, "exact")
    names = [(frame["function"] or "").partition("(")[0] for frame in frames]
    by_text = BY_CONSTRUCTION | (IN_MUSL if flavour.startswith("musl") else {})
    expected = by_text.get(way)
    own = [name for name in names if name in set(expected or ())]
    if way == "thread_overflow":
        own = [name for name, _ in groupby(own)]
    if expected and tuple(own) == expected:
        return Outcome(flavour, way, "constructed")
    same = next(
        (i for i, pair in enumerate(zip(ours, truth, strict=False)) if pair[0] != pair[1]),
        min(len(ours), len(truth)),
    )
    return Outcome(
        flavour, way, "missed", f"{same} of {len(truth)} frames, then {names[same : same + 2]}"
    )


def own_spans(document: dict[str, Any]) -> list[range]:
    """Where the program and its own libraries are loaded."""
    names = ("program", "libgone.so", "libfaulty.so")
    return [
        range(int(row["base_addr"], 16), int(row["end_addr"], 16))
        for row in document["modules"]
        if row["filename"] in names
    ]


if __name__ == "__main__":
    sys.exit(main())
