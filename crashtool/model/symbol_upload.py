"""Symbol uploads as values: the files found, what is wrong with them, and what became of them."""

from __future__ import annotations

from typing import Literal, TypeAlias

from crashtool.errors import CrashtoolError
from crashtool.formats.named_tuple import NamedTuple
from crashtool.formats.object_kinds import ObjectFile

UPLOADED, WRITTEN, PLANNED = "uploaded", "written", "would upload"
PRESENT = "already there"
FAILED, SKIPPED = "failed", "skipped"
ERROR, WARNING = "error", "warning"


class UploadMember(NamedTuple):
    """A file as it stands in an archive: its name there, the file its bytes come from, its size."""

    name: str
    source: str
    size: int


class Quality(NamedTuple):
    """What look-ups in one object of a file gave: is there any function, any line, and so on.

    `functions` counts those that symbols name, or the tried ones where that is more. `lined` and
    `unwound` are shares, from 0 to 1: of the code with names that has lines, and of the functions
    tried that can be unwound. `nameless` counts tried functions with merged calls whose names are
    not in the file. `problem` says why it could not be judged, "" when
    it was; `tried` is False when only headers were read. `fault` is what kept this machine from
    reading it: then the rest is what could be read all the same, and nothing is held against it.
    """

    functions: int = 0
    lines: bool = False
    inlines: bool = False
    unwind: bool = False
    sources: bool = False
    lined: float = 0.0
    unwound: float = 0.0
    nameless: int = 0
    problem: str = ""
    tried: bool = True
    fault: CrashtoolError | None = None

    @property
    def grade(self) -> str:
        """In a word what a stack shows with it: full, no lines, unwind only, nothing."""
        if self.problem:
            return UNREADABLE
        if self.fault and not self.lines:
            return NOT_READ
        if self.lines:
            return FULL
        if self.functions:
            return NO_LINES
        return UNWIND_ONLY if self.unwind else NOTHING


FULL, NO_LINES, UNWIND_ONLY, NOTHING = "full", "no lines", "unwind only", "nothing"
UNREADABLE, NOT_READ = "unreadable", "not read"


class SymbolFile(NamedTuple):
    """A file with debug information, found by its content.

    `path` is how the user knows it (`symbols.zip:bin/app` for one out of an archive), `source` the
    file on this disk that holds its bytes, `name` what it is called on the server. `layout` is the
    path that a bundle prescribes, "" outside bundles; `companions` are the bundle's other files.
    `qualities` are those of the objects, in their order; empty as long as nobody looked.
    """

    path: str
    source: str
    name: str
    size: int
    objects: tuple[ObjectFile, ...]
    layout: str = ""
    companions: tuple[UploadMember, ...] = ()
    qualities: tuple[Quality, ...] = ()


class LeftOut(NamedTuple):
    """A file that is not uploaded, why, and what to do about it ("" when nothing)."""

    path: str
    reason: str
    hint: str = ""


class Collection(NamedTuple):
    """What a search found: files to upload, files passed over, and inputs that cannot be used.

    `closed` are containers that nobody looked into, such as installers; they are also among the
    files passed over, or refused if they were named.
    """

    files: tuple[SymbolFile, ...] = ()
    ignored: tuple[LeftOut, ...] = ()
    refused: tuple[LeftOut, ...] = ()
    closed: tuple[LeftOut, ...] = ()


class Defect(NamedTuple):
    """Something that will keep a file from helping: the rule's name, the finding, the fix."""

    rule: str
    path: str
    sentence: str
    fix: str
    severity: str = WARNING


class Pair(NamedTuple):
    """Two files that belong together: a program, and its PDB, debug file, dSYM or .dwp.

    `kind` is the partner's: a kind of object file, or package. `identifier` is what they share.
    """

    program: str
    partner: str
    kind: str
    identifier: str


GateStatus: TypeAlias = Literal[
    "ok",
    "missing",
    "mismatch",
    "stripped",
    "no_lines",
    "no_unwind",
    "no_id",
    "unreadable",
    "not_read",
    "not_required",
]


class GateRow(NamedTuple):
    """A module that ships, or that a dump names, and whether the symbols make it readable.

    `place` is where it was found: its path, or the dump. `identifier` is its debug id, or code id,
    "" for none. `found` are the files that are of this very build.
    """

    name: str
    place: str
    architecture: str
    identifier: str
    status: GateStatus
    note: str = ""
    fix: str = ""
    found: tuple[str, ...] = ()

    @property
    def is_good(self) -> bool:
        """Whether it keeps nothing from being sent."""
        return self.status in ("ok", "not_required")


class DumpedModule(NamedTuple):
    """What became of writing a .sym file of a module: `target` is where, `reason` why not."""

    path: str
    identifier: str = ""
    target: str = ""
    size: int = 0
    reason: str = ""


class Survey(NamedTuple):
    """What was found, what is wrong with it, what belongs together, and the gate's verdicts."""

    collection: Collection
    defects: tuple[Defect, ...] = ()
    pairs: tuple[Pair, ...] = ()
    gate: tuple[GateRow, ...] = ()

    @property
    def fault(self) -> CrashtoolError | None:
        """What kept this machine from reading some of the files, if anything."""
        rows = (quality for file in self.collection.files for quality in file.qualities)
        return next((quality.fault for quality in rows if quality.fault), None)


class Delivery(NamedTuple):
    """What became of one request, or of one file written instead: an archive or a single file.

    `size` counts the bytes of the files in it, `sent` those that left; `rxid` is the server's
    receipt, `paths` are the files inside and `digests` the SHA-256 of each, in the same order, of
    the bytes that were read for it. `error` is the exception's class word, "" when all went well.
    `forgiven` says that --soft-fail let the failure pass.
    """

    name: str
    status: str
    paths: tuple[str, ...]
    size: int
    sent: int = 0
    seconds: float = 0.0
    rxid: str = ""
    digests: tuple[str, ...] = ()
    reason: str = ""
    hint: str = ""
    error: str = ""
    forgiven: bool = False
