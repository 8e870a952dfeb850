"""Core files held against the kernel's own of the same process, in real gdb and lldb."""

import json
import os
import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

from crashtool.errors import CrashtoolError
from crashtool.formats.core_file.machines import X86
from crashtool.model.module import Module
from crashtool.services.analyze.core.images import open_image
from crashtool.services.handler.crashpad_handler.find import find_handler
from tests.services.analyze.debuggers import (
    GDB_MEMORY,
    GDB_VARIABLES,
    gdb_says,
    lldb_says,
    need_gdb,
    need_lldb,
    run_gdb,
)
from tests.toolchain import need_programs

POISON = Path(__file__).parents[2] / "programs" / "poison.c"
CORE_PATTERN = Path("/proc/sys/kernel/core_pattern")
NO_VALUE = re.compile(
    r"Cannot access memory|Cannot find thread-local|failed|couldn't|no TLS|No TLS data"
    r"|can't be resolved|out of scope|No symbol"
)
BUILDS = (
    ("g++", "-O0"),
    ("g++", "-O2", "-gdwarf-4"),
    ("g++", "-O1", "-no-pie", "-fno-pie"),
    ("clang++", "-O2"),
)
# What gdb 13 says of what lies in a vector register, where it cannot read the kernel's note of
# these registers: that of newer processors is shorter than it expects.
UNAVAILABLE = "<unavailable>"
FAR = """
int data_word = 7;
int far(int n) { return 3 * n + data_word; }  // from what the dump itself holds of code
__attribute__((aligned(16384))) int main(void) { *(volatile int *)0 = 1; return far(1); }
"""
BYTE = re.compile(r"\b0x[0-9a-f]{2}\b")
# What lldb 19 says of a C++ library's types, once, whenever it comes to them.
NOISE = re.compile(r"^error: program 0x[0-9a-f]+: DW_TAG_member .*\n", re.MULTILINE)
OWN_ADDRESS = re.compile(r"Point @ 0x[0-9a-f]+")  # of a copy that lldb makes in itself


class Process:
    """A program that crashed: its dump, the kernel's core file and the one of crashtool."""

    def __init__(self, folder, program):
        self.folder, self.program = folder, program
        self.dump = next(folder.glob("db/*/*.dmp"))
        self.kernel = next(folder.glob("core*"), None)

    def inspect(self, name, *options):
        core = self.folder / name
        environment = {**os.environ}
        environment.pop("CRASHTOOL_NO_LOCAL_SYMBOLS", None)  # libc is the machine's own
        subprocess.run(
            [sys.executable, "-m", "crashtool", "inspect", "--brief", self.dump, "--core", core,
             *options, *(() if "--no-local-symbols" in options else ("--symbols", self.folder))],
            check=True, capture_output=True, timeout=120, env=environment,
        )  # fmt: skip
        return core


OWN = ("--writer", "own")


def crash(folder, compiler, source, *flags, writer=OWN):
    """Build and crash a program, under crashtool's own writer or as `writer` says."""
    import resource

    need_programs(compiler, *(flag for flag in flags if flag in ("-m32", "-static")))
    program = folder / "program"
    built = subprocess.run(
        [compiler, "-g", *flags, "-pthread", source, "-o", program],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert not built.returncode, built.stderr
    endless = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    subprocess.run(
        [sys.executable, "-m", "crashtool", "run", *writer, "--database", "db", "--", program],
        cwd=folder,
        capture_output=True,
        timeout=120,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CORE, endless),
    )
    return Process(folder, program)


def need_kernel_cores():
    if not CORE_PATTERN.exists() or CORE_PATTERN.read_text().strip() != "core":
        pytest.skip("needs core files of the kernel: core_pattern is not core")


WAYS = {
    "pie": ("-O0",),
    "fixed": ("-O0", "-no-pie", "-fno-pie"),
    "static": ("-O0", "-static"),
    "one-segment": ("-O0", "-Wl,-z,noseparate-code"),
    "text-relocations": ("-O0", "-m32", "-DTEXTREL", "-Wl,-z,notext"),
}


TRIES = 4
SYMBOL = re.compile(
    r"^([0-9a-f]+) \w (?:data_word|data_text|zero_word|zero_text|heap)$", re.MULTILINE
)


@pytest.fixture(scope="module", params=WAYS)
def poisoned(request, tmp_path_factory):
    """A process whose dump lacks its variables: what a word of it points at may be beside them."""
    for _ in range(TRIES):
        process = crash(tmp_path_factory.mktemp(request.param), "gcc", POISON, *WAYS[request.param])
        if not any(holds_variable(process)):
            break
    return process


def holds_variable(process):
    """Whether the dump has memory of each variable of the program."""
    report = subprocess.run(
        [sys.executable, "-m", "crashtool", "inspect", "--json", process.dump],
        check=True, capture_output=True, timeout=120,
    ).stdout  # fmt: skip
    listed = subprocess.run(["nm", process.program], capture_output=True, text=True, check=True)
    base = int(json.loads(report)["modules"][0]["base_addr"], 16)
    ranges = find_held(process.inspect("held.core"))
    for text in SYMBOL.findall(listed.stdout):
        address = int(text, 16) + (base if int(text, 16) < base else 0)
        yield any(low <= address < high for low, high in ranges)


VARIABLES = ("data_word", "data_text", "zero_word", "zero_text[5]", "thread_word", "heap", "*heap")


# Options of inspect by what a debugger can know of the program's files
KNOWN = {
    "with its files": (),
    "without": ("--no-local-symbols",),
    "with their code": ("--with-code",),
}


@pytest.mark.toolchain
@pytest.mark.parametrize("known", KNOWN)
def test_gdb_shows_no_value_that_the_dump_lacks(poisoned, known):
    need_gdb()
    core = poisoned.inspect(f"{known}.core", *KNOWN[known])
    for answer in gdb_says(poisoned.program, core, *(f"print {name}" for name in VARIABLES)):
        assert NO_VALUE.search(answer), answer
        assert "$" not in answer


@pytest.mark.toolchain
@pytest.mark.parametrize("known", KNOWN)
def test_lldb_shows_no_value_that_the_dump_lacks(poisoned, known):
    lldb = need_lldb()
    core = poisoned.inspect(f"{known}.core", *KNOWN[known])
    commands = [
        f"{word} {name}"
        for word in ("p", "target variable")
        for name in ("data_word", "zero_word", "heap", "thread_word")
    ]
    for answer in lldb_says(lldb, poisoned.program, core, *commands):
        assert NO_VALUE.search(answer), answer
    texts = lldb_says(lldb, poisoned.program, core, "p data_text", "target variable data_text")
    assert "as-the-file-has-it" not in "".join(texts)  # lldb calls a text that it cannot read ""


@pytest.mark.toolchain
@pytest.mark.parametrize("known", ["with its files", "with their code"])
def test_lldb_reads_no_byte_of_a_variable_from_a_file(poisoned, known):
    """By any command that takes an address; where a core file has nothing, lldb asks the module."""
    lldb = need_lldb()
    core = poisoned.inspect("raw.core", *KNOWN[known])
    places = gdb_says(
        poisoned.program, core, *(f"print (long)&{name}" for name in RAW), "print (long)&constant"
    )
    *addresses, constant = (int(answer.split()[-1]) for answer in places)
    mapped = find_held(core)
    commands = ("memory read", "x/2gx", "memory read -f s -c 1", "disassemble -c 2 -s")
    for address in addresses:
        if any(low <= address < high for low, high in mapped) or abs(address - constant) < NEAR:
            continue  # the dump has it; a constant table, where nothing has to be relocated
        for answer in lldb_says(
            lldb, poisoned.program, core, *(f"{command} {address:#x}" for command in commands)
        ):
            assert re.search("^error: ", answer, re.MULTILINE), answer
            assert f"{address:#x}: " not in answer
    known_bytes = lldb_says(lldb, poisoned.program, core, f"x/1wx {constant:#x}")[0]
    assert "0x0c0ffee0" in known_bytes  # which no process can have written


NEAR = 0x100
WAITING = r"""
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
int data_word = 0x600dda7a, *where;
static volatile int waiting;
static void *wait_here(void *none)
{
  waiting = gettid();
  for (;;) pause();
  return none;
}
static int is_asleep(void)
{
  char path[64], text[256] = "";
  snprintf(path, sizeof path, "/proc/self/task/%d/stat", waiting);
  FILE *file = fopen(path, "r");
  if (!file) return 0;
  if (!fgets(text, sizeof text, file)) text[0] = 0;
  fclose(file);
  return strstr(text, ") S ") != 0;
}
__attribute__((noinline)) int fall(int n) { data_word = 1; return *where + n; }
int main(void)
{
  pthread_t thread;
  pthread_create(&thread, 0, wait_here, 0);
  while (!waiting || !is_asleep()) usleep(100);
  return fall(3);
}
"""


@pytest.mark.toolchain
def test_beside_the_rules_of_linux_gate_variables_are_covered_too(tmp_path):
    """Both stand in one image, of which gdb and lldb each take what is theirs."""
    need_gdb()
    (tmp_path / "waiting.c").write_text(WAITING, encoding="utf-8")
    process = crash(tmp_path, "gcc", tmp_path / "waiting.c", "-O0", "-m32")
    core = process.inspect("gate.core")
    place, symbol, value, threads = gdb_says(
        process.program,
        core,
        "print (long)&data_word",
        "info symbol &data_word",
        "print data_word",
        "thread apply all bt",
    )
    assert "Cannot access memory" in symbol + value
    assert "in wait_here" in threads
    address = int(place.split()[-1]) % (1 << 32)
    raw, frames = lldb_says(need_lldb(), process.program, core, f"x {address:#x}", "bt all")
    assert re.search("^error: ", raw, re.MULTILINE), raw
    assert "wait_here" in frames


RAW = ("data_word", "data_text", "zero_word", "zero_text", "heap", "relro")


def find_held(core):
    """(start, end) of what a core file has of memory."""
    listed = subprocess.run(["readelf", "-lW", core], capture_output=True, text=True, check=True)
    rows = [line.split() for line in listed.stdout.splitlines()]
    return [
        (int(row[2], 16), int(row[2], 16) + int(row[4], 16)) for row in rows if row[:1] == ["LOAD"]
    ]


@pytest.mark.toolchain
def test_code_in_a_core_file_is_read_where_the_programs_file_is_not(tmp_path):
    """By gdb and by lldb, which have nothing but the core file."""
    need_gdb()
    (tmp_path / "far.c").write_text(FAR, encoding="utf-8")
    process = crash(tmp_path, "gcc", tmp_path / "far.c", "-O0")
    plain, whole = process.inspect("plain.core"), process.inspect("whole.core", "--with-code")
    start = gdb_says(process.program, plain, "print/x (long)&far")[0].split()[-1]
    asked = (f"x/4i {start}", f"x/32xb {start}")
    known = gdb_says(process.program, plain, *asked)
    process.program.rename(tmp_path / "elsewhere")
    assert "Cannot access memory" in gdb_says(None, plain, asked[0])[0]
    found = gdb_says(None, whole, *asked, "print data_word", "x/8xb 8")
    assert [strip_symbols(text) for text in found[:2]] == [strip_symbols(text) for text in known]
    assert found[1].count("0x") >= 32
    assert all(NO_VALUE.search(answer) for answer in found[2:]), found
    said = lldb_says(need_lldb(), None, whole, f"memory read -s 1 -f x -c 8 {start}")[0]
    assert BYTE.findall(said) == BYTE.findall(found[1])[:8]


def strip_symbols(text):
    """Lines without the names that addresses have, and the mark of the one that is executed."""
    return [re.sub(r"<[^>]*>|=>|:", " ", line).split() for line in text.splitlines()]


@pytest.mark.toolchain
def test_code_that_the_loader_has_changed_is_not_read_from_its_file(tmp_path):
    need_programs("gcc", "-m32")
    for way, is_read in (("text-relocations", False), ("plain", True)):
        flags = WAYS.get(way, ("-m32",))
        subprocess.run(["gcc", *flags, POISON, "-o", tmp_path / way], check=True)
        module = Module(0x10000000, 0x1000, way, way)
        assert bool(open_image(X86, module, str(tmp_path / way)).files) == is_read


@pytest.mark.toolchain
@pytest.mark.parametrize("options", [(), ("--with-code",)], ids=["plain", "with code"])
def test_every_byte_that_gdb_reads_is_the_processs_own(poisoned, options):
    """All that is mapped, page by page, and in the kernel's own core file of the process."""
    need_gdb()
    need_kernel_cores()
    core = poisoned.inspect("bytes.core", *options)
    ranges = poisoned.folder / "ranges"
    ranges.write_text("\n".join(f"{start} {size}" for start, size in walk_mapped(poisoned.kernel)))
    mine = run_gdb(poisoned.folder, GDB_MEMORY, poisoned.program, core, RANGES=str(ranges))
    true = run_gdb(
        poisoned.folder, GDB_MEMORY, poisoned.program, poisoned.kernel, RANGES=str(ranges)
    )
    places = ranges.read_text().split("\n")
    different = [
        place
        for place, one, other in zip(places, mine, true, strict=True)
        if None not in (one, other) and one != other
    ]
    assert len([row for row in mine if row is not None]) > 100
    # The link map is made anew, and DT_DEBUG leads there: sixteen bytes of the program's own.
    assert len(different) <= 2, different


def walk_mapped(core):
    """(address, size) of pieces of what a process had, as a kernel's core file lists it."""
    listed = subprocess.run(["readelf", "-lW", core], capture_output=True, text=True, check=True)
    for line in listed.stdout.splitlines():
        words = line.split()
        if words[:1] == ["LOAD"]:
            start, size = int(words[2], 16), min(int(words[5], 16), 1 << 20)
            yield from (
                (start + offset, 16) for offset in range(0, size, 16 if size < 1 << 14 else 1024)
            )


@pytest.fixture(scope="module", params=BUILDS, ids="_".join)
def variables(request, truth, tmp_path_factory):
    compiler, *flags = request.param
    source = truth / "linux-variables" / "locals.cc"
    if not source.exists():
        pytest.skip("needs truth/linux-variables")
    need_kernel_cores()
    return crash(tmp_path_factory.mktemp("variables"), compiler, source, "-std=c++17", *flags)


@pytest.mark.toolchain
def test_variables_in_gdb_are_those_of_the_kernels_core_file(variables):
    equal, lost = compare_variables(variables)
    assert equal > 90
    assert equal >= 0.98 * (equal + len(lost))


@pytest.mark.toolchain
def test_of_a_handlers_dump_static_variables_and_virtual_bases_have_no_value(truth, tmp_path):
    """Where a virtual base lies is told by a table that the loader has written, as it has those
    variables' memory; no handler keeps it. All else is on the stacks.
    """
    source = truth / "linux-variables" / "locals.cc"
    if not source.exists():
        pytest.skip("needs truth/linux-variables")
    need_kernel_cores()
    try:
        handler = find_handler().path
    except CrashtoolError as error:
        pytest.skip(f"needs a crashpad_handler: {error.what}")
    options = ("--handler", handler)
    process = crash(tmp_path, "g++", source, "-std=c++17", "-O0", writer=options)
    equal, lost = compare_variables(process)
    assert equal > 200
    others = [path for _, path in lost if not path.startswith(("0:d.Left.", "0:d.Right."))]
    assert others == ["1:calls"]


def compare_variables(process):
    """How many variables have one value in both core files, and (function, path) of those that only
    the kernel's has. AssertionError where two values differ.
    """
    need_gdb()
    core = process.inspect("mine.core")
    found, true = (
        run_gdb(process.folder, GDB_VARIABLES, process.program, path)
        for path in (core, process.kernel)
    )
    assert [row[:2] for row in found] == [row[:2] for row in true]
    equal, lost = 0, []
    for (_, name, mine), (_, _, theirs) in zip(found, true, strict=True):
        values = defaultdict(list)
        for path, value in mine:
            values[path].append(value)
        for path, value in theirs:
            other = values[path].pop(0) if values[path] else None
            if value == UNAVAILABLE:
                continue
            assert other in (None, value), (name, path, other, value)
            if value is not None and not path.endswith("*"):  # where a pointer leads is no variable
                if other is None:
                    lost.append((name, path))
                else:
                    equal += 1
    return equal, lost


@pytest.mark.toolchain
def test_lldb_says_of_both_core_files_the_same(variables):
    lldb = need_lldb()
    core = variables.inspect("lldb.core")
    commands = ("bt", "frame variable -T", "up", "up 2", "register read rip rsp rbp rbx")
    mine, true = (
        NOISE.sub(
            "",
            OWN_ADDRESS.sub(
                "Point", "\n".join(lldb_says(lldb, variables.program, path, *commands))
            ),
        )
        for path in (core, variables.kernel)
    )
    assert mine.count("frame #") > 8
    for line, other in zip(mine.splitlines(), true.splitlines(), strict=True):
        # The kernel leaves out constants, and lldb calls that ""; the dump may hold one.
        assert line == other or (other.endswith('""') and line.startswith(other[:-2]))


@pytest.mark.toolchain
def test_a_core_file_of_a_process_is_small(variables):
    core = variables.inspect("small.core")
    assert core.stat().st_size < 65536 + 3 * variables.dump.stat().st_size
