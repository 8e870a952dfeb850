"""The file that dwz has moved a debug file's shared entries to, where this machine has it.

Debian and Fedora ship their debug files so. The file's path comes from the debug file, which may be
a stranger's: only paths that are safe to open are looked at, and the identifier must be the same.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

from crashtool.errors import InputUnusable
from crashtool.formats.dwarf.file_sections import open_all_sections
from crashtool.formats.dwarf.supplement import (
    SupplementLink,
    read_supplement_link,
    read_supplement_number,
)
from crashtool.formats.object_file import elf
from crashtool.services.symbols.local_places import (
    DEBUG_FOLDER,
    identify_regular,
    plain_name,
    recorded_path,
)
from crashtool.services.symbols.mapped_file import map_file

if TYPE_CHECKING:
    from crashtool.formats.dwarf.sections import DebugSections

COMMON, BY_BUILD_ID = ".dwz", ".build-id"
LEAST_BUILD_ID = 2  # bytes: one is the folder's name


def find_supplement(
    path: str, sections: DebugSections, problems: list[str], absent: list[str]
) -> DebugSections | None:
    """The sections that the debug file at a path shares; None when it shares none.

    None, and told in `absent`, when they are not at hand; damage is told in `problems`.
    """
    try:
        link = read_supplement_link(sections)
    except InputUnusable as error:
        problems.append(error.what)
        return None
    if link is None:
        return None
    for shared in _walk_paths(path, link):
        if identify_regular(shared) is None:
            continue
        try:
            if supplement := _open_same(shared, link):
                return supplement
        except InputUnusable as error:
            problems.append(f"{os.path.basename(shared)}: {error.what}")
    name = plain_name(link.path) or "a file that dwz has made"
    absent.append(f"names that several files share are in {name}, which was not found")
    return None


def _walk_paths(path: str, link: SupplementLink) -> Iterator[str]:
    """Where the link leads, then beside the debug file, then in the folders of debug packages."""
    if recorded := recorded_path(link.path):
        yield recorded
    real = os.path.realpath(path)  # in .build-id there are links to the files
    folders = list(dict.fromkeys(os.path.dirname(os.path.abspath(path)) for path in (path, real)))
    name = plain_name(link.path)
    for folder in folders:
        if recorded := recorded_path(os.path.join(folder, link.path)):
            yield recorded
        if name:
            yield os.path.join(folder, name)
            yield os.path.join(folder, COMMON, name)
    roots = [folder.partition(f"{os.sep}{BY_BUILD_ID}")[0] for folder in folders]
    tail = link.path.rpartition(f"/{COMMON}/")[2]
    if os.name == "posix":
        roots.append(DEBUG_FOLDER)
    for root in dict.fromkeys(roots):
        if link.is_build_id and len(link.identifier) >= LEAST_BUILD_ID:
            digits = link.identifier.hex()
            yield os.path.join(root, BY_BUILD_ID, digits[:2], f"{digits[2:]}.debug")
        if all(map(plain_name, tail.split("/"))):
            yield os.path.join(root, COMMON, *tail.split("/"))


def _open_same(path: str, link: SupplementLink) -> DebugSections | None:
    """The sections of a file, when it is the one that is meant."""
    data = map_file(path)
    sections = open_all_sections(data)
    if sections is None or not link.identifier:
        return None
    if link.is_build_id:
        own = elf.find_note(data, elf.GNU_OWNER, elf.NOTE_BUILD_ID)
    else:
        own = read_supplement_number(sections)
    return sections if own == link.identifier else None
