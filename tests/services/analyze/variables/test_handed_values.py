"""Arguments that a function has lost, by what its caller says of the call: of real processes."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

if sys.platform != "linux":
    pytest.skip("needs Linux", allow_module_level=True)

from crashtool.render.variables import format_value
from crashtool.services.analyze.inspect_dumps import InspectOptions, read_report
from crashtool.services.analyze.variables.wanted import WantedVariables
from crashtool.services.handler.reports.delivery import find_delivery
from crashtool.services.handler.reports.report_database import prepare_database
from crashtool.services.handler.smoke.subprocess_run import run_in_subprocess
from crashtool.services.handler.snapshot.own_writer import OwnWriter
from crashtool.services.symbols.session import open_session
from crashtool.services.symbols.symbol_plan import SymbolPlan
from tests.toolchain import need

PROGRAMS = Path(__file__).resolve().parents[3] / "programs"
# Of each function the arguments that only its caller knows: in another unit or another file
EXPECTED = {
    "last": {"code": "-9", "half": "6.25", "low": "-3"},  # the same
    "visit": {"code": "77", "ratio": "2.5"},  # through a pointer, by the library
    "work": {"count": "5", "weight": "0.5"},  # of the library, called by the program
    "begin": {"number": "6"},  # of another function of its unit
}


def build(folder, flags):
    need("gcc")
    library, program = folder / "libhanded.so", folder / "handed"
    line = ["gcc", *flags, "-w", "-fno-inline", "-fno-ipa-cp", "-fno-ipa-sra", "-fno-ipa-icf"]
    source = PROGRAMS / "handed_library.c"
    subprocess.run([*line, "-shared", "-fPIC", "-o", library, source], check=True)
    sources = [PROGRAMS / "handed.c", PROGRAMS / "handed_other.c"]
    subprocess.run([*line, "-o", program, *sources, library], check=True)
    return program, library


def read_variables(program, libraries, folder):
    """The text of each variable of each function of a crashed program's stack."""
    prepare_database(folder / "database")
    own = OwnWriter(str(folder / "database"), ())
    result = run_in_subprocess([str(program)], own=own)
    dump = find_delivery(folder / "database", frozenset(), result.process_id).path
    plan = SymbolPlan(paths=(str(program), *map(str, libraries)), offline=True, local=False)
    with open_session(plan, str(folder / "cache")) as symbols:
        wanted = WantedVariables(all_frames=True)
        report = read_report(dump, dump, InspectOptions(symbols=symbols, variables=wanted))
    return {
        frame.function: {row.name: format_value(row.value) for row in frame.variables}
        for frame in report.crashed_thread.frames
    }


@pytest.mark.toolchain
@pytest.mark.parametrize("flags", [["-O2", "-gdwarf-5"], ["-O2", "-gdwarf-4"]], ids=" ".join)
def test_callers_of_other_units_and_files_say_what_they_handed_over(flags, tmp_path):
    if sys.platform != "linux":
        pytest.skip("needs Linux")
    program, library = build(tmp_path, flags)
    found = read_variables(program, (library,), tmp_path)
    for function, arguments in EXPECTED.items():
        told = found[function]
        assert {name: told[name] for name in arguments} == arguments, function


@pytest.mark.toolchain
@pytest.mark.parametrize("flags", [["-O2", "-gdwarf-5"], ["-O2", "-gdwarf-4"]], ids=" ".join)
def test_a_parameter_that_a_remade_function_lacks_is_told_by_its_caller(flags, tmp_path):
    if sys.platform != "linux":
        pytest.skip("needs Linux")
    need("gcc")
    program = tmp_path / "remade"
    line = ["gcc", *flags, "-fno-ipa-ra", "-o", program, PROGRAMS / "remade.c"]
    subprocess.run(line, check=True)
    found = read_variables(program, (), tmp_path)
    assert re.fullmatch(r"0x[0-9a-f]+ -> {kind = 0, size = 8, .*", found["use"]["box"])
    assert "calls" in found["use"]  # of a block that only the original describes


@pytest.mark.toolchain
def test_a_caller_has_what_the_crashed_function_leaves_alone(tmp_path):
    if sys.platform != "linux":
        pytest.skip("needs Linux")
    pytest.importorskip("capstone")
    need("gcc")
    program = tmp_path / "remade"
    line = ["gcc", "-O2", "-gdwarf-5", "-fipa-ra", "-o", program, PROGRAMS / "remade.c"]
    subprocess.run(line, check=True)
    found = read_variables(program, (), tmp_path)
    assert found["call"]["count"] == "1"  # in a register that no call need keep
