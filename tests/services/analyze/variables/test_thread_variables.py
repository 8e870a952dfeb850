"""Variables that each thread has, of programs that have crashed here."""

import struct
import subprocess
import sys
from pathlib import Path

import pytest

if sys.platform != "linux":
    pytest.skip("needs Linux", allow_module_level=True)

from crashtool.services.analyze.inspect_dumps import InspectOptions, read_report
from crashtool.services.analyze.variables.wanted import WantedVariables
from crashtool.services.handler.reports.delivery import find_delivery
from crashtool.services.handler.reports.report_database import prepare_database
from crashtool.services.handler.smoke.subprocess_run import run_in_subprocess
from crashtool.services.handler.snapshot.own_writer import OwnWriter
from crashtool.services.symbols.session import open_session
from crashtool.services.symbols.symbol_plan import SymbolPlan
from tests.toolchain import need_programs

SOURCE = Path(__file__).resolve().parents[3] / "programs" / "thread_locals.c"
BUILDS = {
    "gcc -O0": ["gcc", "-O0"],
    "gcc -O2, at one address": ["gcc", "-O2", "-no-pie", "-DALIGNMENT=2"],
    "gcc -O1, DWARF 4, global": ["gcc", "-O1", "-gdwarf-4", "-fpic", "-DALIGNMENT=1"],
    "gcc, static": ["gcc", "-O0", "-static", "-DALIGNMENT=32"],
    "gcc, 32 bits": ["gcc", "-O0", "-m32"],
    "clang -O0": ["clang", "-O0"],
    "clang -O0, split": ["clang", "-O0", "-gsplit-dwarf"],
    "clang -O2": ["clang", "-O2", "-DALIGNMENT=8"],
}
THREAD_LIST, RECORD, TEB = 3, 48, 16  # a stream; MINIDUMP_THREAD's size and its Teb's offset

pytestmark = pytest.mark.toolchain


def build(folder, *flags):
    need_programs(flags[0], *(flag for flag in flags if flag == "-m32"))
    program = folder / "program"
    line = [*flags, "-g", "-w", "-pthread", "-Wl,--build-id", "-o", program, SOURCE]
    subprocess.run(line, check=True, cwd=folder)
    return program


def crash(program):
    """The minidump of a program that crashes."""
    database = program.parent / "database"
    prepare_database(database)
    result = run_in_subprocess([str(program)], own=OwnWriter(str(database), ()))
    return Path(find_delivery(database, frozenset(), result.process_id).path)


def read_variables(dump, *files):
    """What `crash` has of its thread, by name."""
    plan = SymbolPlan(paths=tuple(map(str, files)), offline=True, local=False)
    with open_session(plan, str(dump.parent / "cache")) as symbols:
        options = InspectOptions(symbols=symbols, variables=WantedVariables())
        report = read_report(str(dump), str(dump), options)
    frame = report.crashed_thread.frames[0]
    assert frame.function == "crash"
    return {
        variable.name: variable.value for variable in frame.variables if variable.name != "seed"
    }


def change_pointers(dump, change):
    """Write other thread pointers."""
    content = bytearray(dump.read_bytes())
    count, directory = struct.unpack_from("<II", content, 8)
    entries = (struct.unpack_from("<III", content, directory + 12 * step) for step in range(count))
    start = next(rva for kind, _, rva in entries if kind == THREAD_LIST)
    for number in range(*struct.unpack_from("<I", content, start)):
        offset = start + 4 + RECORD * number + TEB
        (pointer,) = struct.unpack_from("<Q", content, offset)
        struct.pack_into("<Q", content, offset, change(pointer))
    dump.write_bytes(content)


@pytest.mark.parametrize("flags", BUILDS.values(), ids=BUILDS)
def test_those_of_another_thread_are_on_its_stack(tmp_path, flags):
    program = build(tmp_path, *flags)
    values = read_variables(crash(program), program)
    assert values["counter"].text == "44"
    assert values["zero"].text == "123"
    assert values["large"].children[1].text == "118"
    assert [child.text.partition(" ")[0] for child in values["bytes"].children] == [
        *("0", "41", "0", "0", "0")
    ]
    assert values["pointer"].text == "null"


def test_those_of_the_first_thread_are_right_or_not_in_the_dump(tmp_path):
    program = build(tmp_path, "gcc", "-O0", "-DIN_MAIN")
    values = read_variables(crash(program), program)
    assert values["counter"].state == "value" or "memory at 0x" in values["counter"].reason
    texts = {name: value.text for name, value in values.items() if value.state == "value"}
    right = {
        "counter": "44",
        "zero": "123",
        "large": "",
        "bytes": "",
        "space": '"\\x01"',
        "pointer": "null",
    }
    assert texts.items() <= right.items()


def test_gcc_s_split_units_do_not_say_where_they_are(tmp_path):
    """They have addresses of the file for offsets: here such as are offsets, too."""
    program = build(tmp_path, "gcc", "-O0", "-gdwarf-5", "-gsplit-dwarf", "-DSPACE=0x8000")
    values = read_variables(crash(program), program)
    assert {value.state for value in values.values()} == {"unknown"}
    assert all("the file does not say where" in value.reason for value in values.values())


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda _: 0, "the dump does not say where the thread has those"),
        (lambda pointer: pointer + 8, "whose control block is not at"),
    ],
)
def test_a_thread_pointer_that_is_none_has_no_variables(tmp_path, change, reason):
    program = build(tmp_path, "gcc", "-O0")
    dump = crash(program)
    change_pointers(dump, change)
    values = read_variables(dump, program)
    assert {value.state for value in values.values()} == {"unknown"}
    assert all(reason in value.reason for value in values.values())


def test_those_of_a_library_are_not_known(tmp_path):
    need_programs("gcc")
    library = tmp_path / "libcrash.so"
    line = ["gcc", "-g", "-w", "-fpic", "-shared", "-DLIBRARY", "-Wl,--build-id", "-o", library]
    subprocess.run([*line, SOURCE], check=True, cwd=tmp_path)
    main = tmp_path / "main.c"
    main.write_text("void crash(int); int main(int n, char **v) { crash(40 + n); }\n", "utf-8")
    program = tmp_path / "program"
    line = ["gcc", "-g", "-w", "-o", program, main, library, f"-Wl,-rpath,{tmp_path}"]
    subprocess.run(line, check=True, cwd=tmp_path)
    values = read_variables(crash(program), program, library)
    assert len(values) == 6
    assert all("of a library" in value.reason for value in values.values())
