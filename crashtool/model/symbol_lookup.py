"""Looking for a module's debug files: each place, what came of it, and the verdict in the end."""

from __future__ import annotations

from typing import Literal

from crashtool.formats.named_tuple import NamedTuple
from crashtool.model.module import Module

LookupStatus = Literal[
    "found",
    "not_found",
    "mismatch",
    "denied",
    "timeout",
    "failed",
    "malformed",
    "unsupported",
]

SymbolStatus = Literal[
    "ok",
    "mismatch",
    "stripped",
    "no_lines",
    "no_unwind",
    "missing",
    "malformed",
    "failed",
    "no_id",
]

SymbolUse = Literal["functions", "lines", "inlines", "unwind", "code"]


class Candidate(NamedTuple):
    """A place where a file of a module was looked for, and what came of it.

    `place` is how the user knows it: a path, `archive.zip:member`, or a URL without secrets. `kind`
    is the file's (`formats.object_kinds`), "" when it is not known. `note` says in words what
    a mismatch is instead, or why it failed. `path` is the plain file on this disk when it is found.
    """

    place: str
    status: LookupStatus
    kind: str = ""
    note: str = ""
    path: str = ""


class ModuleStatus(NamedTuple):
    """Whether a module's part of a stack can be read, and if not, why and what to do.

    `uses`: what could be looked up in the files that were found. `note` is the reason and `fix` the
    remedy for who runs `inspect`, `upload_fix` that for who reads a receiver's page; sentences
    without a full stop, "" when there is none.
    """

    module: Module
    status: SymbolStatus
    uses: tuple[SymbolUse, ...] = ()
    note: str = ""
    fix: str = ""
    candidates: tuple[Candidate, ...] = ()
    upload_fix: str = ""

    @property
    def files(self) -> tuple[Candidate, ...]:
        """The files that were used."""
        return tuple(item for item in self.candidates if item.status == "found")
