"""What dwz has moved to a file that several debug files share: which file that is.

The names: gdb's .gnu_debugaltlink, and DWARF 5's .debug_sup (7.3.6).
"""

from __future__ import annotations

from crashtool.formats.dwarf.sections import DebugSections
from crashtool.formats.named_tuple import NamedTuple

GNU_LINK, LINK = "gnu_debugaltlink", "debug_sup"
MAX_LINK = 1 << 13


class SupplementLink(NamedTuple):
    """The shared file's path, absolute or from the file's own folder, and its identifier: a build
    id, or with DWARF 5 a number that its own .debug_sup repeats (`is_build_id` is False then).
    """

    path: str
    identifier: bytes
    is_build_id: bool


def read_supplement_link(sections: DebugSections) -> SupplementLink | None:
    """The file that a debug file shares entries with; None when it is whole.

    DamagedDwarf when the link runs out.
    """
    if sections.has(GNU_LINK):
        cursor = sections.open(GNU_LINK, 0, MAX_LINK)
        path = cursor.string().decode("utf-8", "surrogateescape")
        identifier = cursor.take(cursor.end - cursor.offset)
        return SupplementLink(path, identifier, is_build_id=True)
    section = _read_own(sections)
    return section[1] if section is not None and not section[0] else None


def read_supplement_number(sections: DebugSections) -> bytes | None:
    """The identifier of a shared file with DWARF 5's section; None when it is none."""
    section = _read_own(sections)
    return section[1].identifier if section is not None and section[0] else None


def _read_own(sections: DebugSections) -> tuple[bool, SupplementLink] | None:
    """What .debug_sup says, and whether of this file itself."""
    if not sections.has(LINK):
        return None
    cursor = sections.open(LINK, 0, MAX_LINK)
    cursor.number(2)  # its version
    is_shared = bool(cursor.number(1))
    path = cursor.string().decode("utf-8", "surrogateescape")
    return is_shared, SupplementLink(path, cursor.take(cursor.uleb()), is_build_id=False)
