"""Breakpad .sym: its MODULE line, and which kinds of records it holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crashtool.errors import MalformedFile
from crashtool.formats import object_kinds
from crashtool.formats.foreign_paths import base_name
from crashtool.formats.identifiers import CodeId, DebugId
from crashtool.formats.object_kinds import ObjectFile

if TYPE_CHECKING:
    from crashtool.formats.object_kinds import Content

MAGIC = b"MODULE "
HEAD_BYTES = 4096
MODULE_WORDS = 5
LOOKED_FOR = 1 << 23  # bytes
CODE_ID_WORDS = 3
# a GUID or the signature of a PDB 2.0, and an age of one to eight digits, all hexadecimal
ID_LENGTHS = (*range(33, 41), *range(9, 17))
ARCHITECTURES = {
    "x86": "x86",
    "x86_64": "x86_64",
    "x64": "x86_64",
    "amd64": "x86_64",
    "arm": "arm",
    "arm64": "arm64",
    "arm64e": "arm64",
    "aarch64": "arm64",
    "ppc": "ppc",
    "ppc64": "ppc64",
    "sparc": "sparc",
    "mips": "mips",
    "mips64": "mips64",
    "riscv": "riscv",
    "riscv64": "riscv64",
}
TAIL = 1 << 16  # bytes


def read_symbol_header(data: Content) -> tuple[ObjectFile, ...]:
    """The one module that a .sym file describes, with the kinds of records that are in it.

    Of a large file only the beginning and the end are looked at, where each kind begins or ends.
    STACK records come last.
    """
    size = len(data)
    parts = [(0, size)]
    if size > 2 * LOOKED_FOR:
        parts = [(0, LOOKED_FOR), (size - LOOKED_FOR, size)]
    features = set()
    if _has_record(data, b"\nFUNC ", parts) or _has_record(data, b"\nPUBLIC ", parts):
        features.add(object_kinds.SYMBOLS)
    if _has_record(data, b"\nFILE ", parts):
        features.add(object_kinds.LINES)
    if _has_record(data, b"\nSTACK ", [(max(0, size - TAIL), size), *parts]):
        features.add(object_kinds.UNWIND)
    return (read_module_line(data)._replace(features=frozenset(features)),)


def _has_record(data: Content, mark: bytes, parts: list[tuple[int, int]]) -> bool:
    return any(data.find(mark, start, end) >= 0 for start, end in parts)


def read_module_line(data: Content) -> ObjectFile:
    """The module that a .sym file describes, by its first lines alone: `features` stays empty."""
    lines = bytes(data[:HEAD_BYTES]).decode("utf-8", "replace").splitlines()
    words = (lines or [""])[0].split(" ", MODULE_WORDS - 1)
    if len(words) < MODULE_WORDS or words[0] != "MODULE" or not words[4].strip():
        raise MalformedFile(
            "a .sym file whose MODULE line is not complete",
            offset=0,
            hint="expected: MODULE <system> <architecture> <id> <name>",
        )
    _, _, architecture, identifier, name = words
    if len(identifier) not in ID_LENGTHS or not _is_hexadecimal(identifier):
        raise MalformedFile(f"a .sym file with the identifier {identifier[:40]!r}", offset=0)
    return ObjectFile(
        object_kinds.SYM,
        object_kinds.DEBUG,
        ARCHITECTURES.get(architecture, "unknown"),
        debug_id=DebugId.parse(identifier),
        code_id=_find_code_id(lines[1:]),
        debug_file=base_name(name.strip()),
    )


def _is_hexadecimal(text: str) -> bool:
    return all(character in "0123456789abcdefABCDEF" for character in text)


def _find_code_id(lines: list[str]) -> CodeId | None:
    for line in lines:
        words = line.split() if line.startswith("INFO") else []
        if words[:2] == ["INFO", "CODE_ID"] and len(words) >= CODE_ID_WORDS:
            return CodeId(words[2].lower()) if _is_hexadecimal(words[2]) else None
    return None
