"""Symbol uploads as values: the files found, what is wrong with them, and what became of them."""

from typing import NamedTuple

from crashtool.formats.object_file.kinds import ObjectFile

UPLOADED, WRITTEN, PLANNED = "uploaded", "written", "would upload"
FAILED, SKIPPED = "failed", "skipped"


class Member(NamedTuple):
    """A file as it stands in an archive: its name there, the file its bytes come from, its size."""

    name: str
    source: str
    size: int


class Quality(NamedTuple):
    """What look-ups in one object of a file gave: is there any function, any line, and so on.

    `problem` says why it could not be judged, "" when it was.
    """

    functions: bool = False
    lines: bool = False
    inlines: bool = False
    unwind: bool = False
    sources: bool = False
    problem: str = ""


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
    companions: tuple[Member, ...] = ()
    qualities: tuple[Quality, ...] = ()


class LeftOut(NamedTuple):
    """A file that is not uploaded, why, and what to do about it ("" when nothing)."""

    path: str
    reason: str
    hint: str = ""


class Collection(NamedTuple):
    """What a search found: files to upload, files passed over, and inputs that cannot be used."""

    files: tuple[SymbolFile, ...] = ()
    ignored: tuple[LeftOut, ...] = ()
    refused: tuple[LeftOut, ...] = ()


class Defect(NamedTuple):
    """Something that will keep a file from helping: the rule's name, the finding, the fix."""

    rule: str
    path: str
    sentence: str
    fix: str


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
