"""Looking for the symbols of modules that are named by an identifier, a minidump or a program."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from crashtool.errors import CrashtoolError, InputUnusable, MachineFault, reason_of
from crashtool.formats.foreign_paths import base_name
from crashtool.formats.identifiers import BuildId, DebugId
from crashtool.formats.named_tuple import NamedTuple
from crashtool.formats.regular_file import open_regular
from crashtool.model.module import Module
from crashtool.model.symbol_lookup import Candidate
from crashtool.services.files.path_patterns import expand_path, may_exist
from crashtool.services.symbol_upload.collect import SymbolFileSearch, read_file
from crashtool.services.symbol_upload.dump_modules import find_needed
from crashtool.services.symbol_upload.inventory import BINARIES
from crashtool.services.symbols.cache import OTHER_FOLDER
from crashtool.services.workers.thread_pool import share_in_order

if TYPE_CHECKING:
    from crashtool.model.symbol_upload import Delivery
    from crashtool.services.files.scratch import Scratch
    from crashtool.services.symbol_upload.store import StoreWriter
    from crashtool.services.symbols.symbol_source import SymbolSource

MAGIC = b"MDMP"
BUILD_ID_DIGITS = 40  # of SHA-1


class ModuleSearch(NamedTuple):
    """A module, what asked for it, and every place where its files were looked for."""

    module: Module
    asked: str
    candidates: tuple[Candidate, ...] = ()

    @property
    def found(self) -> tuple[Candidate, ...]:
        """The places that have a file of this very build."""
        return tuple(item for item in self.candidates if item.status == "found")


def list_wanted(
    texts: Sequence[str], scratch: Scratch, cache: str, *, all_modules: bool
) -> list[ModuleSearch]:
    """The modules that identifiers, minidumps, programs and folders of programs stand for.

    InputUnusable for a text that is none of these, and for a file that holds no module.
    """
    wanted: list[ModuleSearch] = []
    for text in texts:
        searches = [
            ModuleSearch(module, path)
            for path in expand_path(text) or [text]
            for module in _walk_wanted(path, scratch, cache, all_modules)
        ]
        if not searches:
            raise InputUnusable(
                f"{text} names no module whose symbols can be looked up",
                hint="give a minidump, a program or library, a PDB, a folder of them, or an id",
            )
        wanted += searches
    return list(dict.fromkeys(wanted))


def _walk_wanted(text: str, scratch: Scratch, cache: str, all_modules: bool) -> Iterator[Module]:
    path = Path(text)
    if not may_exist(text):
        yield _parse_identifier(text)
    elif _is_dump(path):
        for module, is_system in find_needed(text, (), cache, scratch, everything=True).modules:
            if all_modules or not is_system:
                yield module
    else:
        for file in SymbolFileSearch(scratch, allow_empty=True).collect([text]).files:
            for object_file in file.objects:
                if object_file.role in BINARIES or object_file.debug_id:
                    code_id = object_file.build_id.hex if object_file.build_id else None
                    code_id = code_id or (
                        object_file.code_id.value if object_file.code_id else None
                    )
                    yield Module(
                        0,
                        0,
                        file.name,
                        file.name,
                        code_id,
                        object_file.debug_file or file.name,
                        object_file.debug_id,
                    )


def _is_dump(path: Path) -> bool:
    if path.is_dir():
        return False
    try:
        with open_regular(path) as file:
            return file.read(len(MAGIC)) == MAGIC
    except OSError as error:
        raise InputUnusable(f"cannot read {path}: {reason_of(error)}") from None


def _parse_identifier(text: str) -> Module:
    """A debug id, or the build id of an ELF file."""
    digits = text.strip().replace("-", "").lower()
    if len(digits) == BUILD_ID_DIGITS and not digits.strip("0123456789abcdef"):
        build_id = BuildId(bytes.fromhex(digits))
        return Module(0, 0, text, "", build_id.hex, None, build_id.debug_id)
    try:
        return Module(0, 0, text, "", None, None, DebugId.parse(text))
    except CrashtoolError:
        raise InputUnusable(
            f"{text} is neither a file nor an identifier",
            hint="name a minidump, a program, a debug id such as 45E07FE79CAC31169A0459CA63D608A70 "
            "or a build id",
        ) from None


def find_symbols(
    wanted: Sequence[ModuleSearch], source: SymbolSource, jobs: int = 1
) -> list[ModuleSearch]:
    """Look everywhere for each module; several at once when `jobs` says so."""

    def look(search: ModuleSearch) -> ModuleSearch:
        return search._replace(candidates=tuple(source.walk_candidates(search.module)))

    return list(share_in_order(look, wanted, min(jobs, len(wanted)) or 1))


def store_found(searches: Sequence[ModuleSearch], writer: StoreWriter) -> Iterator[Delivery]:
    """Put what was found into a store, each file once, under the names that it is looked for by."""
    from crashtool.model.symbol_upload import SymbolFile

    seen: set[str] = set()
    for search in searches:
        for candidate in search.found:
            if candidate.path in seen:
                continue
            seen.add(candidate.path)
            with _read_a_moment_ago(candidate.path):
                objects = read_file(candidate.path)
                size = Path(candidate.path).stat().st_size
            name = _own_name(search.module, objects[0].kind)
            file: SymbolFile = SymbolFile(candidate.place, candidate.path, name, size, objects)
            with _read_a_moment_ago(candidate.path):
                deliveries = list(writer.write_all([file]))
            for delivery in deliveries:
                is_unread = delivery.reason.startswith(f"cannot read {candidate.path}: ")
                yield delivery._replace(error=MachineFault.code) if is_unread else delivery


@contextmanager
def _read_a_moment_ago(path: str) -> Iterator[None]:
    """What now keeps a file from being read is no fault of the file."""
    try:
        yield
    except OSError as error:
        if error.filename != path:
            raise
        raise MachineFault(
            f"{path} cannot be read: {reason_of(error)}", hint=OTHER_FOLDER
        ) from None


def _own_name(module: Module, kind: str) -> str:
    """A PDB is called as its program says; others as the module is."""
    own = module.debug_file if kind in ("pdb", "sym") and module.debug_file else None
    return base_name(own or module.code_file or module.name) or "module"
