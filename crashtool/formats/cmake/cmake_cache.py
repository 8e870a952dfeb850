"""CMakeCache.txt: the settings of a build folder."""

from __future__ import annotations

import re

ENTRY = re.compile(
    r"^(?P<name>\"[^\"\n]+\"|[^\s#/\"][^:=\n]*):(?P<type>[A-Z]+)=(?P<value>.*)$", re.MULTILINE
)


def parse_cache(text: str) -> dict[str, str]:
    """The entries by name. Values that end in blanks stand in quotes there, and not here."""
    return {
        entry["name"].strip('"'): _unquote(entry["value"].rstrip("\r"))
        for entry in ENTRY.finditer(text)
    }


def _unquote(value: str) -> str:
    is_quoted = len(value) > 1 and value[0] == value[-1] == "'"
    return value[1:-1] if is_quoted else value
