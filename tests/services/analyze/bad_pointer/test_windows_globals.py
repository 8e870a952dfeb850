"""Which global led to a crash, by PDBs: of code for three machines, where it fails."""

import subprocess
from pathlib import Path

import pytest

from crashtool.formats.minidump.file import Minidump
from crashtool.formats.pdb.info import read_info
from crashtool.formats.pdb.lookup import PdbLookup
from crashtool.formats.pdb.msf import MultiStreamFile
from crashtool.model.crash import Registers
from crashtool.services.analyze.assemble_report import analyze
from crashtool.services.analyze.decoded_code import MemoryOperand
from crashtool.services.analyze.stacks import walk_stacks
from crashtool.services.analyze.variables.wanted import WantedVariables
from crashtool.services.symbols.debug_file import open_debug_file
from crashtool.services.symbols.session import open_session
from crashtool.services.symbols.symbol_plan import SymbolPlan
from tests.synth.minidump import MinidumpBuilder, rsds
from tests.toolchain import need

pytest.importorskip("capstone")

from crashtool.services.analyze.instruction import decode_code

SOURCE = Path(__file__).resolve().parents[3] / "programs" / "windows_globals.cpp"
MACHINES = {  # pointer's size, instruction and stack pointer; where a program wants to be
    "x86_64": ("x86_64", 8, "rip", "rsp", 0x140000000),
    "x86": ("i686", 4, "eip", "esp", 0x400000),
    "arm64": ("aarch64", 8, "pc", "sp", 0x140000000),
}
TOLD = {
    "app::read_global()": "reads shared_mesh->count: shared_mesh",
    "app::read_in_global()": "reads shared_value.next->count: shared_value.next",
    "app::read_own()": "reads own_mesh->count: own_mesh",
    "app::read_held()": "reads item->count: item",
}
STACK, ACCESS_VIOLATION, COUNT = 0x10000, 0xC0000005, 4


def build(folder, target, level):
    need("clang", "lld-link")
    line = ["clang", f"--target={target}-pc-windows-msvc", "-g", "-gcodeview", "-ffreestanding"]
    line += ["-w", level, "-c", "-o", "program.obj", SOURCE]
    subprocess.run(line, check=True, cwd=folder)
    link = ["lld-link", "/debug:full", "/nodefaultlib", "/entry:start", "/subsystem:console"]
    link += ["/out:program.exe", "/pdb:program.pdb", "/safeseh:no", "program.obj"]
    subprocess.run(link, check=True, cwd=folder)


def list_crashes(folder, architecture):
    """(function, address from the base, register) of each load of `count`."""
    _, width, pointer, stack, _ = MACHINES[architecture]
    lookup = PdbLookup((folder / "program.pdb").read_bytes())
    program = open_debug_file(str(folder / "program.exe"), "pe", architecture)
    for module in lookup.walk_modules():
        for symbol in module.code:
            name = lookup.name_symbol(module, symbol)
            if name not in TOLD:
                continue
            start = lookup.find_address(symbol.section, symbol.offset)
            code = program.read_code(start, symbol.length)
            registers = Registers(architecture, width, {pointer: 0, stack: 0}, start, 0, 0)
            for instruction in decode_code(registers, code, start):
                for operand in instruction.operands:
                    if _reads_count(operand):
                        yield name, instruction.address, operand.base


def _reads_count(operand):
    if not isinstance(operand, MemoryOperand) or not operand.base:
        return False
    return operand.size == operand.displacement == COUNT


def tell(folder, architecture, address, register):
    """What is told of a crash at an address from the base, with null in a register."""
    _, _, pointer, stack, base = MACHINES[architecture]
    info = read_info(MultiStreamFile((folder / "program.pdb").read_bytes()))
    registers = {pointer: base + address, stack: STACK, register: 0}
    builder = MinidumpBuilder().add_system("windows", architecture)
    builder.add_thread(1, registers=registers, stack=(STACK, bytes(64)))
    codeview = rsds(info.guid, 1, b"program.pdb")
    builder.add_module("C:\\program.exe", base, 0x10000, codeview=codeview)
    builder.set_exception(
        1, ACCESS_VIOLATION, base + address, registers=registers, parameters=[0, COUNT]
    )
    dump = Minidump(builder.pack())
    plan = SymbolPlan(
        paths=(str(folder), f"program.exe={folder / 'program.exe'}"), offline=True, local=False
    )
    with open_session(plan, str(folder / "cache")) as session:
        report = walk_stacks(dump, analyze(dump, "crash.dmp"), session, variables=WantedVariables())
    told = report.crash.bad_pointer
    return told and f"{told.does} {told.target}: {told.pointer}"


@pytest.mark.toolchain
@pytest.mark.parametrize("level", ["-O0", "-O2"])
@pytest.mark.parametrize("architecture", MACHINES)
def test_a_global_that_the_instruction_goes_by_is_named(architecture, level, tmp_path):
    build(tmp_path, MACHINES[architecture][0], level)
    crashes = list(list_crashes(tmp_path, architecture))
    told = {name: tell(tmp_path, architecture, *where) for name, *where in crashes}

    assert told == TOLD
