"""build.ninja as CMake writes it: one statement a target, with its flags as variables."""

from __future__ import annotations

import re
from collections.abc import Iterator

from crashtool.formats.cmake.build_lines import EXECUTABLE, SHARED, CompileLine, LinkLine
from crashtool.formats.cmake.command_words import split_command
from crashtool.formats.named_tuple import NamedTuple

MAX_STATEMENTS = 500_000
RULE = re.compile(r"C(?:XX|UDA)?_(EXECUTABLE|SHARED_LIBRARY|SHARED_MODULE|MODULE_LIBRARY)_LINKER__")
COMPILE_RULE = re.compile(r"C(?:XX)?_COMPILER__")
LINK_VARIABLES = ("FLAGS", "LINK_FLAGS", "LINK_PATH", "LINK_LIBRARIES")
COMPILE_VARIABLES = ("DEFINES", "INCLUDES", "FLAGS")
ESCAPED = re.compile(r"\$(.)", re.DOTALL)


class _Statement(NamedTuple):
    outputs: str
    rule: str
    inputs: str
    line: int
    variables: dict[str, str]


def parse_link_lines(text: str, file: str, folder: str) -> Iterator[LinkLine]:
    """The programs and shared libraries that are linked."""
    for statement in _walk_statements(text):
        rule = RULE.match(statement.rule)
        if rule is None:
            continue
        names = statement.variables
        flags = " ".join(names.get(name, "") for name in LINK_VARIABLES)
        objects = _split_paths(statement.inputs)
        target = names.get("TARGET_FILE") or next(iter(_split_paths(statement.outputs)), "")
        yield LinkLine(
            target,
            EXECUTABLE if rule[1] == "EXECUTABLE" else SHARED,
            folder,
            (*objects, *split_command(flags, windows=_is_windows(objects))),
            file,
            statement.line,
        )


def parse_compile_lines(text: str, file: str, folder: str) -> Iterator[CompileLine]:
    """The sources that are compiled."""
    for statement in _walk_statements(text):
        if COMPILE_RULE.match(statement.rule):
            flags = " ".join(statement.variables.get(name, "") for name in COMPILE_VARIABLES)
            source = next(iter(_split_paths(statement.inputs)), "")
            outputs = _split_paths(statement.outputs)
            words = split_command(flags, windows=_is_windows(outputs))
            yield CompileLine(source, folder, tuple(words), next(iter(outputs), ""), file)


def _is_windows(objects: list[str]) -> bool:
    return any(name.lower().endswith(".obj") for name in objects)


def _walk_statements(text: str) -> Iterator[_Statement]:
    current: _Statement | None = None
    for count, (number, line) in enumerate(_walk_lines(text)):
        if count >= MAX_STATEMENTS * 8:
            break
        if line.startswith("build "):
            if current:
                yield current
            current = _parse_head(line.removeprefix("build "), number)
        elif line.startswith(" ") and current:
            name, equals, value = line.strip().partition("=")
            if equals:
                current.variables[name.strip()] = ESCAPED.sub(r"\1", value.strip())
        elif line.strip() and current:
            yield current
            current = None
    if current:
        yield current


def _walk_lines(text: str) -> Iterator[tuple[int, str]]:
    """Lines with their numbers; those that a `$` at the end goes on with are joined."""
    before, start = "", 0
    for number, line in enumerate(text.split("\n"), start=1):
        if line.endswith("$") and not line.endswith("$$"):
            start = start or number
            before += line[:-1]
            continue
        yield start or number, before + line.lstrip() if before else line
        before, start = "", 0


def _parse_head(text: str, number: int) -> _Statement:
    """`outputs: rule inputs | implicit || order`; a colon in a path is written `$:`."""
    colon = re.search(r"(?<!\$):", text)
    if colon is None:
        return _Statement("", "", "", number, {})
    rule, _, inputs = text[colon.end() :].strip().partition(" ")
    outputs = text[: colon.start()].partition(" |")[0]
    return _Statement(outputs, rule, re.split(r" \|\|? ", inputs)[0], number, {})


def _split_paths(text: str) -> list[str]:
    parts = re.split(r"(?<!\$) +", text.strip())
    return [ESCAPED.sub(r"\1", part) for part in parts if part]
