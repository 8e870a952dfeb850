"""Makes a call once for each thing that the machine may refuse it, and judges what comes of it.

What happens to the user's own input, and to the file that was asked for, may change the answer:
then the answer must name it, and say why. A library that is missing may, too:
then it must be named. Everything else is a fault of our surroundings.
"""

import os
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from crashtool.errors import MACHINE
from tests.faults.fork_server import Call, ForkServer, Outcome
from tests.faults.steps import IMPORT, STAT, Fault, Seen, list_faults

REASONS = (
    "cannot be read",
    "cannot be written",
    "no room",
    "cannot be made",
    "no folder",
    "invalid argument",
)  # what fsync says of /dev/full
Meanwhile = Callable[[int], None]


class Case(NamedTuple):
    """A call; `own` are names of the user's inputs and of files asked for, `needed` those of ours
    that hold what is nowhere else. `prepare` makes what it needs in an empty folder, `settle` takes
    out of an answer what differs between equal ones, `meanwhile` makes what runs beside the call.
    `stat`: what it asks of files as a whole fails, and nothing else.
    """

    name: str
    arguments: tuple[str, ...]
    prepare: Callable[[Path], None]
    own: tuple[str, ...] = ()
    needed: tuple[str, ...] = ()
    settle: Callable[[Outcome, Path], object] = lambda said, _: (said.returncode, said.stdout)
    meanwhile: Callable[[Path], Meanwhile] | None = None
    stat: bool = False


class Verdict(NamedTuple):
    """What became of a fault: "" where the answer stayed, else how it changed."""

    fault: Fault
    happened: bool
    changed: str = ""

    def __str__(self) -> str:
        return f"{self.fault}: {self.changed or 'the same answer'}"


class Servers(NamedTuple):
    """`cold` imports libraries as calls need them, `warm` has them all."""

    cold: ForkServer
    warm: ForkServer


def inject(
    case: Case,
    folder: Path,
    servers: Servers,
    leave_out: Callable[[list[Seen]], Iterator[Seen]],
    choose: Callable[[list[Fault]], list[Fault]] = list,
) -> Iterator[Verdict]:
    """Every fault that is left by `leave_out` and `choose`, with what became of it."""
    healthy = run_case(case, folder, servers.cold, None)
    assert "Traceback" not in healthy.stderr, healthy.stderr
    wanted = case.settle(healthy, folder)
    warm = run_case(case, folder, servers.warm, None)
    assert case.settle(warm, folder) == wanted, f"{case.name} differs from itself"
    imports = [each for each in healthy.seen if each.step.action == IMPORT and not case.stat]
    others = [
        each
        for each in warm.seen
        if each.step.action == STAT or not (case.stat or each.step.action == IMPORT)
    ]
    for fault in choose(list_faults(leave_out([*imports, *others]))):
        server = servers.cold if fault.step.action == IMPORT else servers.warm
        result = run_case(case, folder, server, fault)
        yield Verdict(fault, result.happened, _assess(case, fault, wanted, result, folder))
    shutil.rmtree(folder, ignore_errors=True)


def run_case(case: Case, folder: Path, server: ForkServer, fault: Fault | None) -> Outcome:
    """Make a call in an empty folder; with a fault, if there is one."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    case.prepare(folder)
    meanwhile = case.meanwhile(folder) if case.meanwhile else None
    return server.call(Call(case.arguments, folder, fault, stat=case.stat), meanwhile)


def _assess(case: Case, fault: Fault, wanted: object, result: Outcome, folder: Path) -> str:
    if "Traceback" in result.stderr or result.returncode in (1, -signal.SIGALRM):
        return "traceback: " + (result.stderr.strip().splitlines() or ["?"])[-1]
    if case.settle(result, folder) == wanted:
        return ""
    said = result.stdout + result.stderr
    if fault.step.action == IMPORT and names_library(fault.step.place, result.stderr):
        return ""
    is_told = any(
        reason in said.lower() for reason in (os.strerror(fault.number).lower(), *REASONS)
    )
    is_own = any(own in fault.step.place for own in (*case.own, "asked for"))
    if is_own and any(own in said for own in case.own):
        return "" if is_told else "no reason is given"
    if any(name in fault.step.place for name in case.needed) and result.returncode == MACHINE:
        return "" if is_told else "no reason is given"
    return f"another answer: {result.returncode}: {result.stderr.strip()[-300:]!r}"


def names_library(library: str, said: str) -> bool:
    """Whether it is said on stderr that a library is missing; in one warning at most."""
    ways = (f"{library} is not installed", f"{library} cannot be loaded", "which is not installed")
    warnings = [line for line in said.splitlines() if "warning:" in line and f" {library} " in line]
    return any(way in said for way in ways) and len(warnings) <= 1
