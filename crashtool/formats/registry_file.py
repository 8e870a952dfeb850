"""Files that regedit and `reg export` write: keys of the Windows registry, and their values."""

from __future__ import annotations

import re
from collections.abc import Iterator

from crashtool.errors import InputUnusable
from crashtool.formats.named_tuple import NamedTuple

HEADERS = ("Windows Registry Editor Version 5.00", "REGEDIT4")
KEY = re.compile(r"\[(-?)([^\]\[].*)\]")
VALUE = re.compile(r'(@|"(?:[^"\\]|\\.)*")\s*=\s*(.*)')
DWORD = re.compile(r"dword:([0-9a-f]{1,8})", re.IGNORECASE)
TEXT = re.compile(r'"((?:[^"\\]|\\.)*)"')
HEX = re.compile(r"hex(?:\([0-9a-f]+\))?:([0-9a-f, \t]*)", re.IGNORECASE)
ESCAPED = re.compile(r"\\(.)")


class RegistryValue(NamedTuple):
    """A value below a key. `data` is a DWORD, a text, or bytes; None where the file deletes it.

    The name of a key's default value is empty. A key that is deleted as a whole has the name None.
    """

    key: str
    name: str | None
    data: int | str | bytes | None


def parse_registry_file(text: str, name: str) -> tuple[RegistryValue, ...]:
    """The values of a .reg file in its order; `name` is what errors call the file.

    InputUnusable for a text that is no .reg file, and for a line that regedit would not take.
    """
    lines = _join_lines(text)
    _, header = next(lines, (0, ""))
    if header not in HEADERS:
        raise InputUnusable(
            f"{name} is not a .reg file: its first line is not '{HEADERS[0]}'",
            hint="export it with regedit, or with: reg export KEY FILE",
        )
    return tuple(_read_values(lines, name))


def index_registry(values: tuple[RegistryValue, ...]) -> dict[tuple[str, str], int | str | bytes]:
    """(key, name), both in lower case as Windows compares them -> what stands there at the end."""
    registry: dict[tuple[str, str], int | str | bytes] = {}
    for value in values:
        key = value.key.lower()
        if value.name is None:
            gone = [pair for pair in registry if pair[0] == key or pair[0].startswith(key + "\\")]
            for pair in gone:
                del registry[pair]
        elif value.data is None:
            registry.pop((key, value.name.lower()), None)
        else:
            registry[key, value.name.lower()] = value.data
    return registry


def pack_registry_file(text: str) -> bytes:
    """A .reg file as regedit writes it: UTF-16, little-endian with a mark, lines ended by CR LF."""
    return "\ufeff".encode("utf-16-le") + text.replace("\n", "\r\n").encode("utf-16-le")


def _join_lines(text: str) -> Iterator[tuple[int, str]]:
    """(line number, line) without comments and blank lines; a final backslash joins the next."""
    parts: list[str] = []
    start = 0
    for number, raw in enumerate(text.splitlines(), start=1):
        line = raw.strip()
        if not parts and (not line or line.startswith(";")):
            continue
        start = start if parts else number
        parts.append(line.removesuffix("\\"))
        if not line.endswith("\\"):
            yield start, "".join(parts)
            parts = []
    if parts:
        yield start, "".join(parts)


def _read_values(lines: Iterator[tuple[int, str]], name: str) -> Iterator[RegistryValue]:
    key = None
    for number, line in lines:
        if match := KEY.fullmatch(line):
            key = None if match[1] else match[2]
            if key is None:
                yield RegistryValue(match[2], None, None)
        elif (match := VALUE.fullmatch(line)) and key is not None:
            yield RegistryValue(key, _unquote(match[1]), _read_data(match[2], number, name))
        else:
            words = "a value without a key" if match else "neither a key nor a value"
            raise InputUnusable(f"{name}, line {number}: {words}")


def _unquote(text: str) -> str:
    return "" if text == "@" else ESCAPED.sub(r"\1", text[1:-1])


def _read_data(text: str, number: int, name: str) -> int | str | bytes | None:
    if text == "-":
        return None
    if match := DWORD.fullmatch(text):
        return int(match[1], 16)
    if match := TEXT.fullmatch(text):
        return ESCAPED.sub(r"\1", match[1])
    if match := HEX.fullmatch(text):
        digits = match[1].replace(",", " ").split()
        if all(len(byte) <= 2 for byte in digits):  # noqa: PLR2004 (a byte)
            return bytes(int(byte, 16) for byte in digits)
    raise InputUnusable(
        f'{name}, line {number}: the data is neither dword:, "text", hex: nor -',
        hint="a DWORD has up to eight hexadecimal digits: dword:00000a00",
    )
