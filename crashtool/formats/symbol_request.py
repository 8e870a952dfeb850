"""What debuggers ask symbol servers for: paths of every convention to what they name.

The conventions are those of elfutils' debuginfod, Microsoft's symsrv and SSQP, Breakpad and Tecken.
Keys are compared without regard to case; a path is never more than a key here.
"""

from __future__ import annotations

import re

from crashtool.formats import object_kinds
from crashtool.formats.named_tuple import NamedTuple

MAX_LENGTH = 4096
BUILD_ID_DIGITS = 40
SOURCE, SECTION = "source", "section"
PE_ID = re.compile(r"[0-9a-f]{9,16}")
PDB_ID = re.compile(r"[0-9a-f]{33,40}|[0-9a-f]{9,16}")
HEX_ID = re.compile(r"(?:[0-9a-f]{2}){1,64}")
COMPRESSED = "_"  # app.pd_ is app.pdb as a cabinet, which this server does not make


class SymbolRequest(NamedTuple):
    """A file that is asked for: of which kind, `role` executable, debug, source or section;
    `identifier` in lower-case hex. `name` in lower case where it is a part of the key; of source
    its path, and the section's own name.
    """

    kind: str
    role: str
    identifier: str
    name: str = ""


def parse_symbol_request(path: str) -> SymbolRequest | None:
    """What a path, percent-decoded and without the slash at its front, asks for; None for else."""
    if len(path) > MAX_LENGTH or "\0" in path:
        return None
    parts = path.split("/")
    if parts[0] == "buildid":
        return _parse_debuginfod(parts)
    if parts[0] == ".build-id":
        return _parse_build_id(parts)
    if parts[0] == "try":  # Tecken's, for builds that were never released
        parts = parts[1:]
    parts = [part.lower() for part in parts]
    if len(parts) == 4 and parts[0] == parts[1][:2]:  # noqa: PLR2004 (of two tiers)
        parts = parts[1:]
    if len(parts) != 3 or not all(parts):  # noqa: PLR2004 (NAME/ID/NAME)
        return None
    return _parse_store(*parts)


def _parse_debuginfod(parts: list[str]) -> SymbolRequest | None:
    if len(parts) < 3 or not HEX_ID.fullmatch(parts[1].lower()):  # noqa: PLR2004
        return None
    build_id, what = parts[1].lower(), parts[2]
    if what == SOURCE and len(parts) > 3:  # noqa: PLR2004
        return SymbolRequest(object_kinds.ELF, SOURCE, build_id, "/" + "/".join(parts[3:]))
    if what == SECTION and len(parts) == 4 and parts[3]:  # noqa: PLR2004
        return SymbolRequest(object_kinds.ELF, SECTION, build_id, parts[3])
    roles = {"executable": object_kinds.EXECUTABLE, "debuginfo": object_kinds.DEBUG}
    if len(parts) != 3 or what not in roles:  # noqa: PLR2004
        return None
    return SymbolRequest(object_kinds.ELF, roles[what], build_id)


def _parse_build_id(parts: list[str]) -> SymbolRequest | None:
    """.build-id/ab/cdef….debug: gdb's folders, as static servers have them."""
    if len(parts) != 3:  # noqa: PLR2004
        return None
    name = parts[2].lower()
    role = object_kinds.DEBUG if name.endswith(".debug") else object_kinds.EXECUTABLE
    identifier = parts[1].lower() + name.removesuffix(".debug")
    if not HEX_ID.fullmatch(identifier):
        return None
    return SymbolRequest(object_kinds.ELF, role, identifier)


def _parse_store(name: str, key: str, file: str) -> SymbolRequest | None:
    """NAME/ID/NAME, all in lower case."""
    for prefix, kind, role in PREFIXES:
        if key.startswith(prefix):
            identifier = key.removeprefix(prefix)
            return SymbolRequest(kind, role, identifier) if HEX_ID.fullmatch(identifier) else None
    if file.endswith(".sym") and (PDB_ID.fullmatch(key) or HEX_ID.fullmatch(key)):
        return SymbolRequest(object_kinds.SYM, object_kinds.DEBUG, key, name)
    if file.endswith(COMPRESSED) or name != file:
        return None
    if file.endswith(".pdb") and PDB_ID.fullmatch(key):
        return SymbolRequest(object_kinds.PDB, object_kinds.DEBUG, key)
    if PE_ID.fullmatch(key):
        return SymbolRequest(object_kinds.PE, object_kinds.EXECUTABLE, key, name)
    return None


PREFIXES = (
    ("elf-buildid-sym-", object_kinds.ELF, object_kinds.DEBUG),
    ("elf-buildid-", object_kinds.ELF, object_kinds.EXECUTABLE),
    ("mach-uuid-sym-", object_kinds.MACHO, object_kinds.DEBUG),
    ("mach-uuid-", object_kinds.MACHO, object_kinds.EXECUTABLE),
)
