"""Names of C++ functions without templates, operators or local scopes, read at once.

Two thirds of a large program's names are of that kind (libjvm, libstdc++). A demangler builds a
tree of each, which takes ten times as long; here what stands in front of the parameters is taken,
once these have been seen to be types (Itanium C++ ABI, 5.1).
"""

from __future__ import annotations

import re

HEAD = re.compile(r"_Z(?:(N)K?)?")
PART = re.compile(r"L?([1-9]\d{0,3})(?=[A-Za-z_])")
BUILTIN = re.compile(r"(?:D[nihs]|[vwbcahstijlmxynofdegz])")
QUALIFIERS = re.compile(r"[PROK]*")
SUBSTITUTE = re.compile(r"S(?:([0-9A-Z]{0,2})_|[absiod])")
IDENTIFIER = re.compile(r"\w+", re.ASCII)
CONSTRUCTORS, DESTRUCTORS = ("C1", "C2", "C3"), ("D0", "D1", "D2")
NAMELESS, ANONYMOUS = "_GLOBAL__N_", "(anonymous namespace)"
STD = "St"
MAX_PARTS = 64


def read_plain_name(name: str) -> str:
    """The qualified name of a function from its symbol; "" for all but the plainest names."""
    head = HEAD.match(name)
    if head is None:
        return ""
    reader = _MangledName(name, head.end())
    try:
        parts = reader.read_parts(is_nested=head[1] is not None, is_function=True)
        reader.read_types()
    except (Unusual, IndexError):
        return ""
    return "::".join(parts)


class Unusual(Exception):
    """What is to be left to a demangler."""


def read_source_name(name: str, place: int) -> tuple[str, int]:
    """A name in the source behind its length at a place, and where it ends; "" for what is none.

    Unusual when it is cut short or no identifier.
    """
    match = PART.match(name, place)
    if match is None:
        return "", place
    start, end = match.end(), match.end() + int(match[1])
    part = name[start:end]
    if len(part) != end - start or not IDENTIFIER.fullmatch(part):
        raise Unusual
    if part.startswith(NAMELESS[:-1]):
        if not part.startswith(NAMELESS):
            raise Unusual
        part = ANONYMOUS
    return part, end


class _MangledName:
    """Goes along a mangled name, and counts what later parts of it may refer back to."""

    def __init__(self, name: str, place: int) -> None:
        self._name = name
        self._place = place
        self._kept = 0

    def read_parts(self, *, is_nested: bool, is_function: bool) -> list[str]:
        """The parts of a qualified name; those of a nested one end with E."""
        name = self._name
        parts: list[str] = []
        if name.startswith(STD, self._place):
            parts.append("std")
            self._place += len(STD)
        while len(parts) < MAX_PARTS:
            part = self._read_part() or (self._read_structor(parts) if is_function else "")
            if not part:
                raise Unusual
            parts.append(part)
            is_last = not is_nested or name[self._place] == "E"
            if not (is_last and is_function):
                self._kept += 1
            if is_last:
                self._place += is_nested
                return parts
        raise Unusual

    def _read_part(self) -> str:
        part, self._place = read_source_name(self._name, self._place)
        return part

    def _read_structor(self, parts: list[str]) -> str:
        """A constructor's or destructor's name: that of its class."""
        kind = self._name[self._place : self._place + 2]
        if not parts or parts[-1] in (ANONYMOUS, "std"):
            return ""
        if kind not in CONSTRUCTORS and kind not in DESTRUCTORS:
            return ""
        self._place += 2
        return parts[-1] if kind in CONSTRUCTORS else f"~{parts[-1]}"

    def read_types(self) -> None:
        """Pass the parameters, of which there is one at least; all to the end must be such."""
        while True:
            self._read_type()
            if self._place == len(self._name):
                return

    def _read_type(self) -> None:
        qualified = QUALIFIERS.match(self._name, self._place)
        assert qualified is not None  # noqa: S101 (it may be empty)
        self._place = qualified.end()
        if match := BUILTIN.match(self._name, self._place):
            self._place = match.end()
        elif match := SUBSTITUTE.match(self._name, self._place):
            number = match[1]
            if number is not None and (int(number, 36) + 1 if number else 0) >= self._kept:
                raise Unusual
            self._place = match.end()
        elif self._name[self._place] == "N":
            self._place += 1
            self.read_parts(is_nested=True, is_function=False)
        else:
            self.read_parts(is_nested=False, is_function=False)
        self._kept += qualified.end() - qualified.start()
