"""Stack walks as several programs print them, brought to one shape to be compared."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from crashtool.services.symbols.demangle import demangle

# What each program calls a frame's trust, in our words.
TRUSTS = {
    "frame_pointer": "frame_pointer",
    "fp": "frame_pointer",
    "framepointer": "frame_pointer",
    "cfiscan": "cfi_scan",
    "given as instruction pointer in context": "context",
    "call frame info": "cfi",
    "call frame info with scanning": "cfi_scan",
    "previous frame's frame pointer": "frame_pointer",
    "stack scanning": "scan",
    "recovered by external stack walker": "prewalked",
}
THREAD_LINE = re.compile(r"Thread (\d+)\b")
FRAME_LINE = re.compile(r" ?(\d+)  (.*)")
COUNTER_LINE = re.compile(r"\s.*\b(?:rip|eip|pc) = (0x[0-9a-f]+)")
SOURCE_PART = re.compile(r" (?:\[.*\]|\+ 0x[0-9a-f]+)$")
YAML_FIELD = re.compile(r'\s*(?:- )?(\w+): "?(.*?)"?$')
STATE_FIELD = re.compile(r"\s*(return_address|trust|thread_id|code_file): \"?(\w[^\",]*|/[^\"]*)")


class Step(NamedTuple):
    """One frame. `address` is the instruction, or the address to return to: see Walk.

    `module` is a base name; both names are None where the program knows none.
    """

    address: int
    module: str | None
    function: str | None
    trust: str

    def __str__(self) -> str:
        return f"{self.address:#x} {self.module or '?'}!{self.function or '?'} ({self.trust})"


class Walk(NamedTuple):
    """The stacks of a dump: thread → frames, innermost first.

    A thread is its place in the dump's list or, when `by_id`, its id. `resumes`: addresses are
    those at which the callers go on, not those of their calls. `names`: modules' and functions'
    names are to be compared, too. `crashed`: the thread that crashed, None where none is known.
    """

    threads: dict[int, list[Step]]
    by_id: bool = False
    resumes: bool = False
    names: bool = True
    crashed: int | None = None


class NoWalk(Exception):
    """A text holds no stacks in a form that is known here."""


def read_our_json(document: dict[str, Any], *, resumes: bool = False, by_id: bool = False) -> Walk:
    """The stacks in the document of `crashtool inspect --json`."""
    threads = {}
    for place, thread in enumerate(document["threads"]):
        threads[thread["thread_id"] if by_id else place] = [
            Step(
                int((resumes and frame["resume_address"]) or frame["offset"], 16),
                frame["module"],
                frame["function"],
                frame["trust"],
            )
            for frame in thread["frames"]
        ]
    info = document["crash_info"]
    crashed = info["thread_id"] if by_id else info["crashing_thread"]
    return Walk(threads, by_id, resumes, crashed=crashed)


def read_rust_json(text: str) -> Walk:
    """The stacks in rust-minidump's JSON."""
    document = json.loads(text)
    return Walk(
        {
            place: [
                Step(
                    int(frame["offset"], 16),
                    frame["module"],
                    frame["function"],
                    TRUSTS.get(frame["trust"], frame["trust"]),
                )
                for frame in thread["frames"]
            ]
            for place, thread in enumerate(document["threads"])
        }
    )


def read_report(text: str) -> Walk:
    """The stacks in a page that Breakpad's or rust-minidump's walker writes for people."""
    threads: dict[int, list[Step]] = {}
    steps: list[Step] = []
    where, address = "", 0
    for line in text.splitlines():
        if line.startswith("Loaded modules"):
            break
        if found := THREAD_LINE.match(line):
            steps = threads.setdefault(int(found[1]), [])
        elif found := FRAME_LINE.match(line):
            where, address = found[2], 0
        elif line.lstrip().startswith("Found by: ") and where:
            # A call that was merged into its caller has no registers: it is no frame.
            if address and " inlin" not in line:
                trust = line.split(": ", 1)[1]
                steps.append(Step(address, *_split_place(where), TRUSTS.get(trust, trust)))
            where = ""
        elif (found := COUNTER_LINE.match(line)) and where:
            address = int(found[1], 16)
    if not threads:
        raise NoWalk
    return Walk(threads, resumes=True)


def _split_place(where: str) -> tuple[str | None, str | None]:
    module, mark, function = SOURCE_PART.sub("", where).partition("!")
    if not mark:
        return (None if module.startswith("0x") else module), None
    return module, function


def read_snapshot(text: str) -> Walk:
    """The stacks in a snapshot of somebody's tests; NoWalk when it holds none.

    Known: rust-minidump's pages and documents, symbolicator's YAML, and the debug output of a
    library's process state, which both give the addresses to return to.
    """
    _, mark, body = text.partition("\n---\n")
    body = body if mark else text
    if body.lstrip().startswith("{"):
        try:
            return read_rust_json(body)
        except (ValueError, KeyError, TypeError) as error:
            raise NoWalk from error
    if "\nstacktraces:" in body:
        return _read_yaml(body)
    if body.startswith("ProcessState {"):
        return _read_state(body)
    return read_report(body)


def _read_yaml(text: str) -> Walk:
    threads: dict[int, list[Step]] = {}
    steps: list[Step] = []
    frame: dict[str, str] = {}

    def close() -> None:
        # Calls that were merged come as frames of their own, with their caller's address; all
        # have its number, and the caller is the last of them.
        if "instruction_addr" in frame:
            step = Step(int(frame["instruction_addr"], 16), None, None, frame.get("trust", ""))
            number = int(frame["original_index"])
            if number == len(steps):
                steps.append(step)
        frame.clear()

    for line in text.partition("\nstacktraces:")[2].partition("\nmodules:")[0].splitlines():
        found = YAML_FIELD.match(line)
        if found and found[1] == "thread_id":
            close()
            steps = threads.setdefault(int(found[2]), [])
        elif found and line.lstrip().startswith("- "):
            close()
        if found:
            frame[found[1]] = found[2]
    close()
    return Walk(_with_our_trusts(threads), by_id=True, resumes=True, names=False)


def _read_state(text: str) -> Walk:
    threads: dict[int, list[Step]] = {}
    steps: list[Step] = []
    address = 0
    for line in text.splitlines():
        found = STATE_FIELD.match(line)
        if not found:
            continue
        if found[1] == "thread_id":
            steps = threads.setdefault(int(found[2]), [])
        elif found[1] == "return_address":
            address = int(found[2])
        elif found[1] == "trust":
            steps.append(Step(address, None, None, found[2].lower()))
    return Walk(_with_our_trusts(threads), by_id=True, resumes=True, names=False)


def _with_our_trusts(threads: dict[int, list[Step]]) -> dict[int, list[Step]]:
    return {
        thread: [step._replace(trust=TRUSTS.get(step.trust, step.trust)) for step in steps]
        for thread, steps in threads.items()
    }


def plain_name(function: str | None) -> str:
    """A function's name without what spellings differ in: mangling, parameters, spaces."""
    name = demangle(function or "")
    name = re.sub(r" ?\[clone [^]]*\]", "", name)
    return _without_parameters(name).replace(" ", "")


def _without_parameters(name: str) -> str:
    """Cut a closing parameter list, and `const` and the like after it."""
    end = name.rfind(")")
    if end < 0 or name[end + 1 :].strip() not in {"", "const", "volatile", "&", "&&", "noexcept"}:
        return name
    depth = 0
    for place in range(end, -1, -1):
        depth += {")": 1, "(": -1}.get(name[place], 0)
        if not depth:
            # `operator()` and `(anonymous namespace)` are names.
            return name[:place] if place and not name[:place].endswith("operator") else name
    return name


def iterate_threads(one: Walk, other: Walk) -> Iterator[tuple[int, list[Step], list[Step]]]:
    """The threads that both walks have."""
    for thread, steps in one.threads.items():
        if thread in other.threads:
            yield thread, steps, other.threads[thread]
