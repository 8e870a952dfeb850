"""Variables of a minidump held against gdb's on the real core of the same process.

What gdb has wrong there, as its authors know: it reads registers that no call keeps in the frames
of callers, so that what clang left in one there is the innermost frame's (`base` of `merged`).
"""

import json
import math
import os
import re
import subprocess
import sys
from collections import Counter, defaultdict
from pathlib import Path

import pytest

if sys.platform != "linux":
    pytest.skip("needs Linux", allow_module_level=True)

from crashtool.services.analyze.inspect_dumps import InspectOptions, read_report
from crashtool.services.analyze.variables.limits import Limits
from crashtool.services.analyze.variables.wanted import WantedVariables
from crashtool.services.handler.reports.delivery import find_delivery
from crashtool.services.handler.reports.report_database import prepare_database
from crashtool.services.handler.smoke.subprocess_run import run_in_subprocess
from crashtool.services.handler.snapshot.own_writer import OwnWriter
from crashtool.services.symbols.session import open_session
from crashtool.services.symbols.symbol_plan import SymbolPlan
from tests.conftest import SHARED
from tests.toolchain import need

SOURCE = SHARED / "truth" / "linux-variables" / "locals.cc"
SCRIPT = Path(__file__).resolve().parents[3] / "programs" / "gdb_values.py"
# Of each build: how many variables gdb has values of that we have alike, and in how many of those
# that we have, something is missing: the rest is not in the dump, or a register that is lost.
BUILDS = {
    "gcc -O0": (["g++", "-O0", "-gdwarf-5"], 95, 0),
    "gcc -O3": (["g++", "-O3", "-gdwarf-5"], 48, 0),
    "gcc -O2, DWARF 4, types apart": (
        ["g++", "-O2", "-gdwarf-4", "-fdebug-types-section"],
        48,
        0,
    ),
    "gcc -O1, split": (["g++", "-O1", "-gdwarf-5", "-gsplit-dwarf"], 48, 0),
    "clang -O0, DWARF 4": (["clang++", "-O0", "-gdwarf-4"], 93, 0),
    "clang -O2": (["clang++", "-O2", "-gdwarf-5"], 54, 2),
}
VARIABLE_LENGTH = "vla"
PLAIN = Limits(depth=14, length=20, values=5000, is_plain=True)


@pytest.fixture(params=BUILDS)
def crashed(request, tmp_path):
    """A program's report with all variables, and gdb's rows of its core."""
    if sys.platform != "linux":
        pytest.skip("needs Linux")
    if not SOURCE.is_file():
        pytest.skip("needs ../shared/truth/linux-variables")
    if Path("/proc/sys/kernel/core_pattern").read_text(encoding="utf-8").strip() != "core":
        pytest.skip("needs cores in the working folder: core_pattern `core`")
    pytest.importorskip("capstone")  # tells which registers a function leaves alone
    flags, equal, partly = BUILDS[request.param]
    need(flags[0], "gdb")
    program = tmp_path / "locals"
    line = [*flags, "-std=c++17", "-w", "-o", program, SOURCE]
    subprocess.run(line, check=True, cwd=tmp_path)
    report, core = crash(program, tmp_path)
    line = ["gdb", "-nx", "-q", "-batch", program, core, "-ex", f"source {SCRIPT}"]
    said = subprocess.run(line, capture_output=True, text=True, check=False, timeout=300).stdout
    rows = next(row for row in said.splitlines() if row.startswith("VALUES "))
    return report, json.loads(rows.removeprefix("VALUES ")), equal, partly


def crash(program, folder):
    database = folder / "database"
    prepare_database(database)
    import resource  # of Unix alone

    before = Path.cwd()
    os.chdir(folder)
    limits = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (limits[1], limits[1]))
    try:
        result = run_in_subprocess([str(program)], own=OwnWriter(str(database), ()))
    finally:
        resource.setrlimit(resource.RLIMIT_CORE, limits)
        os.chdir(before)
    delivery = find_delivery(database, frozenset(), result.process_id)
    core = next(iter(folder.glob("core*")), None)
    if core is None:
        pytest.skip("this system keeps no core")
    plan = SymbolPlan(paths=(str(program), f"{program.name}={program}"), offline=True, local=False)
    with open_session(plan, str(folder / "cache")) as symbols:
        wanted = WantedVariables(all_frames=True, limits=PLAIN)
        options = InspectOptions(symbols=symbols, variables=wanted)
        return read_report(delivery.path, delivery.path, options), core


def flatten(value, numbers):
    """The numbers in a value, in the order of its members, None for lost ones."""
    if "only declared" in value.reason:  # of which gdb has no members
        return
    if value.state != "value":
        virtual = "running program" in value.reason
        numbers.append("virtual" if virtual else None)
    elif value.children:
        for child in value.children:
            flatten(child, numbers)
    elif value.text:
        numbers.append(parse(value))


def parse(value):
    words = {"null": 0, "true": 1, "false": 0}
    word = value.text.partition(" ")[0]
    if word in words:
        return words[word]
    if "::*" in value.type or value.type == "__int128":
        return None  # as gdb
    return float(word) if re.search(r"[.en]", word) and "x" not in word else int(word, 0)


def is_same(ours, theirs):
    if isinstance(ours, float) or isinstance(theirs, float):
        if math.isnan(ours) and math.isnan(theirs):  # as random bytes may be, of what was never set
            return True
        return abs(ours - theirs) <= 1e-6 * max(abs(ours), abs(theirs))
    return (ours - theirs) % (1 << 64) == 0


def compare(report, rows):
    """How many variables are equal, partly known, lost, different; and those that differ."""
    found, different = Counter(), []
    by_pc = defaultdict(list)
    for row in rows:
        by_pc[row[0]].append(row)
    for frame in report.crashed_thread.frames:
        theirs = by_pc[frame.resume or frame.instruction]
        for scope in (*(call.variables for call in frame.inlines), frame.variables):
            if not theirs or not scope:
                continue
            pool = defaultdict(list)
            for variable in scope:
                pool[variable.name].append(variable)
            for name, numbers in theirs.pop(0)[2]:
                if name == VARIABLE_LENGTH:
                    found[check_variable_length(pool[name].pop().value)] += 1
                elif pool[name] and any(number is not None for number in numbers):
                    kind = judge(pool[name].pop().value, numbers)
                    found[kind] += 1
                    if kind == "different":
                        different.append((frame.function, name))
    return found, different


def check_variable_length(value):
    """An array whose length gdb does not know: element n is n * n, and there are four or none."""
    ours = []
    flatten(value, ours)
    assert ours in ([0, 1, 4, 9], [None])
    return "of its own length"


def judge(value, theirs):
    ours = []
    flatten(value, ours)
    if all(number is None for number in ours):
        return "lost"
    if "virtual" in ours:  # gdb goes on into a virtual base, whose place only its vtable tells
        return "partly"
    if len(ours) != len(theirs):
        return "different"
    pairs = [pair for pair in zip(ours, theirs, strict=True) if pair[1] is not None]
    if any(mine is not None and not is_same(mine, other) for mine, other in pairs):
        return "different"
    return "partly" if any(mine is None for mine, _ in pairs) else "equal"


@pytest.mark.toolchain
def test_no_value_is_another_than_gdb_s(crashed):
    report, rows, equal, partly = crashed
    found, different = compare(report, rows)
    assert different == []
    assert (found["equal"], found["partly"]) == (equal, partly)
