"""The minidump that crashtool writes itself, held against the handler's and read by others."""

import json
import re
import shutil
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

if sys.platform != "linux":
    pytest.skip("needs Linux", allow_module_level=True)

from benchmarks.peers import BREAKPAD, DEFAULT_FOLDER, LLDB, RUST, find_peer
from crashtool.formats.minidump.file import Minidump
from crashtool.services.handler.reports.delivery import find_delivery
from crashtool.services.handler.reports.report_database import prepare_database
from crashtool.services.handler.smoke.subprocess_run import run_in_subprocess
from crashtool.services.handler.snapshot.own_writer import OwnWriter
from crashtool.services.sending.refusal import find_refusal
from tests.services.handler.test_program import CRASHES
from tests.toolchain import need_programs, run_tool

PAIRS = (("lang", "日本"), ("prod", "Demo"), ("ver", "1.4.2"))
ALIKE = ("null", "abort", "assert", "fpe", "ill", "trap", "bus", "call_null", "wild_write", "raise",
         "sys", "own_handler_rethrows", "own_handler_crashes", "threads", "executes")  # fmt: skip
VDSO = "linux-gate.so.1"  # its code is in our dumps alone, so signal frames are known for sure

FEW = ("null", "abort", "threads")  # for every Python; each other kind is one more program


def cases(kinds, widths):
    """Each kind of crash in each width of program; but for a few, for one Python alone."""
    return [
        pytest.param(
            kind, width, marks=() if (kind in FEW and width == "64") else pytest.mark.toolchain
        )
        for kind in kinds
        for width in widths
    ]


@pytest.fixture
def crash_under_own(tmp_path, build):
    """crash_under_own(program) -> how it ended, and the report that crashtool wrote or None."""
    build("crash.c")  # skips where no program can be built, or run

    def run(program, **more):
        database = tmp_path / "own"
        prepare_database(database)
        own = OwnWriter(str(database), PAIRS, **more)
        result = run_in_subprocess(program, own=own)
        return result, find_delivery(database, frozenset(), result.process_id)

    return run


def assert_true_dump(result, delivery, name):
    """The dump tells what the kernel told, and the program died of it all the same."""
    number = signal.Signals[name]
    assert (result.problem, result.notes) == (None, ())
    assert result.status == -number
    assert result.mode == "own"
    assert delivery is not None
    with Minidump.open(delivery.path) as dump:
        exception = dump.exception
        context = dump.context(exception.context)
        assert (exception.code, exception.thread_id) == (number, result.fatal.thread_id)
        assert context.instruction_pointer == result.fatal.instruction_pointer
        assert context.stack_pointer == result.fatal.stack_pointer
        assert dump.system.architecture == result.fatal.architecture
        assert exception.thread_id in [thread.id for thread in dump.threads]
        assert dump.misc.process_id == result.process_id
        assert dump.crashpad.annotations == PAIRS
        assert find_refusal(dump) is None  # of Crashpad's own reader, by which handlers upload
        assert dump.problems == []


@pytest.mark.parametrize(("kind", "width"), cases(CRASHES, ["64", "32", "static"]))
def test_a_crash_is_dumped_without_a_handler(kind, width, build, crash_under_own):
    result, delivery = crash_under_own([build("crash.c", width), kind])

    assert_true_dump(result, delivery, CRASHES[kind])


def test_a_program_whose_first_thread_has_ended_is_dumped(build, crash_under_own):
    result, delivery = crash_under_own([build("crash.c"), "main_thread_gone"])

    assert_true_dump(result, delivery, "SIGSEGV")


@pytest.fixture
def read_chain(crashtool):
    """read_chain(dump, program, images) -> (function, module, offset) of the crashed thread."""

    def read(path, program, images=()):
        given = [word for one in (program, *images) for word in ("--symbols", one)]
        result = crashtool("inspect", "--json", *given, path)
        frames = json.loads(result.stdout)["crashing_thread"]["frames"]
        return [
            (one["function"], one["module"], one["module_offset"])
            if one["module"] != VDSO
            else VDSO
            for one in frames
        ]

    return read


@pytest.mark.parametrize(("kind", "width"), cases(["alternate_stack"], ["64", "32", "static"]))
def test_the_stack_that_a_signal_interrupted_is_kept(
    kind, width, build, crash_under_own, read_chain
):
    program = build("crash.c", width)
    result, delivery = crash_under_own([program, kind])

    functions = [
        call[0] for call in read_chain(delivery.path, program, result.images) if call != VDSO
    ]
    assert functions.count("climb") == 201
    assert functions.index("abort_in_handler") < functions.index("climb")
    assert "main" in functions


@pytest.mark.parametrize(("kind", "width"), cases(ALIKE, ["64", "32"]))
def test_it_tells_the_stack_that_the_handlers_dump_tells(
    kind, width, build, sentry_handler, crash_under, crash_under_own, read_chain
):
    program = build("crash.c", width)
    _, theirs = crash_under(sentry_handler, [program, kind])
    end, ours = crash_under_own([program, kind])

    chain = read_chain(ours.path, program, end.images)
    assert chain == read_chain(theirs.path, program, end.images)


@pytest.mark.parametrize("kind", ["uncaught", "at", "null_object"])
def test_it_tells_the_stack_of_a_thrown_exception(
    kind, build, sentry_handler, crash_under, crash_under_own, read_chain
):
    program = build("crash.cpp")
    _, theirs = crash_under(sentry_handler, [program, kind])
    end, ours = crash_under_own([program, kind])

    chain = read_chain(ours.path, program, end.images)
    assert chain == read_chain(theirs.path, program, end.images)


def read_facts(path):
    """What the two writers must agree on, whichever process they looked at."""
    with Minidump.open(path) as dump:
        exception = dump.exception
        return {
            "exception": (exception.code, exception.flags, len(exception.parameters)),
            "modules": sorted(
                (one.name.rpartition("/")[2], one.size, one.debug_id, one.code_id)
                for one in dump.modules
            ),
            "program": dump.modules[0].name,
            "system": dump.system._replace(csd=""),
            "csd": dump.system.csd,
            "build": dump.misc.build_string,
            "names": sorted({one.name for one in dump.threads}),
            "threads": len(dump.threads),
            "contexts": [dump.context(one.context).flags for one in dump.threads],
        }


@pytest.mark.parametrize(
    ("kind", "width"), cases(["null", "abort", "sys", "raise", "threads"], ["64", "32"])
)
def test_it_tells_the_facts_that_the_handlers_dump_tells(
    kind, width, build, sentry_handler, crash_under, crash_under_own
):
    program = build("crash.c", width)
    _, theirs = crash_under(sentry_handler, [program, kind])
    _, ours = crash_under_own([program, kind])

    ours, theirs = read_facts(ours.path), read_facts(theirs.path)

    for name, value in theirs.items():
        assert ours[name] == value, name


@pytest.mark.parametrize("width", ["64", "32"])
def test_values_of_variables_are_in_it(width, build, sentry_handler, crash_under, crash_under_own):
    program = build("values.c", width)
    _, theirs = crash_under(sentry_handler, [program, "in a thread"])
    _, ours = crash_under_own([program, "in a thread"])
    ours, theirs = Path(ours.path).read_bytes(), Path(theirs.path).read_bytes()

    for text in (b"a local of draw", b"a local of work", b"a local of main"):
        assert text in theirs
        assert text in ours
    assert b"a mesh on the heap" in ours  # which the handler leaves out


def test_floating_point_registers_are_in_it(tmp_path, crash_under_own):
    source = tmp_path / "floats.c"
    source.write_text(
        "int main(void) { double x = 12345.678; long double y = 9876.5L;"
        '__asm__ volatile("movsd %0, %%xmm5\\n\\tfldt %1\\n\\tmovl $1, 0" :: "m"(x), "m"(y)); }',
        encoding="utf-8",
    )
    for width in ("-m64", "-m32"):
        program = tmp_path / f"floats{width}"
        need_programs("gcc", width)
        run_tool("gcc", "-O0", width, "-msse2", "-o", program, source)
        _, delivery = crash_under_own([str(program)])

        content = Path(delivery.path).read_bytes()
        assert bytes.fromhex("5839b4c8d61cc840") in content, width  # 12345.678 as a double
        assert bytes.fromhex("000000000000529a0c40") in content, width  # 9876.5 as the x87 has it


@pytest.mark.parametrize("flag", ["-static", "-static-pie", "-no-pie", "-Wl,--build-id=none"])
def test_a_program_of_any_linkage_is_a_module_whose_symbols_are_found(
    flag, tmp_path, crash_under_own, read_chain
):
    need_programs("gcc", flag)
    program = tmp_path / "program"
    source = Path(__file__).resolve().parents[2] / "programs/crash.c"
    run_tool("gcc", "-g", "-O1", "-pthread", flag, "-o", program, source)

    _, delivery = crash_under_own([str(program), "fpe"])

    chain = read_chain(delivery.path, program)
    assert [function for function, _, _ in chain[:2]] == ["fpe", "main"]
    with Minidump.open(delivery.path) as dump:
        assert dump.modules[0].name == str(program)
        assert not dump.modules[0].debug_id.is_nil


def test_a_small_program_of_lld_is_one_module(tmp_path, crash_under_own, read_chain):
    """Its code begins in the page that its head is in, which is mapped twice."""
    need_programs("clang", "-fuse-ld=lld")
    source, program = tmp_path / "small.c", tmp_path / "small"
    source.write_text("void fail(void) { *(volatile int *)0 = 1; } int main(void) { fail(); }")
    run_tool("clang", "-g", "-O0", "-fuse-ld=lld", "-o", program, source)

    _, delivery = crash_under_own([str(program)])

    assert [row[0] for row in read_chain(delivery.path, program)[:2]] == ["fail", "main"]
    with Minidump.open(delivery.path) as dump:
        names = [module.name for module in dump.modules]
    assert names.count(str(program)) == 1


def test_a_program_built_with_musl_is_dumped(tmp_path, crash_under_own, read_chain):
    program = tmp_path / "program"
    source = Path(__file__).resolve().parents[2] / "programs/values.c"
    run_tool("musl-gcc", "-g", "-O1", "-o", program, source)

    _, delivery = crash_under_own([str(program)])

    assert [row[0] for row in read_chain(delivery.path, program)[:3]] == ["draw", "work", "main"]


def test_a_library_is_called_as_it_calls_itself(tmp_path, build, crash_under_own):
    build("crash.c")
    library, program = tmp_path / "libreal.so.1.2", tmp_path / "program"
    (tmp_path / "library.c").write_text("void fail(void) { *(volatile int *)0 = 1; }")
    (tmp_path / "main.c").write_text("void fail(void); int main(void) { fail(); }")
    soname = "-Wl,-soname,libreal.so.1"
    run_tool("gcc", "-shared", "-fPIC", soname, "-o", library, tmp_path / "library.c")
    (tmp_path / "libreal.so.1").symlink_to(library.name)
    run_tool("gcc", f"-Wl,-rpath,{tmp_path}", "-o", program, tmp_path / "main.c", library)

    _, delivery = crash_under_own([str(program)])

    with Minidump.open(delivery.path) as dump:
        assert str(tmp_path / "libreal.so.1") in [module.name for module in dump.modules]


def test_a_program_that_was_deleted_keeps_its_name_and_identifier(tmp_path, build, crash_under_own):
    program = shutil.copy(build("crash.c"), tmp_path / "gone")
    script = f"exec 9<{program}; rm {program}; exec /proc/self/fd/9 null"

    _, delivery = crash_under_own(["/bin/sh", "-c", script])

    with Minidump.open(delivery.path) as dump:
        assert dump.modules[0].name == str(program)
        assert not dump.modules[0].debug_id.is_nil


def test_an_overflowed_stack_is_in_it_with_both_ends(build, crash_under_own, read_chain):
    program = build("large.c")

    _, delivery = crash_under_own(["sh", "-c", f"ulimit -s 65536; exec {program} 1 0 30000"])

    size = Path(delivery.path).stat().st_size
    chain = read_chain(delivery.path, program)
    assert size < 10_000_000
    assert {row[0] for row in chain[:500]} == {"descend"}
    content = Path(delivery.path).read_bytes()
    with Minidump.open(delivery.path) as dump:
        (thread,) = dump.threads
        assert thread.stack.size == 4 << 20
    assert content.count(b"d" * 900) > 7000  # frames at both ends
    assert b"\x00PATH=" in content  # the stack's very beginning


def test_frames_are_found_where_the_stack_pointer_is_lost(build, crash_under_own, read_chain):
    program = build("crash.c", "32")

    end, delivery = crash_under_own([program, "lost_stack"])

    functions = [row[0] for row in read_chain(delivery.path, program, end.images)]
    assert functions[0] == "lost_stack"
    assert functions[-1] == "_start"  # the frame pointer still leads there


def test_a_large_process_is_dumped_in_bounded_memory(tmp_path, build):
    database = tmp_path / "own"
    prepare_database(database)
    script = textwrap.dedent("""
        import json, sys
        from pathlib import Path
        from crashtool.services.handler.snapshot.own_writer import OwnWriter
        from crashtool.services.handler.run.program import run_program
        result = run_program(sys.argv[2:], own=OwnWriter(sys.argv[1]))
        # Not getrusage(), whose peak may be that of the process that started this one.
        lines = Path("/proc/self/status").read_text().splitlines()
        peak = next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))
        print(json.dumps([result.status, result.problem, peak]))
    """)
    program = [build("large.c"), "64", "1500", "6000"]

    done = subprocess.run(
        [sys.executable, "-c", script, str(database), *program],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )

    status, problem, peak = json.loads(done.stdout)
    (dump,) = database.glob("pending/*.dmp")
    assert (status, problem) == (-signal.SIGSEGV, None)
    assert peak < 200_000  # KiB
    assert dump.stat().st_size < 60_000_000
    with Minidump.open(dump) as opened:
        assert len(opened.threads) == 1501
        assert all(thread.stack for thread in opened.threads)


def test_a_program_that_is_killed_meanwhile_is_no_traceback(tmp_path, build):
    database = tmp_path / "own"
    prepare_database(database)
    script = textwrap.dedent("""
        import os, signal, sys
        from crashtool.services.handler.snapshot import process_snapshot
        from crashtool.services.handler.snapshot.own_writer import OwnWriter
        from crashtool.services.handler.run.program import run_program
        place = sys.argv[2]
        real = getattr(process_snapshot, place)
        def kill(*arguments, **options):
            os.kill(program(), signal.SIGKILL)
            return real(*arguments, **options)
        def program():
            children = open(f"/proc/self/task/{os.getpid()}/children").read().split()
            return int(children[0])
        setattr(process_snapshot, place, kill)
        result = run_program(sys.argv[3:], own=OwnWriter(sys.argv[1]))
        print(result.status)
    """)
    for place in ("list_modules", "read_stopped_thread", "read_texts"):
        done = subprocess.run(
            [sys.executable, "-c", script, str(database), place, build("crash.c"), "threads"],
            capture_output=True,
            text=True,
            check=False,
        )

        assert done.stdout == f"{-signal.SIGKILL}\n", done.stderr


def test_attachments_are_kept_with_it_and_a_missing_one_is_named(tmp_path, build, crash_under_own):
    (tmp_path / "game.log").write_text("the log")
    (tmp_path / "other").mkdir()
    (tmp_path / "other/game.log").write_text("another log")
    attachments = (
        ("game.log", str(tmp_path / "game.log")),
        ("game.log", str(tmp_path / "other/game.log")),
        ("gone.log", str(tmp_path / "gone.log")),
    )

    result, delivery = crash_under_own([build("crash.c"), "null"], attachments=attachments)

    kept = {name: Path(path).read_text() for name, path in delivery.attachments}
    assert kept == {"game.log": "the log", "game-1.log": "another log"}
    assert len(result.notes) == 1
    assert "gone.log is left out: No such file" in result.notes[0]


def test_a_database_that_takes_no_report_at_the_crash_is_replaced(tmp_path, build, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    database = tmp_path / "own"
    prepare_database(database)
    breaks_it = f"rm -r {database} && touch {database} && exec $0 null"

    result = run_in_subprocess(
        ["sh", "-c", breaks_it, build("crash.c")], own=OwnWriter(str(database))
    )

    assert result.problem is None
    assert f"no minidump can be written to {database}: " in result.notes[0]
    assert Path(result.database).parent == tmp_path
    assert find_delivery(Path(result.database), frozenset(), result.process_id)


def peer(which):
    return find_peer(which, DEFAULT_FOLDER) or pytest.skip(f"needs {which.name} ({which.origin})")


@pytest.mark.parametrize(
    ("kind", "width"), cases(["null", "abort", "threads", "overflow"], ["64", "32", "static"])
)
def test_rust_minidump_reads_it(kind, width, build, crash_under_own):
    result, delivery = crash_under_own([build("crash.c", width), kind])

    done = subprocess.run(
        [peer(RUST), "--json", delivery.path], capture_output=True, text=True, check=False
    )

    document = json.loads(done.stdout)
    frame = document["crashing_thread"]["frames"][0]
    assert document["status"] == "OK"
    assert document["crash_info"]["type"].startswith(signal.Signals(result.fatal.number).name)
    assert int(frame["offset"], 16) == result.fatal.instruction_pointer
    assert document["modules"][document["main_module"]]["debug_id"].strip("0")
    assert len(document["crashing_thread"]["frames"]) > 1
    assert "WARN" not in done.stderr, done.stderr


@pytest.mark.parametrize("width", ["64", "32"])
def test_breakpad_reads_it(width, build, crash_under_own):
    program = build("crash.c", width)
    _, delivery = crash_under_own([program, "threads"])

    done = subprocess.run(
        [peer(BREAKPAD), "-m", delivery.path], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr[-500:]
    assert re.search(r"^Crash\|SIGSEGV", done.stdout, re.MULTILINE)
    assert f"Module|{Path(program).name}|" in done.stdout
    assert done.stdout.count("\n") > 200
    assert "ERROR" not in re.sub(r"(?m)^.*symbol.*$", "", done.stderr), done.stderr[-2000:]


@pytest.mark.parametrize("width", ["64", "32"])
def test_lldb_reads_it(width, build, crash_under_own):
    program = build("crash.c", width)
    _, delivery = crash_under_own([program, "fpe"])

    done = subprocess.run(
        [
            peer(LLDB),
            "--no-lldbinit",
            "--batch",
            "-c",
            delivery.path,
            program,
            "-o",
            "bt",
            "-o",
            "image list",
        ],
        capture_output=True,
        text=True,
        check=False,
    )

    assert "SIGFPE" in done.stdout
    assert re.search(r"frame #0: .*fpe", done.stdout), done.stdout
    assert re.search(r"frame #1: .*main", done.stdout), done.stdout
