"""Files that the user says are a module's: `--symbols MODULE=FILE`, where no identifier tells.

Programs without a build id, as musl-gcc, Go and `-Wl,--build-id=none` make them, have none in the
dump, so that no file could match.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from crashtool.errors import CrashtoolError, InputUnusable
from crashtool.formats.named_tuple import NamedTuple
from crashtool.model.symbol_lookup import Candidate
from crashtool.services.symbols.identified_file import (
    IdentifiedFile,
    bare_name,
    compare,
    identify_required,
    ids_of,
    matches,
)

if TYPE_CHECKING:
    from crashtool.model.module import Module
    from crashtool.services.files.scratch import Scratch

GIVEN = "given for it by name, not matched by an identifier"


class Assignment(NamedTuple):
    """A module's name, and the file that is said to be its."""

    module: str
    path: str


def split_assignments(paths: Sequence[str]) -> tuple[list[str], list[Assignment]]:
    """Plain paths, and those that are `MODULE=FILE`: what exists as a whole is a path.

    InputUnusable when neither exists.
    """
    plain: list[str] = []
    assigned: list[Assignment] = []
    for text in paths:
        module, sign, path = text.partition("=")
        if os.path.exists(text) or not sign or not module:
            plain.append(text)
        elif os.path.isfile(path):
            assigned.append(Assignment(module, path))
        else:
            raise InputUnusable(
                f"{path} is not a file", hint=f"it was given for {module} by --symbols MODULE=FILE"
            )
    return plain, assigned


def find_fixed_programs(assignments: Sequence[Assignment]) -> tuple[Module, ...]:
    """The assigned programs that are loaded where they say, as modules: those linked at fixed
    addresses.

    Crashpad lists no modules of a static program that is not position-independent.
    """
    from crashtool.formats.object_file.elf import find_fixed_image
    from crashtool.model.module import Module
    from crashtool.services.symbols.mapped_file import map_file

    modules = []
    for name, path in assignments:
        try:
            image = find_fixed_image(map_file(path))
        except CrashtoolError:  # told of where its symbols are looked for
            continue
        if image is not None:
            modules.append(Module(image.start, len(image), name, name))
    return tuple(modules)


class AssignedSource:
    """The files that the user assigned, for the modules of those names."""

    def __init__(self, assignments: Sequence[Assignment], scratch: Scratch) -> None:
        self._assignments = tuple(assignments)
        self._scratch = scratch

    def walk_candidates(self, module: Module) -> Iterator[Candidate]:
        """The files for a module of this name; one with another identifier is a mismatch."""
        name = bare_name(module.name)
        for assignment in self._assignments:
            if bare_name(assignment.module) == name:
                for file in identify_required(assignment.path, self._scratch):
                    yield _assign(file, module)


def _assign(file: IdentifiedFile, module: Module) -> Candidate:
    ids = ids_of(module)
    has_identifier = ids.debug_id is not None or bool(ids.code_id)
    is_known = any(object_file.debug_id or object_file.code_id for object_file in file.objects)
    if not file.is_readable or matches(file, module) or (has_identifier and is_known):
        return compare(file, module)
    return Candidate(file.place, "found", file.objects[0].kind, GIVEN, file.path)
