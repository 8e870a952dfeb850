"""Reading minidumps: one small one, one of 1 GiB, a thousand; against other readers."""

from __future__ import annotations

from collections.abc import Iterator

from dumps import copy_dump, write_full_memory_dump
from peers import BREAKPAD, LLDB, MINIDUMP, RUST, Peer, absence, find_peer
from plan import CRASHTOOL, PYTHON_PASS, Plan
from rows import Row, peak_row, time_row
from timing import Program, measure, works

JSON_TARGET = 5.2
LARGE_TARGET = 1.2

INSPECT = "inspect"
INSPECT_JSON = "inspect --json"
# dash starts a process in a fraction of the time that Python needs: the peer's best case.
EACH_FILE = 'for dump in "$2"/*; do "$1" "$dump" >/dev/null 2>&1 || exit 1; done'


def inspect_program(path: str, *, json: bool = False, label: str = "") -> Program:
    """`crashtool inspect` of one dump, without any symbols."""
    options = ["--json"] if json else []
    name = (INSPECT_JSON if json else INSPECT) + label
    return Program(name, [CRASHTOOL, "inspect", *options, path])


def peer_program(peer: Peer, path: str, dump: str) -> Program:
    """The command with which a peer shows a dump."""
    arguments = {
        MINIDUMP: [path, "--all", dump],
        LLDB: [path, "--batch", "-o", "thread backtrace all", "--core", dump],
    }
    return Program(peer.name, arguments.get(peer, [path, dump]))


def measure_small_dump(plan: Plan) -> Iterator[Row]:
    """One small dump: against an idle interpreter, and against each peer that can read it."""
    name = "inspect a small dump"
    dump = str(plan.dump)
    page, document = inspect_program(dump), inspect_program(dump, json=True)
    peers: dict[Peer, Program] = {}
    skipped = []
    for peer in (MINIDUMP, RUST, BREAKPAD, LLDB):
        path = find_peer(peer, plan.peers)
        if path is None:
            skipped.append(Row(name, f"against {peer.name}", skipped=absence(peer)))
        elif works(program := peer_program(peer, path, dump)):
            peers[peer] = program
        else:
            skipped.append(Row(name, f"against {peer.name}", skipped="it cannot read this dump"))
    figures = measure([PYTHON_PASS, page, document, *peers.values()], plan.rounds(25))
    idle = figures[PYTHON_PASS.name]
    yield time_row(name, figures[page.name], idle)
    yield time_row(name, figures[document.name], idle, JSON_TARGET)
    for peer in peers:
        target = 1.0 if peer is MINIDUMP else None
        yield time_row(name, figures[document.name], figures[peer.name], target)
    yield from skipped


def measure_large_dump(plan: Plan) -> Iterator[Row]:
    """A full-memory dump against the same dump without the memory: time and peak memory."""
    name = f"inspect a dump of {plan.large_size >> 20:,} MiB"
    small = str(plan.dump)
    programs = [inspect_program(small), inspect_program(small, json=True)]
    labels = {False: ", 32-bit list", True: ", 64-bit list"}
    for wide, label in labels.items():
        path = plan.scratch / f"large-{wide}.dmp"
        write_full_memory_dump(plan.dump, path, plan.large_size, wide=wide)
        programs += [inspect_program(str(path), json=json, label=label) for json in (False, True)]
    figures = measure(programs, plan.rounds(15))
    for label in labels.values():
        for base in (INSPECT, INSPECT_JSON):
            yield time_row(name, figures[base + label], figures[base], LARGE_TARGET)
            yield peak_row(name, figures[base + label], figures[base], LARGE_TARGET)


def measure_many_dumps(plan: Plan) -> Iterator[Row]:
    """Many dumps in one `inspect --json` against a process of Breakpad's walker for each."""
    name = f"inspect {plan.many:,} dumps"
    path = find_peer(BREAKPAD, plan.peers)
    if path is None:
        yield Row(name, INSPECT_JSON, skipped=absence(BREAKPAD))
        return
    folder = plan.scratch / "many"
    dumps = [str(dump) for dump in copy_dump(plan.dump, folder, plan.many)]
    ours = Program(f"{INSPECT_JSON}, one call", [CRASHTOOL, "inspect", "--json", *dumps])
    theirs = Program(
        f"{BREAKPAD.name}, {plan.many:,} processes",
        ["/bin/sh", "-c", EACH_FILE, "sh", path, str(folder)],
    )
    figures = measure([ours, theirs], plan.rounds(5))
    yield time_row(name, figures[ours.name], figures[theirs.name], 1.0)
    yield peak_row(name, figures[ours.name], figures[theirs.name])
