"""Debug information as symbolic reads it: functions, lines and unwind rules of native files."""

import os
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any, cast

from crashtool.errors import InputUnusable, MissingLibrary
from crashtool.formats.named_tuple import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from crashtool.formats.object_kinds import Content

LOSS = (
    "functions and lines of ELF, PE and Mach-O files cannot be read without it, nor .sym files be "
    "made of a PDB"
)


def load_symbolic() -> None:
    """Have symbolic at hand. MissingLibrary when it is not installed, or cannot be loaded."""
    try:
        import symbolic.debuginfo
        import symbolic.exceptions
        import symbolic.symcache  # noqa: F401 (loaded for those who come after)
    except ModuleNotFoundError as error:
        reason = "" if (error.name or "").partition(".")[0] == "symbolic" else str(error)
        raise MissingLibrary("symbolic", LOSS, reason) from None
    except (ImportError, OSError) as error:  # its native part is for another system, say
        raise MissingLibrary("symbolic", LOSS, str(error)) from None


@contextmanager
def _explained() -> "Iterator[None]":
    """What symbolic cannot read in here is the file's fault."""
    load_symbolic()
    from symbolic.exceptions import SymbolicError

    try:
        yield
    except SymbolicError as error:
        lines = str(error).splitlines() or [type(error).__name__]  # each after the first: a cause
        reason = ": ".join(line.strip().removeprefix("caused by: ") for line in lines)
        raise InputUnusable(f"cannot read the debug information: {reason}") from None


class NativeObject(NamedTuple):
    """One object in symbolic's words: `debug_id` dashed, `features` as it names them."""

    debug_id: str
    architecture: str
    features: frozenset[str]


class OutdatedTable(InputUnusable):
    """A table in a form that symbolic does not read any more."""


class NativePlace(NamedTuple):
    """A function at an address, as symbolic tells it: the name as in the file.

    `start` is the function's address, None for one that was merged into its caller.
    """

    function: str
    start: int | None
    file: str
    line: int


def read_features(path: str) -> tuple[NativeObject, ...]:
    """The objects in a debug file; it is mapped, and only its tables are read.

    `features` are of symtab, debug, unwind and sources. They overstate: symtab may be dynamic
    symbols only, debug a skeleton. InputUnusable when symbolic cannot make sense of the file.
    """
    with _explained():
        return tuple(
            NativeObject(str(row.debug_id), row.arch, frozenset(row.features))
            for row in _walk_objects(path)
        )


def write_line_table(path: str, architecture: str, target: IO[bytes]) -> None:
    """Write what `SymCacheLines` opens: functions, lines, inlined calls of one object of the file.

    `architecture` chooses in a universal file. InputUnusable when symbolic cannot make it.
    """
    with _explained():
        _find_object(path, architecture).make_symcache().dump_into(target)


def write_unwind_rules(path: str, architecture: str, target: IO[bytes]) -> None:
    """Write a file's unwind rules as Breakpad's STACK records; nothing when it has none.

    InputUnusable when symbolic cannot read them.
    """
    with _explained():
        _find_object(path, architecture).make_cficache().write_to(target)


class SymCacheLines:
    """A table that `write_line_table` made; addresses are from the module's base."""

    def __init__(self, content: "Content", path: str = "") -> None:
        """OutdatedTable when it is no such table, or one of another version.

        `path` is the file that holds the content, if one does: it need not be copied then.
        """
        load_symbolic()
        from symbolic.exceptions import SymbolicError
        from symbolic.symcache import SymCache

        try:
            library: Any = SymCache
            if path:
                with _in_unicode(path) as known:
                    self._table = library.open(known)
            else:
                self._table = library.from_bytes(bytes(content))
            current = bool(self._table.is_latest_version)
        except SymbolicError as error:
            raise OutdatedTable(str(error)) from None
        if not current:
            raise OutdatedTable("it was made by another version of symbolic")

    def find_places(self, address: int) -> list[NativePlace]:
        """The functions at an address, innermost first; empty when there is none."""
        return [
            NativePlace(
                row.symbol, None if row.sym_addr == NO_ADDRESS else row.sym_addr,
                row.full_path or "", row.line,
            )
            for row in self._table.lookup(address)
        ]  # fmt: skip


NO_ADDRESS = 0xFFFFFFFF  # symbolic's, for a function that was merged into another


def _walk_objects(path: str) -> "Iterator[Any]":
    from symbolic.debuginfo import Archive

    with _in_unicode(path) as known:
        return cast("Iterator[Any]", Archive.open(known).iter_objects())


@contextmanager
def _in_unicode(path: str) -> "Iterator[str]":
    """A name that symbolic takes for a file whose own one is not UTF-8."""
    try:
        path.encode()
    except UnicodeEncodeError:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            yield f"/dev/fd/{descriptor}"
        finally:
            os.close(descriptor)
    else:
        yield path


def _find_object(path: str, architecture: str) -> Any:
    objects = list(_walk_objects(path))
    for row in objects:
        if row.arch == architecture:
            return row
    if not objects:
        raise InputUnusable("cannot read the debug information: there is no object in the file")
    return objects[0]
