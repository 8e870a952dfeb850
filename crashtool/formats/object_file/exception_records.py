"""Breakpad's STACK CFI records of all functions of a 64-bit image for Windows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from crashtool.formats.object_file.arm64_exception_tables import Arm64ExceptionTables
from crashtool.formats.object_file.frame_records import choose_speller, say_change
from crashtool.formats.object_file.pe import open_exception_tables

if TYPE_CHECKING:
    from crashtool.formats.object_file.exception_tables import Tables
    from crashtool.formats.object_kinds import Content


def walk_exception_records(data: Content, tables: Tables) -> Iterator[str]:
    """The records of an image; what is damaged costs the functions that it describes."""
    opened = open_exception_tables(data, tables)
    if isinstance(opened, Arm64ExceptionTables):
        yield from opened.walk_records()
        return
    spell = choose_speller("x86_64")
    for function, changes in opened.walk_changes():
        last: dict[str, str] = {}
        for offset, rules in changes:
            text = spell(say_change(last, rules))
            last = rules
            if not offset:
                size = function.end - function.begin
                yield f"STACK CFI INIT {function.begin:x} {size:x} {text}\n"
            elif text:
                yield f"STACK CFI {function.begin + offset:x} {text}\n"
