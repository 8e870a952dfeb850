"""source.start: how the program calls StartHandler, by its source."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from crashtool.errors import InputUnusable
from crashtool.formats.cpp_source import (
    Call,
    CppSource,
    find_calls,
    find_function,
    find_literal,
    parse_source,
)
from crashtool.formats.regular_file import open_regular
from crashtool.formats.text_file import find_encoding
from crashtool.model.doctor import CheckResult, Subject
from crashtool.services.integration.doctor.builds import HEADER
from crashtool.services.integration.doctor.examination import Examination
from crashtool.services.integration.doctor.findings import note, skip, warning

MAX_SIZE = 8 << 20  # bytes
MAX_NEIGHBOURS = 200
LEVELS = 6
SUFFIXES = (".cc", ".cpp", ".cxx", ".c++", ".mm", ".h", ".hh", ".hpp", ".hxx", ".inc")
START = r"StartHandler(?:ForBacktrace)?"
MEMBER = re.compile(r"(?:\.|->)\s*$")
OBJECT = re.compile(r"([A-Za-z_]\w*)(?:\s*\(\s*\))?\s*(?:\.|->)\s*$")
TEMPORARY = re.compile(r"\bCrashpadClient\s*(?:\(\s*\)|\{\s*\})\s*\.\s*$")
MAIN = re.compile(r"(?:_?t?w?main|w?WinMain|_tWinMain)$")
ASSIGNED = re.compile(r"([A-Za-z_]\w*)\s*=\s*[^=]*$")
USED_AT_ONCE = re.compile(r"\breturn\b|[(!&|,?]\s*[\w.:>()*-]*$|\bco_return\b")
NAME = re.compile(r"[A-Za-z_]\w*$")
HOPS = 4
ASKED_NEIGHBOURS = CONSENT, GATHER = "SetUploadsEnabled", "set_gather_indirectly_referenced_memory"


def check_start(subject: Subject, examination: Examination) -> Iterator[CheckResult]:
    """Uploads enabled, result looked at, client kept, start waited for, absolute paths."""
    if _is_crashpads_own(subject.path):
        yield skip("", "a source of Crashpad itself")
        return
    source = examination.recall(read_source, subject.path)
    calls = [call for call in find_calls(source, START) if MEMBER.search(call.before)]
    if not calls:
        yield skip("", "StartHandler is named there, and not called")
        return
    around = examination.recall(read_neighbours, subject.path)
    yield from _assess_program(subject.path, source, calls[0], around)
    for call in calls:
        line = source.line_at(call.offset)
        yield from _assess_result(subject.path, source, call, line)
        yield from _assess_lifetime(subject.path, source, call, line)
        yield from _assess_waiting(subject.path, source, call)
        yield from _assess_paths(subject.path, source, call, line)


def read_source(path: str) -> CppSource:
    """A source's calls and texts. InputUnusable for what is no file; OSError."""
    return parse_source(_read(path))


def _read(path: str) -> str:
    with open_regular(path) as file:
        encoding, raw = find_encoding(file.read(MAX_SIZE))
    return raw.decode(encoding, "replace")


def read_neighbours(path: str) -> str:
    """The code of a source and of those in its folder, one after the other."""
    pieces = [read_source(path).outline]
    neighbours = sorted(Path(path).absolute().parent.iterdir())
    sources = [other for other in neighbours if other.name.lower().endswith(SUFFIXES)]
    for other in sources[:MAX_NEIGHBOURS]:
        try:
            if any(name in _read(str(other)) for name in ASKED_NEIGHBOURS):
                pieces.append(read_source(str(other)).outline)
        except (InputUnusable, OSError):
            continue
    return "\n".join(pieces)


def _is_crashpads_own(path: str) -> bool:
    """Whether a source lies in a tree of Crashpad, where tests call StartHandler, too."""
    here = Path(path).absolute().parent
    return any(Path(above, HEADER).is_file() for above in (here, *here.parents)[:LEVELS])


def _assess_program(path: str, source: CppSource, call: Call, around: str) -> Iterator[CheckResult]:
    line = source.line_at(call.offset)
    if CONSENT not in around:
        yield warning(
            path,
            "SetUploadsEnabled is called neither here nor in the files beside it",
            "Uploads are off in a new database: reports are written and never sent.",
            "database->GetSettings()->SetUploadsEnabled(true), before StartHandler",
            line=line,
        )
    if GATHER not in around:
        yield note(
            path,
            "set_gather_indirectly_referenced_memory is not called",
            "Dumps hold stacks and registers, but not the objects that these point to.",
            "CrashpadInfo::GetCrashpadInfo()->set_gather_indirectly_referenced_memory("
            "crashpad::TriState::kEnabled, 1 << 20)",
            line=line,
        )


def _assess_result(path: str, source: CppSource, call: Call, line: int) -> Iterator[CheckResult]:
    assigned = ASSIGNED.search(call.before)
    if assigned:
        uses = re.findall(rf"\b{assigned[1]}\b", source.outline[call.offset :])
        is_used = bool(uses) or NAME.match(assigned[1]) is None or assigned[1].endswith("_")
    else:
        is_used = USED_AT_ONCE.search(call.before) is not None
    if not is_used:
        yield warning(
            path,
            f"the result of {call.name} is not looked at",
            "When the handler does not start, the program runs on without it, and nobody knows.",
            "test it, and log the handler's path",
            line=line,
        )


def _assess_lifetime(path: str, source: CppSource, call: Call, line: int) -> Iterator[CheckResult]:
    if not (TEMPORARY.search(call.before) or _is_local(source, call)):
        return
    yield warning(
        path,
        "the CrashpadClient lives no longer than the function that starts the handler",
        "On Windows its destructor removes the handler for heap corruption (Crashpad since "
        "2023-09), and RegisterWerModule lasts as long as the object.",
        "keep it as long as the process: static auto* client = new crashpad::CrashpadClient()",
        line=line,
    )


def _is_local(source: CppSource, call: Call) -> bool:
    """Whether the client is a variable of a function that returns before the program ends."""
    name = OBJECT.search(call.before)
    if name is None:
        return False
    declaration = re.compile(
        rf"(?P<before>[^;{{}}]*)\bCrashpadClient\s+{name[1]}\s*(?:;|\{{\s*\}}|=\s*(?:crashpad::)?"
        rf"CrashpadClient\s*(?:\(\s*\)|\{{\s*\}}))"
    )
    matches = list(declaration.finditer(source.outline, 0, call.offset))
    if not matches or re.search(r"\b(?:static|thread_local|extern)\b", matches[-1]["before"]):
        return False
    function = find_function(source, matches[-1].end("before"))
    if function is None:
        return False
    return MAIN.match(function.rpartition("::")[2]) is None


def _assess_waiting(path: str, source: CppSource, call: Call) -> Iterator[CheckResult]:
    """WaitForHandlerStart is for an asynchronous start: two booleans in a row tell which it is."""
    booleans = [
        second
        for first, second in zip(call.arguments, call.arguments[1:], strict=False)
        if {first, second} <= {"true", "false"}
    ]
    waits = list(find_calls(source, "WaitForHandlerStart"))
    if booleans[:1] == ["false"] and waits:
        yield warning(
            path,
            "WaitForHandlerStart is called, though asynchronous_start is false",
            "It is meant for an asynchronous start alone: debug builds stop there.",
            "pass true for asynchronous_start, or leave WaitForHandlerStart out",
            line=source.line_at(waits[0].offset),
        )


def _assess_paths(path: str, source: CppSource, call: Call, line: int) -> Iterator[CheckResult]:
    for title, argument in zip(("handler", "database"), call.arguments, strict=False):
        text = _find_text(source, argument, call.offset)
        if not text:
            continue
        if text.startswith("~"):
            yield warning(
                path,
                f"the {title}'s path begins with ~: {text}",
                "Only shells know what that is: the path does not exist.",
                "make it from the user's home folder",
                line=line,
            )
        elif not text.startswith(("/", "\\")) and text[1:2] != ":":
            yield warning(
                path,
                f"the {title}'s path is relative: {text}",
                "It depends on the folder that the program is started in, which a shortcut, a "
                "service or Finder choose otherwise: no handler starts there."
                if title == "handler"
                else "Reports are wherever the program is started.",
                "make it from the program's own path"
                if title == "handler"
                else "make it from the user's folder for data",
                line=line,
            )


def _find_text(source: CppSource, expression: str, before: int) -> str | None:
    """The one text that an expression is made of, through a few variables; else None."""
    for _ in range(HOPS):
        if (text := find_literal(expression)) is not None:
            return text
        name = re.fullmatch(r"(?:base::FilePath\s*[({]\s*)?([A-Za-z_]\w*)\s*[)}]?", expression)
        if name is None:
            return None
        definition = re.compile(
            rf"\b{name[1]}\s*(?:=\s*(?P<value>[^;]+)|[({{](?P<inner>[^;]*)[)}}])\s*;"
        )
        matches = list(definition.finditer(source.code, 0, before))
        if len(matches) != 1:  # set on several ways, or elsewhere
            return None
        expression = (matches[0]["value"] or matches[0]["inner"] or "").strip()
    return None
