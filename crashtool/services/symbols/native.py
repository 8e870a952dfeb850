"""Debug information as symbolic reads it: the second opinion on a file whose header is fine."""

from typing import NamedTuple

from crashtool.errors import InputUnusable


class NativeObject(NamedTuple):
    """One object in symbolic's words: `debug_id` dashed, `features` as it names them."""

    debug_id: str
    architecture: str
    features: frozenset[str]


def read_features(path: str) -> tuple[NativeObject, ...]:
    """The objects in a debug file; it is mapped, and only its tables are read.

    `features` are of symtab, debug, unwind and sources. They overstate: symtab may be dynamic
    symbols only, debug a skeleton. InputUnusable when symbolic cannot make sense of the file.
    """
    from symbolic.debuginfo import Archive
    from symbolic.exceptions import SymbolicError

    try:
        archive = Archive.open(path)
        return tuple(
            NativeObject(str(row.debug_id), row.arch, frozenset(row.features))
            for row in archive.iter_objects()
        )
    except SymbolicError as error:
        reason = str(error) or type(error).__name__
        raise InputUnusable(f"the debug information cannot be read: {reason}") from None
