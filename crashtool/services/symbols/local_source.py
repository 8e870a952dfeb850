"""A module's files on this machine: at the paths that its dump records, beside it, in the system's
folders, in the cache.

Nothing is said of a file that is not the module's: a dump could ask for any.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING
from zlib import crc32

from crashtool.errors import CrashtoolError
from crashtool.formats.breakpad.symbol_header import MAGIC
from crashtool.model.symbol_lookup import Candidate
from crashtool.services.symbols.fetched_index import walk_fetched
from crashtool.services.symbols.identified_file import (
    IdentifiedFile,
    compare,
    fits_name,
    identify,
    is_object,
    matches,
    read_head,
)
from crashtool.services.symbols.local_places import (
    BESIDE_DUMP,
    CACHED,
    DEBUG_FOLDER,
    LINKED,
    NOT_HERE,
    LocalPath,
    Surroundings,
    find_surroundings,
    identify_regular,
    plain_name,
    walk_places,
)
from crashtool.services.symbols.mapped_file import map_file

if TYPE_CHECKING:
    from crashtool.model.module import Module
    from crashtool.services.files.scratch import Scratch
    from crashtool.services.symbols.cache import SymbolCache

MAX_LINKED = 4 << 30  # bytes that are read for a checksum
BLOCK = 1 << 20


class LocalSource:
    """Files that nobody named. `around` are the folders of the dump at hand.

    With `beside_dump` its own folder is one of them.
    """

    def __init__(self, cache: SymbolCache, scratch: Scratch, *, beside_dump: bool = True) -> None:
        self.around = Surroundings()
        self._beside_dump = beside_dump
        self._cache = cache
        self._scratch = scratch

    def look_around(self, dump: str, modules: tuple[Module, ...]) -> None:
        """Look around the dump at this path from now on."""
        self.around = find_surroundings(dump if self._beside_dump else "", modules)

    def walk_candidates(self, module: Module) -> Iterator[Candidate]:
        """The files of this very build, and others only of its name beside the dump."""
        is_found = False
        for local in walk_places(module, self.around):
            for candidate in self._look(local, module):
                is_found |= candidate.status == "found"
                yield candidate
        for candidate in self._walk_cached(module):
            is_found = True
            yield candidate
        if not is_found:
            yield NOT_HERE

    def walk_linked(self, module: Module, program: str, link: str) -> Iterator[Candidate]:
        """The debug file that a program names in .gnu_debuglink, where gdb looks for it."""
        folder, name = os.path.dirname(os.path.abspath(program)), plain_name(link)
        if not name or os.name != "posix":
            return
        for path in (
            f"{folder}/{name}",
            f"{folder}/.debug/{name}",
            f"{DEBUG_FOLDER}{folder}/{name}",
        ):
            if identify_regular(path) and not _is_same(path, program):
                yield from self._look_linked(path, module, program)

    def _look(self, local: LocalPath, module: Module) -> Iterator[Candidate]:
        for file in self._identify(local.path):
            candidate = compare(file, module)
            if candidate.status == "found":
                yield candidate._replace(note=local.ground)
            elif local.ground == BESIDE_DUMP and file.is_readable and fits_name(file, module):
                yield candidate

    def _look_linked(self, path: str, module: Module, program: str) -> Iterator[Candidate]:
        for file in self._identify(path):
            if matches(file, module):
                yield compare(file, module)._replace(note=LINKED)
            elif not any(object_file.debug_id for object_file in file.objects) and _has_checksum(
                path, program
            ):
                yield Candidate(path, "found", file.objects[0].kind, f"{LINKED}, CRC32", path)

    def _identify(self, path: str) -> list[IdentifiedFile]:
        """What a file holds, if it is a debug file: nothing is unpacked, nothing complained of."""
        try:
            head = read_head(path)
        except CrashtoolError:
            return []
        if not is_object(head) and not head.startswith(MAGIC):
            return []
        return [file for file in identify(path, self._scratch, head=head) if file.objects]

    def _walk_cached(self, module: Module) -> Iterator[Candidate]:
        """What servers have sent before, whoever named them then."""
        for path, place in walk_fetched(self._cache, module):
            for file in self._identify(path):
                if matches(file._replace(place=place), module):
                    candidate = compare(file._replace(place=place), module)
                    yield candidate._replace(note=CACHED)


def _has_checksum(path: str, program: str) -> bool:
    """Whether a file has the CRC32 that a program's .gnu_debuglink names."""
    from crashtool.formats.object_file.elf import read_link_checksum

    try:
        wanted = read_link_checksum(map_file(program))
        if wanted is None or os.path.getsize(path) > MAX_LINKED:
            return False
        digest = 0
        with open(path, "rb") as file:
            while block := file.read(BLOCK):
                digest = crc32(block, digest)
    except (OSError, CrashtoolError):
        return False
    return digest == wanted


def _is_same(path: str, other: str) -> bool:
    try:
        return os.path.samefile(path, other)
    except OSError:
        return False
