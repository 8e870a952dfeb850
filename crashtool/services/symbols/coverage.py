"""What there is of a module for reading stacks, and the first thing that is missing.

One decision for all who ask: `inspect` about the frames of a stack, the release gate about what
ships, the rules of debug files about one object. Each says it in words for its own readers.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from crashtool.formats import object_kinds
from crashtool.formats.named_tuple import NamedTuple

Gap: TypeAlias = Literal["no_id", "missing", "stripped", "no_lines", "no_unwind", "ok"]

# Where 64-bit Windows keeps unwind data: in the image's .pdata, not in the PDB (x64 and ARM64
# exception handling, learn.microsoft.com)
UNWIND_IN_IMAGE = ("x86_64", "arm64")


class Coverage(NamedTuple):
    """What of a module could be looked up. `is_unwound` also where callers need no tables.

    `has_id`: a file can be told to be the module's. `has_files`: there are such files.
    """

    has_id: bool = True
    has_files: bool = True
    has_names: bool = False
    has_lines: bool = False
    is_unwound: bool = True


def assess(coverage: Coverage) -> Gap:
    """The first thing that keeps a stack from being read; what comes after it does not matter."""
    if not coverage.has_files:
        return "missing" if coverage.has_id else "no_id"
    if not coverage.has_lines:
        return "no_lines" if coverage.has_names else "stripped"
    return "ok" if coverage.is_unwound else "no_unwind"


def needs_tables(kind: str, architecture: str) -> bool:
    """Whether callers are lost without unwind tables: not where frame pointers are the rule.

    `kind` is that of the module's program file.
    """
    if kind == object_kinds.PE:
        return architecture in UNWIND_IN_IMAGE
    return not (kind == object_kinds.MACHO and architecture == "arm64")
