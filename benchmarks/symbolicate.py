"""Stacks with symbols: a large .sym file, larger ones, the Java VM's, DWARF, a PDB, many dumps.

Each benchmark first makes sure that the walk is right: `check_walk`.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from inspecting import EACH_FILE, INSPECT_JSON
from material import DEPTH, DEPTHS, Works, material_in
from peers import BREAKPAD, LLDB, RUST, Peer, absence, find_peer
from plan import CRASHTOOL, PYTHON, Plan
from rows import Row, megabytes, peak_row, time_row
from sized_symbols import take_apart, write_store
from timing import ENVIRONMENT, Program, ProgramFailed, measure, works
from windows_dump import build_windows_dump

HERE = Path(__file__).resolve().parent
RUST_TARGET, RUST_PEAK_TARGET, BREAKPAD_TARGET = 0.15, 0.2, 0.05
FIRST_TARGET, LLDB_TARGET = 1.5, 0.15
MANY_TARGET = 0.2
SIZE_TARGET = 1.5  # of 1,000 MB against 10 MB
SIZES = (10, 100, 1000)  # MB
WINDOWS_DEPTH = 30
ABSENT = "the material is not here: python benchmarks/material.py (see benchmarks/README.md)"


def ours(plan: Plan, symbols: Path, *dumps: Path, label: str = "", cached: bool = False) -> Program:
    """`crashtool inspect --json` with symbols; its cache is empty unless `cached`."""
    cache = plan.scratch / "cache"
    prepare = None if cached else partial(shutil.rmtree, cache, ignore_errors=True)
    options = ["--json", "--offline", "--cache", str(cache), "--symbols", str(symbols)]
    command = [CRASHTOOL, "inspect", *options, *map(str, dumps)]
    return Program(INSPECT_JSON + label, command, prepare)


def walkers(plan: Plan, store: Path, dump: Path) -> dict[Peer, Program]:
    """Those of the peers that read .sym files and are here."""
    commands = {
        RUST: lambda path: [path, "--json", "--symbols-path", str(store), str(dump)],
        BREAKPAD: lambda path: [path, str(dump), str(store)],
    }
    found = {}
    for peer, command in commands.items():
        if path := find_peer(peer, plan.peers):
            found[peer] = Program(peer.name, command(path))
    return found


def lldb_program(path: str, dump: Path, *commands: str) -> Program:
    """How lldb walks the crashing thread; it finds the files of this machine by itself."""
    orders = [part for order in (*commands, "thread backtrace") for part in ("-o", order)]
    return Program(LLDB.name, [path, "--batch", *orders, "--core", str(dump)])


def check_walk(program: Program, needed: int, module: str) -> list[int]:
    """Run ours once; ProgramFailed unless so many frames of a module have names.

    Gives where in the module the frames of its stack are.
    """
    if program.prepare:
        program.prepare()
    done = subprocess.run(program.arguments, env=ENVIRONMENT, capture_output=True, check=False)
    try:
        document = json.loads(done.stdout)
        frames = document["crashing_thread"]["frames"]
    except (ValueError, KeyError, TypeError):
        words = done.stderr.decode(errors="replace").strip()[-200:]
        raise ProgramFailed(f"inspect gives no stack: {words}") from None
    inside = [frame for frame in frames if frame["module"] == module]
    named = sum(frame["function"] is not None for frame in inside)
    if named < needed:
        raise ProgramFailed(f"inspect names {named} frames of {module}, not {needed}")
    return [int(frame["module_offset"], 16) for frame in inside]


def measure_store(
    plan: Plan, name: str, store: Path, dump: Path, targets: bool = True
) -> Iterator[Row]:
    """Ours with nothing cached, against each walker with the same store: time and memory."""
    mine = ours(plan, store, dump)
    peers = walkers(plan, store, dump)
    figures = measure([mine, *peers.values()], plan.rounds(9))
    limits = {RUST: (RUST_TARGET, RUST_PEAK_TARGET), BREAKPAD: (BREAKPAD_TARGET, None)}
    for peer, (time_target, peak_target) in limits.items():
        if peer not in peers:
            yield Row(name, mine.name, skipped=absence(peer))
            continue
        pair = figures[mine.name], figures[peer.name]
        yield time_row(name, *pair, time_target if targets else None)
        yield peak_row(name, *pair, peak_target if targets else None)


def needs(*paths: Path) -> str:
    """Why something cannot be measured: "" when all files are there."""
    return "" if all(path.exists() for path in paths) else ABSENT


def measure_big_symbols(plan: Plan) -> Iterator[Row]:
    """A crash 24 calls deep in a library with more than 100 MB of .sym text."""
    factory = material_in(plan.peers).factory
    if why := needs(factory.symbols, factory.dump()):
        yield Row("a large .sym file", INSPECT_JSON, skipped=why)
        return
    check_walk(ours(plan, factory.store, factory.dump()), DEPTH, factory.library.name)
    size = megabytes(factory.symbols.stat().st_size)
    name = f"a crash {DEPTH} calls deep, {size} of .sym"
    yield from measure_store(plan, name, factory.store, factory.dump())


def measure_sizes(plan: Plan) -> Iterator[Row]:
    """One dump with .sym files of 10, 100, 1,000 MB; then one file with stacks of some depths."""
    factory = material_in(plan.peers).factory
    name = "time by the size of the .sym file"
    if why := needs(factory.symbols, factory.dump()):
        yield Row(name, INSPECT_JSON, skipped=why)
        return
    module = factory.library.name
    needed = check_walk(ours(plan, factory.store, factory.dump()), DEPTH, module)
    parts = take_apart(factory.symbols.read_bytes())
    mine, theirs = [], []
    for size in SIZES[:2] if plan.quick else SIZES:
        store = plan.scratch / f"store-{size}"
        written = write_store(parts, store, size * 1_000_000, needed)
        label = f", {megabytes(written)}"
        mine.append(ours(plan, store, factory.dump(), label=label))
        check_walk(mine[-1], DEPTH, module)
        if RUST in (peers := walkers(plan, store, factory.dump())):
            theirs.append(peers[RUST]._replace(name=RUST.name + label))
    del parts
    figures = measure([*mine, *theirs], plan.rounds(5))
    for program in mine[1:]:
        pair = figures[program.name], figures[mine[0].name]
        yield time_row(name, *pair, SIZE_TARGET)
        yield peak_row(name, *pair)
    for program, other in zip(mine, theirs, strict=False):
        yield time_row(name, figures[program.name], figures[other.name])
        yield peak_row(name, figures[program.name], figures[other.name])
    depths = [
        ours(plan, factory.store, factory.dump(depth), label=f", {depth} calls") for depth in DEPTHS
    ]
    figures = measure(depths, plan.rounds(9))
    for program in depths[1:]:
        yield time_row(
            "time by the depth of the stack", figures[program.name], figures[depths[0].name]
        )


def measure_java(plan: Plan) -> Iterator[Row]:
    """A crash inside the Java VM of Debian."""
    material = material_in(plan.peers)
    if why := needs(material.java_dump, material.java_store):
        yield Row("a crash of the Java VM", INSPECT_JSON, skipped=why)
        return
    check_walk(ours(plan, material.java_store, material.java_dump), 5, "libjvm.so")
    symbols = next(material.java_store.rglob("libjvm.so.sym"))
    name = f"a crash of the Java VM, {megabytes(symbols.stat().st_size)} of .sym"
    yield from measure_store(plan, name, material.java_store, material.java_dump)


def measure_dwarf(plan: Plan) -> Iterator[Row]:
    """The build folder of the large library: first without a cache, then with what that left."""
    factory = material_in(plan.peers).factory
    name = "a build folder"
    if why := needs(factory.library, factory.dump()):
        yield Row(name, INSPECT_JSON, skipped=why)
        return
    check_walk(ours(plan, factory.build, factory.dump()), DEPTH, factory.library.name)
    name = f"a build folder, library of {megabytes(factory.library.stat().st_size)} with DWARF"
    yield from _debug_files(plan, name, factory.build, factory.library, factory.dump(), ())


def measure_pdb(plan: Plan) -> Iterator[Row]:
    """A PDB, in the same way. The dump is made; lldb, without the DLL, finds its first frame."""
    library = material_in(plan.peers).windows_library
    debug_file = library.with_suffix(".pdb")
    name = "a PDB"
    if why := needs(library, debug_file):
        yield Row(name, INSPECT_JSON, skipped=why)
        return
    dump = plan.scratch / "windows.dmp"
    content = library.read_bytes(), debug_file.read_bytes()
    dump.write_bytes(build_windows_dump(*content, library.name, WINDOWS_DEPTH))
    check_walk(ours(plan, debug_file, dump), WINDOWS_DEPTH, library.name)
    name = f"a PDB of {megabytes(debug_file.stat().st_size)}"
    order = f'target symbols add "{debug_file}"'
    yield from _debug_files(plan, name, debug_file, debug_file, dump, (order,))


def _debug_files(
    plan: Plan, name: str, symbols: Path, file: Path, dump: Path, orders: tuple[str, ...]
) -> Iterator[Row]:
    first = ours(plan, symbols, dump, label=", nothing cached")
    build = Program(
        "symbolic's SymCache alone", [PYTHON, str(HERE / "symcache_alone.py"), str(file)]
    )
    figures = measure([first, build], plan.rounds(5))
    yield time_row(name, figures[first.name], figures[build.name], FIRST_TARGET)
    yield peak_row(name, figures[first.name], figures[build.name])
    path = find_peer(LLDB, plan.peers)
    again = ours(plan, symbols, dump, label=", cached", cached=True)
    if path is None or not works(debugger := lldb_program(path, dump, *orders)):
        yield Row(name, again.name, skipped=absence(LLDB) if path is None else "lldb fails")
        return
    figures = measure([again, debugger], plan.rounds(9))
    yield time_row(name, figures[again.name], figures[debugger.name], LLDB_TARGET)
    yield peak_row(name, figures[again.name], figures[debugger.name])


def measure_many_with_symbols(plan: Plan) -> Iterator[Row]:
    """Many dumps in one call against as many processes of rust-minidump's walker."""
    material = material_in(plan.peers)
    for place in (material.shed, material.workshop):
        name = f"inspect {plan.many:,} dumps with symbols"
        path = find_peer(RUST, plan.peers)
        if why := needs(*map(place.dump, DEPTHS)) or ("" if path else absence(RUST)):
            yield Row(name, INSPECT_JSON, skipped=why)
            continue
        name += f", {megabytes(place.symbols.stat().st_size)} of .sym"
        yield _many(plan, name, place, str(path))


def _many(plan: Plan, name: str, place: Works, path: str) -> Row:
    folder = plan.scratch / f"many-{place.name}"
    folder.mkdir()
    dumps = [
        Path(shutil.copyfile(place.dump(DEPTHS[number % 4]), folder / f"{number:04}.dmp"))
        for number in range(plan.many)
    ]
    mine = ours(plan, place.store, *dumps, label=", one call")
    script = EACH_FILE.replace('"$dump"', '--json --symbols-path "$3" "$dump"')
    theirs = Program(
        f"{RUST.name}, {plan.many:,} processes",
        ["/bin/sh", "-c", script, "sh", path, str(folder), str(place.store)],
    )
    figures = measure([mine, theirs], plan.rounds(3))
    return time_row(name, figures[mine.name], figures[theirs.name], MANY_TARGET)


def measure_small_with_symbols(plan: Plan) -> Iterator[Row]:
    """Small dumps with small symbols: here the interpreter's start is most of what is to do."""
    material = material_in(plan.peers)
    for place in (material.shed, material.workshop):
        depth = DEPTHS[1]
        if why := needs(place.symbols, place.dump(depth)):
            yield Row("a small dump with symbols", INSPECT_JSON, skipped=why)
            continue
        check_walk(ours(plan, place.store, place.dump(depth)), depth, place.library.name)
        size = megabytes(place.symbols.stat().st_size)
        name = f"a dump of {place.dump(depth).stat().st_size // 1000} KB, {size} of .sym"
        yield from measure_store(plan, name, place.store, place.dump(depth), targets=False)


SYMBOL_BENCHMARKS: dict[str, Callable[[Plan], Iterator[Row]]] = {
    "symbols-big": measure_big_symbols,
    "symbols-sizes": measure_sizes,
    "symbols-java": measure_java,
    "symbols-dwarf": measure_dwarf,
    "symbols-pdb": measure_pdb,
    "symbols-many": measure_many_with_symbols,
    "symbols-small": measure_small_with_symbols,
}
