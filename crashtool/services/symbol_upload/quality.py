"""How much each debug file is worth: what can be looked up in it, found out by looking it up."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from crashtool.errors import CrashtoolError, InputUnusable, MalformedFile
from crashtool.formats import object_kinds
from crashtool.formats.breakpad.symbol_file import BreakpadFile
from crashtool.formats.object_file.code_spans import spread_addresses
from crashtool.formats.object_file.identify import find_code
from crashtool.formats.object_kinds import ObjectFile
from crashtool.formats.pdb.function_counts import measure_coverage
from crashtool.formats.pdb.lookup import PdbLookup
from crashtool.model.symbol_upload import Quality, SymbolFile
from crashtool.services.symbol_upload.native_coverage import measure_native
from crashtool.services.symbols.coverage import UNWIND_IN_IMAGE
from crashtool.services.symbols.mapped_file import map_file
from crashtool.services.symbols.unwind_information import UnwindInformation
from crashtool.services.workers.processes import count_workers, share_among_processes

if TYPE_CHECKING:
    from crashtool.formats.object_kinds import Content

MANY = 100  # files: fewer small ones are graded before another process has loaded all this
LARGE = 100_000_000  # bytes, of all
MAX_LOOKED_UP = 64  # functions of a PDB that are named, to see whether it is sound
MAX_TRIED = 256  # functions whose unwind information is looked up
UNREAD_ROLES = (object_kinds.PACKAGE, object_kinds.SUPPLEMENT)  # only of use through another file
ENOUGH_UNWOUND = 0.5  # what the C runtime brings along is less in any program but an empty one
ENOUGH_UNNAMED = 0.23  # where the runtime's own code cannot be told from the rest
ENOUGH_IN_IMAGES = 0.05  # leaf functions have none in x86-64 Windows code


def grade_files(files: Sequence[SymbolFile]) -> tuple[SymbolFile, ...]:
    """The same files with the qualities of their objects; many, or large ones, are shared among
    processes. A file that cannot be read has a `problem` in its qualities.
    """
    workers = count_workers(None)
    if workers == 1 or not _is_worth_sharing(files):
        return tuple(map(grade_file, files))
    return tuple(
        share_among_processes(f"{__name__}:make_grader", None, iter(files), workers, grade_file)
    )


def _is_worth_sharing(files: Sequence[SymbolFile]) -> bool:
    return len(files) >= MANY or (len(files) > 1 and sum(file.size for file in files) >= LARGE)


def make_grader(_setup: None) -> Callable[[SymbolFile], SymbolFile]:
    """What grades files in a process of its own."""
    return grade_file


def grade_file(file: SymbolFile) -> SymbolFile:
    """The file with the qualities of its objects."""
    rows = (grade_object(file, object_file) for object_file in file.objects)
    return file._replace(qualities=tuple(rows))


def describe_from_headers(files: Sequence[SymbolFile]) -> tuple[SymbolFile, ...]:
    """The same files with what their headers promise, which may be more than they hold."""
    return tuple(file._replace(qualities=tuple(map(from_headers, file.objects))) for file in files)


def grade_object(file: SymbolFile, object_file: ObjectFile) -> Quality:
    """What can be looked up in one object of a file."""
    try:
        if object_file.kind == object_kinds.SYM:
            return _grade_text(file)
        if object_file.role in UNREAD_ROLES:
            return Quality()
        if object_file.kind == object_kinds.PDB:
            return _grade_pdb(file, object_file)
        return _grade_native(file, object_file)
    except InputUnusable as error:
        return Quality(problem=error.what)
    except CrashtoolError as error:
        return Quality(fault=error)


def from_headers(object_file: ObjectFile) -> Quality:
    """What an object's headers promise, which may be more than it holds."""
    return Quality(
        functions=int(object_kinds.SYMBOLS in object_file.features),
        lines=object_kinds.LINES in object_file.features,
        unwind=object_kinds.UNWIND in object_file.features,
        sources=object_kinds.SOURCES in object_file.features,
        tried=False,
    )


def _grade_text(file: SymbolFile) -> Quality:
    text = BreakpadFile(map_file(file.source))
    return Quality(
        functions=int(text.has_functions or text.has_publics),
        lines=text.has_lines,
        inlines=text.has_inlines,
        unwind=text.has_unwind,
        lined=float(text.has_lines),
        unwound=float(text.has_unwind),
    )


def _grade_pdb(file: SymbolFile, object_file: ObjectFile) -> Quality:
    lookup = PdbLookup(map_file(file.source))
    coverage = measure_coverage(lookup)
    for address in spread_addresses(coverage.spans, max(1, coverage.code_bytes // MAX_LOOKED_UP)):
        lookup.find_locations(address)
    if lookup.problems:
        return Quality(problem=f"cannot read the debug information: {lookup.problems[0]}")
    unwound = 0.0
    if object_file.architecture not in UNWIND_IN_IMAGE:  # else it is in the image
        step = max(1, coverage.code_bytes // MAX_TRIED)
        tried = tuple(spread_addresses(coverage.spans, step))
        unwound = sum(lookup.find_frame_data(at) is not None for at in tried) / max(1, len(tried))
    return Quality(
        functions=coverage.functions,
        lines=coverage.lined_bytes > 0,
        inlines=coverage.has_inlines,
        unwind=unwound >= ENOUGH_UNWOUND,
        sources=object_kinds.SOURCES in object_file.features,
        lined=min(1.0, coverage.lined_bytes / max(1, coverage.code_bytes)),
        unwound=unwound,
    )


def _grade_native(file: SymbolFile, object_file: ObjectFile) -> Quality:
    data = map_file(file.source)
    try:
        coverage = measure_native(data, object_file)
    except MalformedFile:
        raise
    except InputUnusable as error:  # it is sound, but nothing here can read it
        return Quality(fault=error)
    if coverage.problem:
        return Quality(problem=f"cannot read the debug information: {coverage.problem}")
    unwound = _share_unwound(data, object_file, coverage.addresses)
    is_image = object_file.kind == object_kinds.PE and object_file.architecture in UNWIND_IN_IMAGE
    enough = ENOUGH_UNWOUND if coverage.addresses else ENOUGH_UNNAMED
    least = ENOUGH_IN_IMAGES if is_image else enough
    is_own = object_kinds.LINES in object_file.features
    return Quality(
        # exports name little
        functions=coverage.functions if object_file.kind != object_kinds.PE or is_own else 0,
        lines=coverage.lined > 0,
        inlines=coverage.has_inlines,
        unwind=unwound >= least,
        sources=object_kinds.SOURCES in object_file.features,
        lined=coverage.lined,
        unwound=unwound,
        nameless=coverage.nameless,
    )


def _share_unwound(data: Content, object_file: ObjectFile, addresses: tuple[int, ...]) -> float:
    """Of how much of the code callers can be found: that of functions, if there are any."""
    if object_file.kind == object_kinds.PE and object_file.architecture not in UNWIND_IN_IMAGE:
        return 0.0  # it is in the PDB
    if (
        object_file.role == object_kinds.DEBUG
        and object_file.kind == object_kinds.ELF
        and object_kinds.UNWIND not in object_file.features
    ):
        return 0.0
    tried = addresses or tuple(_walk_code(data))
    if not tried:
        return 0.0
    unwind = UnwindInformation(data, object_file.kind, object_file.architecture, [])
    return sum(map(unwind.covers, tried)) / len(tried)


def _walk_code(data: Content) -> Iterator[int]:
    """Places at even steps through the code of a file without names."""
    try:
        code = [span for span in find_code(data) if span.present]
    except InputUnusable:
        return iter(())
    step = max(1, sum(place.size for place in code) // MAX_TRIED)
    return spread_addresses(((place.address, place.address + place.size) for place in code), step)
