"""What to do about a module without symbols, in words that fit where they are read.

`inspect` takes files by --symbols and asks servers by --symbol-server; whoever reads a page of the
inbox has neither, but can upload.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from crashtool.formats import object_kinds
from crashtool.formats.named_tuple import NamedTuple
from crashtool.services.symbols.local_places import SYSTEM
from crashtool.services.symbols.owners import Owner, find_owner

if TYPE_CHECKING:
    from crashtool.model.module import Module
    from crashtool.model.symbol_lookup import Candidate

UPLOAD = "crashtool upload-symbols --url URL"
OFFLINE = "--offline"

# What helps against a defect, by the kind of the program's file: the same on a page, in the table
# of debug files and in the release gate. A file is named by what it is, so that each can say how
# to give it.
UNSTRIPPED = "the file as it was before strip, or its .debug file"
ID_FIX = {
    object_kinds.PE: "link with /DEBUG, so that it names its PDB (MinGW: -Wl,--pdb=)",
    object_kinds.MACHO: "link without -no_uuid",
    object_kinds.ELF: "link with -Wl,--build-id=sha1",
}
LINED = {
    object_kinds.PE: "its full PDB: link with /DEBUG:FULL, compile with /Zi",
    object_kinds.MACHO: "its dSYM: compile with -g, then dsymutil makes it",
    object_kinds.ELF: f"{UNSTRIPPED}, compiled with -g",
}
UNWIND_COMPILE = (
    "compile with -fasynchronous-unwind-tables and keep .eh_frame (clang for Windows: "
    "-funwind-tables)"
)
REWRITTEN_NOTE = (
    "rewritten by a tool since it was linked (OMAP): crashtool follows how the code was moved, "
    "many other readers show wrong names"
)
REWRITTEN_FIX = "upload a .sym file that dump_syms for Windows made of it as well"
SPLIT_NOTE = "split DWARF: its inlined calls are in .dwo files or a .dwp, not in this file"
SPLIT_FIX = "build it without -gsplit-dwarf"
DUMP_FIX = "make it again from the program itself: crashtool symbols dump PROGRAM -o FILE.sym"
LINED_SYM = (
    "make it again, from a program compiled with -g: crashtool symbols dump PROGRAM -o FILE.sym"
)
DAMAGED_FIX = "rebuild the file, or use an intact copy"


class Advice(NamedTuple):
    """A remedy for who runs `inspect`, and one for who can only upload; "" for none."""

    fix: str = ""
    upload: str = ""


NOTHING = Advice()


def say(text: str) -> Advice:
    """A remedy that is the same everywhere: to build differently, say."""
    return Advice(text, text)


def give(what: str) -> Advice:
    """A remedy that is a file: `what` it is, and of which build."""
    return Advice(
        f"add --symbols PATH, where PATH contains {what}",
        f"{UPLOAD} PATH, where PATH contains {what}",
    )


def ask(owner: Owner) -> Advice:
    """A remedy that a public server may have."""
    option = f"--symbol-server {owner.server}"
    fetch = f"crashtool symbols fetch DUMP --all-modules {option} --to symbols"
    return Advice(f"add {option} ({owner.name}'s symbol server)", f"{fetch}, then {UPLOAD} symbols")


def advise(module: Module, what: str, candidates: Sequence[Candidate]) -> Advice:
    """Where to get a file of a module that is missing: from its maker's server, or from the user.

    A server that has been asked already is not named again.
    """
    return advise_of(owner_of(module, candidates), what, candidates)


def advise_of(owner: Owner | None, what: str, candidates: Sequence[Candidate]) -> Advice:
    """The same where the maker is known; None: the user."""
    if owner is None or not owner.server:
        return give(what) if owner is None else NOTHING
    url = owner.server.partition(":")[2] if owner.server.startswith("debuginfod:") else owner.server
    asked = [item for item in candidates if item.place.startswith(url)]
    if any(OFFLINE in item.note for item in asked):
        return say(f"leave out {OFFLINE}")
    return give(what) if asked else ask(owner)


def owner_of(module: Module, candidates: Sequence[Candidate]) -> Owner | None:
    """Who made a module, by what it is called and where its files were found."""
    is_here = any(item.status == "found" and item.note == SYSTEM for item in candidates)
    return find_owner(module, is_here=is_here)
