"""compile_commands.json: how each source is compiled (clang's JSON compilation database)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from crashtool.errors import InputUnusable
from crashtool.formats.cmake.build_lines import CompileLine
from crashtool.formats.cmake.command_words import split_command

MAX_ENTRIES = 100_000


def parse_compile_commands(text: str, file: str) -> Iterator[CompileLine]:
    """Its entries; those that are not as they should be are left out. InputUnusable for no list."""
    try:
        entries: Any = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputUnusable(f"{file} is not valid JSON: {error}") from None
    if not isinstance(entries, list):
        raise InputUnusable(f"{file} does not hold a list")
    for entry in entries[:MAX_ENTRIES]:
        if isinstance(entry, dict) and isinstance(entry.get("file"), str):
            line = CompileLine(
                entry["file"],
                _text(entry, "directory"),
                _words(entry),
                _text(entry, "output"),
                file,
            )
            yield line if line.output else line._replace(output=_find_output(line.words))


def _text(entry: dict[str, Any], name: str) -> str:
    value = entry.get(name)
    return value if isinstance(value, str) else ""


def _words(entry: dict[str, Any]) -> tuple[str, ...]:
    arguments = entry.get("arguments")
    if isinstance(arguments, list):
        return tuple(str(argument) for argument in arguments)
    return tuple(split_command(_text(entry, "command")))


def _find_output(words: tuple[str, ...]) -> str:
    """The object: `-o FILE`, or `/FoFILE`."""
    for word, following in zip(words, (*words[1:], ""), strict=True):
        if word == "-o":
            return following
        if word[:3] in ("/Fo", "-Fo"):
            return word[3:]
    return ""
