"""What a call asks of the machine, step by step, and which of the steps are worth failing."""

import errno
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

WRITE, IMPORT, START, MAP, STAT = "write", "import", "start", "map", "stat"
MISSING = 0
OF_TEMPFILE = set("abcdefghijklmnopqrstuvwxyz0123456789_")  # eight of them are a name that it makes
KNOWN = ("database", "incoming", "metadata")
USUAL = (errno.ENOSPC, errno.EACCES, errno.EIO)
NUMBERS = {
    IMPORT: (MISSING, errno.ENOEXEC),  # not there; there, and made for another machine
    WRITE: (errno.ENOSPC,),  # what /dev/full says
    START: (errno.EAGAIN, errno.ENOMEM),
    MAP: (errno.ENODEV, errno.ENOMEM),
    "lock": (errno.ENOLCK, errno.EIO),
    STAT: (errno.EACCES, errno.EIO),
}
ROOT = str(Path(__file__).resolve().parents[2])
OF_PYTHON = (sys.prefix, sys.base_prefix, ROOT, "/proc", "/dev", "/sys", "/etc", "/usr", "/lib")


class Step(NamedTuple):
    """One thing that a call does: what, to which file, and the how manieth time that is.

    `process` is the module that a worker of crashtool runs, "" in the call's own process.
    """

    process: str
    action: str
    place: str
    count: int

    def __str__(self) -> str:
        worker = f" in {self.process.rpartition('.')[2]}" if self.process else ""
        return f"{self.action} {self.place} ({self.count}){worker}"


class Seen(NamedTuple):
    """A step, and the lines of crashtool that led to it, the innermost last."""

    step: Step
    chain: str


class Fault(NamedTuple):
    """A step that fails, with which number of the system's; MISSING for a library.

    A library that is missing is so for all of the call.
    """

    step: Step
    number: int

    def __str__(self) -> str:
        return f"{errno.errorcode.get(self.number, 'nothing')} at {self.step}"

    def strikes(self, step: Step) -> bool:
        """Whether this is the step that fails."""
        if step.action == IMPORT:
            return (step.action, step.place) == (self.step.action, self.step.place)
        return step == self.step


def list_faults(seen: Iterable[Seen]) -> list[Fault]:
    """Each way in which each step may fail."""
    return [
        Fault(step, number)
        for step in dict.fromkeys(each.step for each in seen)
        if step.action != IMPORT or step[::3] == ("", 1)
        for number in NUMBERS.get(step.action, USUAL)
    ]


def leave_out_alike(seen: Iterable[Seen]) -> Iterator[Seen]:
    """Of steps that the same lines of crashtool take at the same kind of file: first and last.

    Same lines means the whole chain of calls. A loop over a folder's files gives one such set.
    """
    alike: dict[tuple[str, str, str], list[Seen]] = {}
    for each in dict.fromkeys(seen):
        alike.setdefault((each.step.process, each.step.action, each.chain), []).append(each)
    for group in alike.values():
        yield from dict.fromkeys((group[0], group[-1]))


def one_of_each_kind(faults: list[Fault]) -> list[Fault]:
    """One fault for each action, number of the system's and process; from all over the call."""
    kinds: dict[tuple[str, str, int], list[Fault]] = {}
    for fault in faults:
        kinds.setdefault((fault.step.process, fault.step.action, fault.number), []).append(fault)
    return [group[place * 7 % len(group)] for place, group in enumerate(kinds.values())]


def is_told(action: str, place: str) -> bool:
    """Not what Python does for itself: its modules, devices, the state of the system."""
    if action in (IMPORT, START, MAP):
        return True
    path = os.path.abspath(place)  # noqa: PTH100 (links stay)
    return not path.startswith(OF_PYTHON) and not path.endswith((".py", ".pyc", "__pycache__"))


def name_place(action: str, place: str) -> str:
    """A place by what stays of it in the next call: without keys, numbers and temporary names."""
    if action in (IMPORT, START, MAP):
        return place
    path = Path(os.path.abspath(place))  # noqa: PTH100
    if path.suffix == ".part" and path.name.startswith("."):
        return f"{path.parent.name}/a file that is asked for"
    return "/".join([part for part in path.parts if not _is_volatile(part)][-2:])


def _is_volatile(part: str) -> bool:
    digits = sum(letter.isdigit() for letter in part)
    is_random = len(part) == 8 and not set(part) - OF_TEMPFILE and part not in KNOWN
    return part.startswith(("crashtool-", "tmp", ".")) or digits >= 4 or len(part) > 40 or is_random


def chain_of_lines() -> str:
    """The lines of crashtool on this thread's stack, the innermost last."""
    frame, lines = sys._getframe(1), []
    while frame is not None:
        name = frame.f_code.co_filename
        if "/crashtool/" in name and not name.startswith("<"):
            lines.append(f"{name.rpartition('/crashtool/')[2]}:{frame.f_lineno}")
        frame = frame.f_back  # type: ignore[assignment]
    return " ".join(reversed(lines))
