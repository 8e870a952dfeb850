"""Minidumps as core files: what real debuggers see in them, and that they see nothing else."""

import json
import shutil
import struct
import subprocess
import zipfile
from itertools import pairwise

import pytest

from crashtool.errors import CannotWrite, UsageError
from crashtool.formats.core_file import writer
from crashtool.formats.core_file.machines import FPREGSET, X86_XSTATE
from crashtool.formats.minidump.file import Minidump
from crashtool.formats.object_file import elf
from crashtool.services.analyze.assemble_report import analyze
from crashtool.services.analyze.core.build import write_core_file
from crashtool.services.analyze.core.link_map import BIAS
from crashtool.services.symbols.session import SymbolPlan, open_session
from tests.synth.minidump import MinidumpBuilder

EACH = 4  # of the truth's cases, one
# The dump holds no stack, or nothing tells which file the program is.
UNKNOWN = (
    "kinds-O2-overflow",
    "kinds-O0-m32-badsp",
    "kinds-O0-badsp-chrome",
    "kinds-O2-nobuildid-deep",
)
WALK = """
import gdb
kinds = {gdb.NORMAL_FRAME: "normal", gdb.INLINE_FRAME: "inline", gdb.SIGTRAMP_FRAME: "sigtramp",
         gdb.TAILCALL_FRAME: "tailcall"}
frame = gdb.newest_frame()
while frame is not None:
    print("FRAME", frame.pc(), kinds.get(frame.type()), frame.name())
    try:
        frame = frame.older()
    except gdb.error:
        break
"""


@pytest.fixture(scope="module")
def gdb(tmp_path_factory):
    """gdb(program, core, commands…) -> its words."""
    if not shutil.which("gdb"):
        pytest.skip("needs gdb")
    script = tmp_path_factory.mktemp("gdb") / "walk.py"
    script.write_text(WALK, encoding="utf-8")

    def run(program, core, *commands):
        arguments = [part for text in commands for part in ("-ex", text)]
        result = subprocess.run(
            ["gdb", "-nx", "-batch", "-iex", "set debuginfod enabled off", "-x", str(script),
             *arguments, program, str(core)],
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        if "Python scripting is not supported" in result.stderr:
            pytest.skip("this gdb has no Python")
        return result

    return run


@pytest.fixture(scope="module")
def linux(truth):
    return truth / "linux"


@pytest.fixture(scope="module")
def write(linux, tmp_path_factory):
    """write(case) -> (core file, what was written of which)."""
    folder = tmp_path_factory.mktemp("cores")
    plan = SymbolPlan(paths=(str(linux / "bin"), str(linux / "syslibs")))
    with open_session(plan, str(folder / "cache")) as symbols:

        def make(case):
            path = str(linux / case["dump"])
            with Minidump.open(path) as dump:
                report = analyze(dump, path)
                symbols.begin_dump(path, report.modules)
                return write_core_file(dump, report, symbols, str(folder / f"{case['id']}.core"))

        yield make


@pytest.fixture(scope="module")
def cases(linux):
    return json.loads((linux / "manifest.json").read_text(encoding="utf-8"))["cases"]


def frames_of(result):
    rows = [
        line.split(None, 3)[1:3] for line in result.stdout.splitlines() if line.startswith("FRAME ")
    ]
    return [(int(pc), kind) for pc, kind in rows]


def test_gdb_sees_the_chain_that_it_saw_in_the_very_process(gdb, linux, write, cases):
    wrong, count = [], 0
    for case in cases[::EACH]:
        if case["id"] in UNKNOWN:
            continue
        truth = json.loads((linux / case["truth"]).read_text(encoding="utf-8"))
        frames = next(row["frames"] for row in truth["threads"] if row.get("crashed"))
        expected = [(int(frame.get("pc", "0"), 16), frame.get("kind")) for frame in frames]
        core = write(case)
        found = frames_of(gdb(core.program or linux / case["program"], core.path))
        same = [row for row, want in zip(found, expected, strict=False) if want[0]]
        if same != [want for want in expected if want[0]]:
            wrong.append((case["id"], found[:4], expected[:4]))
        count += 1
    assert not wrong
    assert count > 20


def find_case(cases, name):
    return next(case for case in cases if case["id"] == name)


def test_what_the_dump_lacks_has_no_value(gdb, write, cases):
    """Writable data, what the loader has protected since, and .bss: no file may stand for them."""
    core = write(find_case(cases, "kinds-O0-abort"))
    result = gdb(
        core.program, core.path, "print sink", "print null_ptr", "print kinds[0]", "print stdout"
    )
    assert result.stdout.count("$") == 0
    assert result.stderr.count("Cannot access memory") >= 3
    known = gdb(core.program, core.path, "x/i $pc", "print (char)*(char*)0x5606fecd8035")
    assert "$1 = 110 'n'" in known.stdout  # of "null" in .rodata, which the process cannot write


def test_the_signal_has_the_address_of_a_fault_and_no_sender_that_is_not_known(gdb, write, cases):
    core = write(find_case(cases, "kinds-O0-m32-nullwrite"))
    result = gdb(core.program, core.path, "print $_siginfo._sifields._sigfault.si_addr")
    assert "SIGSEGV" in result.stdout
    assert "$1 = (void *) 0x10" in result.stdout
    sent = write(find_case(cases, "kinds-O0-abort"))
    result = gdb(sent.program, sent.path, "print $_siginfo._sifields._kill.si_pid")
    assert "SIGABRT" in result.stdout
    assert "$1" not in result.stdout


def test_a_core_file_is_for_its_owner_alone_and_small(linux, write, cases):
    case = find_case(cases, "kinds-O0-abort")
    path = write(case).path
    size = (linux / case["dump"]).stat().st_size
    with open(path, "rb") as file:  # noqa: PTH123
        assert file.read(4) == b"\x7fELF"
    from pathlib import Path

    assert Path(path).stat().st_mode & 0o077 == 0
    assert Path(path).stat().st_size < 65536 + 3 * size


def build(tmp_path, secret=b"", **system):
    registers = {"rip": 0x401000, "rsp": 0x7000}
    builder = MinidumpBuilder().add_system(**system)
    builder.add_thread(7, registers=registers, stack=(0x7000, b"A" * 64))
    if secret:
        builder.add_memory(0x9000, secret)
    builder.add_memory(0x7020, b"B" * 64)  # overlaps the stack
    path = tmp_path / "crash.dmp"
    path.write_bytes(builder.set_exception(7, 11, registers=registers).pack())
    return path


def write_alone(path, target):
    with Minidump.open(path) as dump:
        return write_core_file(dump, analyze(dump, str(path)), None, str(target))


def read_segments(content):
    """(type, address, bytes) of a 64-bit core file's segments."""
    count = struct.unpack_from("<H", content, 56)[0]
    for index in range(count):
        kind, _, offset, address, _, size, memory, _ = struct.unpack_from(
            "<IIQQQQQQ", content, 64 + 56 * index
        )
        assert size == memory or kind != writer.PT_LOAD
        yield kind, address, content[offset : offset + size]


def test_what_a_process_could_write_is_covered_for_lldb(linux, write, cases):
    """By an image that the link map lists last: it has a section, of no content, in the place of
    each segment that could be written.
    """
    core = write(find_case(cases, "kinds-O0-abort"))
    with open(core.path, "rb") as file:  # noqa: PTH123
        content = file.read()
    ((place, image),) = [
        (address, part)
        for kind, address, part in read_segments(content)
        if kind == writer.PT_LOAD and part.startswith(b"\x7fELF") and address >> 32 == 1
    ]
    auxiliary = next(part for _, kind, part in read_notes(content) if kind == writer.AUXV)
    assert struct.pack("<QQ", 33, place) in auxiliary
    anchor, own = (struct.unpack_from("<IIQQQQQQ", image, 64 + 56 * index) for index in range(2))
    assert (own[2], own[3] + BIAS) == (0, place)
    assert anchor[3] % 2  # lldb counts from here at first, and so from elsewhere
    with open(core.program, "rb") as file:  # noqa: PTH123
        _, segments, _ = elf.read_segments(file.read())
    written = [row for row in segments if row.segment_type == 1 and row.flags & 2]
    base = min(
        address
        for kind, address, _ in read_segments(content)
        if kind == writer.PT_LOAD and address >> 32 > 1
    )
    start, count = struct.unpack_from("<Q", image, 40)[0], struct.unpack_from("<H", image, 60)[0]
    rows = [struct.unpack_from("<IIQQQQ", image, start + 64 * index) for index in range(count)]
    covers = [(row[3], row[5]) for row in rows if row[1] == 8]  # SHT_NOBITS
    assert (base + written[0].address - BIAS, written[0].memory_size) in covers
    assert own[5] <= start  # gdb sees none of them


def test_memory_is_the_dumps_each_byte_once(tmp_path):
    path = build(tmp_path)
    core = write_alone(path, tmp_path / "core")
    content = (tmp_path / "core").read_bytes()
    loaded = [row[1:] for row in read_segments(content) if row[0] == writer.PT_LOAD]
    with Minidump.open(path) as dump:
        for address, part in loaded:
            assert dump.memory.read(address, len(part)) == part
    covered = [(address, address + len(part)) for address, part in loaded]
    assert covered[0][0] == 0x7000
    assert covered[-1][1] == 0x7060
    assert all(one[1] == other[0] for one, other in pairwise(covered))
    assert core.program == ""


def test_pages_of_a_large_dump_are_given_back_however_small_its_ranges(tmp_path, monkeypatch):
    builder = MinidumpBuilder().add_system().add_thread(7, registers={"rsp": 0x7000})
    ranges, size = 96, writer.BLOCK // 32
    for index in range(ranges):
        builder.add_memory(0x100000 + 2 * size * index, bytes(size))
    path = tmp_path / "crash.dmp"
    path.write_bytes(builder.pack())
    given_back = []
    monkeypatch.setattr(Minidump, "release_pages", lambda _: given_back.append(1))
    write_alone(path, tmp_path / "core")
    assert len(given_back) == ranges * size // writer.BLOCK


@pytest.mark.parametrize(
    "system", [{"platform": "windows"}, {"platform": "linux", "architecture": "arm"}]
)
def test_a_dump_that_no_core_file_can_hold_is_refused(tmp_path, system):
    builder = MinidumpBuilder().add_system(**system)
    path = tmp_path / "crash.dmp"
    path.write_bytes(builder.add_thread(7).pack())
    with pytest.raises(UsageError, match="Linux on x86-64"):
        write_alone(path, tmp_path / "core")
    assert not (tmp_path / "core").exists()


def test_a_place_that_cannot_be_written_is_said(tmp_path):
    with pytest.raises(CannotWrite):
        write_alone(build(tmp_path), tmp_path / "missing" / "core")


def test_inspect_says_what_opens_the_core_file(crashtool, linux):
    result = crashtool(
        "inspect",
        "--brief",
        linux / "cases" / "kinds-O0-abort.dmp",
        "--symbols",
        linux / "bin",
        "--no-local-symbols",
        "--core",
        "x.core",
    )
    assert result.exit_code == 0
    assert "gdb " in result.stderr
    assert "bin/O0/kinds x.core" in result.stderr
    assert "no program files for libc.so.6" in result.stderr


def test_no_lldb_is_offered_where_the_program_is_unknown(crashtool, tmp_path):
    """It would take the values of variables from the program that it is given."""
    result = crashtool("inspect", "--brief", build(tmp_path), "--core", "x.core")
    assert result.exit_code == 0
    assert "gdb PROGRAM x.core" in result.stderr
    assert "lldb" not in result.stderr


def test_inspect_writes_one_core_file_of_one_dump(crashtool, tmp_path):
    path = build(tmp_path)
    assert crashtool("inspect", path, path, "--core", "x.core").exit_code == 2
    assert crashtool("inspect", tmp_path, "--core", "x.core").exit_code == 2
    assert crashtool("inspect", path, "--with-code").exit_code == 2


def test_no_core_file_is_written_over_what_it_is_made_of(crashtool, tmp_path, linux):
    path = build(tmp_path)
    content = path.read_bytes()
    (tmp_path / "link.dmp").symlink_to(path)
    for place in (path, tmp_path / "link.dmp"):
        result = crashtool("inspect", "--brief", path, "--core", place)
        assert result.exit_code == 2
        assert "would overwrite the minidump" in result.stderr
    assert crashtool("inspect", "--brief", path, "--core", "-").exit_code == 2
    assert not (tmp_path / "-").exists()
    assert path.read_bytes() == content
    shutil.copy(linux / "bin" / "O0" / "kinds", tmp_path / "kinds")
    program = (tmp_path / "kinds").read_bytes()
    result = crashtool(
        "inspect",
        "--brief",
        linux / "cases" / "kinds-O0-abort.dmp",
        "--symbols",
        tmp_path,
        "--core",
        "kinds",
    )
    assert result.exit_code == 2
    assert "would overwrite a program's file" in result.stderr
    assert (tmp_path / "kinds").read_bytes() == program


def test_a_core_file_is_of_the_one_minidump_in_an_archive(crashtool, tmp_path):
    path = build(tmp_path)
    for count in (1, 2):
        with zipfile.ZipFile(tmp_path / f"{count}.zip", "w") as archive:
            for number in range(count):
                archive.write(path, f"{number}.dmp")
    assert crashtool("inspect", "--brief", tmp_path / "1.zip", "--core", "1.core").exit_code == 0
    assert (tmp_path / "1.core").read_bytes()[:4] == b"\x7fELF"
    result = crashtool("inspect", "--brief", tmp_path / "2.zip", "--core", "2.core")
    assert result.exit_code == 2
    assert "this archive holds several" in result.stderr
    assert not (tmp_path / "2.core").exists()
    with zipfile.ZipFile(tmp_path / "0.zip", "w") as archive:
        archive.writestr("a.txt", "nothing")
    assert crashtool("inspect", "--brief", tmp_path / "0.zip", "--core", "0.core").exit_code == 3


def test_what_is_scrubbed_is_not_in_the_core_file(crashtool, tmp_path):
    path = build(tmp_path, secret=b"MAGIC_WORD=sesame-open\0HOME=/home/alice\0LANG=C\0")
    wishes = ("--scrub", "environment", "--scrub", "strings=magic-[a-z]+")
    assert crashtool("inspect", "--brief", path, "--core", "plain.core").exit_code == 0
    assert b"sesame-open" in (tmp_path / "plain.core").read_bytes()
    result = crashtool("inspect", "--brief", path, "--core", "x.core", *wishes)
    assert result.exit_code == 0
    assert "scrubbed environment" in result.stderr
    core = (tmp_path / "x.core").read_bytes()
    assert b"MAGIC_WORD=xxxxxxxxxxx" in core
    assert b"sesame" not in core
    assert b"alice" not in core
    assert crashtool("inspect", path, *wishes).exit_code == 2
    assert crashtool("inspect", path, "--core", "y.core", "--scrub", "magic").exit_code == 2


def test_without_floating_point_in_the_dump_there_is_none_in_the_core_file(tmp_path):
    builder = MinidumpBuilder().add_system(platform="linux")
    builder.add_thread(7, registers={"rip": 0x401000, "rsp": 0x7000, "flags": 3})
    path = tmp_path / "crash.dmp"
    path.write_bytes(builder.pack())
    write_alone(path, tmp_path / "core")
    kinds = [kind for _, kind, _ in read_notes((tmp_path / "core").read_bytes())]
    assert FPREGSET not in kinds
    assert X86_XSTATE not in kinds


def test_what_is_mapped_is_never_nothing(tmp_path):
    """gdb takes what no core file has from the program, once it sees no mapped file at all."""
    write_alone(build(tmp_path), tmp_path / "core")
    notes = read_notes((tmp_path / "core").read_bytes())
    content = next(content for _, kind, content in notes if kind == writer.FILE)
    assert struct.unpack_from("<Q", content)[0] == 1
    assert content.endswith(b"/dev/null\0")


def read_notes(content):
    """(owner, kind, content) of each note of a 64-bit core file."""
    notes = next(part for kind, _, part in read_segments(content) if kind == writer.PT_NOTE)
    offset = 0
    while offset < len(notes):
        name, size, kind = struct.unpack_from("<III", notes, offset)
        start = offset + 12 + -(-name // 4) * 4
        yield notes[offset + 12 : offset + 12 + name], kind, notes[start : start + size]
        offset = start + -(-size // 4) * 4


ANDROID = "mozilla-services__minidump-stackwalk/_derived/pgo_data/minidumps/android-aarch64.dmp"


def test_gdb_reads_the_registers_of_a_real_arm64_dump(corpus, tmp_path):
    if not shutil.which("gdb-multiarch"):
        pytest.skip("needs gdb-multiarch")
    if not (corpus / ANDROID).exists():
        pytest.skip("needs corpus/")
    core = tmp_path / "core"
    write_alone(corpus / ANDROID, core)
    result = subprocess.run(
        ["gdb-multiarch", "-nx", "-batch", "-ex", "info registers pc sp x6 x30", "-core", core],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    with Minidump.open(corpus / ANDROID) as dump:
        known = dump.context(dump.exception.context).registers
        count = len(dump.threads)
    words = [line.split() for line in result.stdout.splitlines()]
    names = ("pc", "sp", "x6", "x30")
    shown = {row[0]: int(row[1], 16) for row in words if row and row[0] in names}
    assert shown == {"pc": known["pc"], "sp": known["sp"], "x6": known["x6"], "x30": known["lr"]}
    assert result.stdout.count("[New LWP") == count
