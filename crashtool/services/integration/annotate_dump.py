"""Writing annotations into a copy of a minidump, of any size, or into the file itself."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO

from crashtool.errors import InputUnusable, reason_of
from crashtool.formats.minidump.file import Minidump
from crashtool.formats.minidump.graft import Graft, find_stored_annotations, graft_annotations
from crashtool.formats.regular_file import open_regular
from crashtool.model.annotated_dump import (
    ADDED,
    CHANGED,
    MADE,
    REPLACED,
    UNCHANGED,
    AnnotatedDump,
    WrittenAnnotation,
)
from crashtool.services.files.temporary_folder import heed_endings
from crashtool.services.files.whole_file import FOR_THE_OWNER, blaming, open_whole
from crashtool.services.sending.refusal import find_refusal

PIECE = 1 << 20  # bytes in memory at a time


def annotate_dump(source: str, target: str, annotations: Mapping[str, str]) -> AnnotatedDump:
    """Write a minidump in which the process has these annotations; all other bytes are the same.

    `target` may be `source`. It is written beside its place, for the owner alone, and renamed when
    it is whole and on the disk; a source that has all of the annotations is not written again.
    InputUnusable when the source is no whole minidump, or changes meanwhile.
    """
    with _open_source(source) as file:
        before = os.fstat(file.fileno())
        old, graft = _plan(source, before, annotations)
        if graft != Graft() or not _is_same(source, target):
            restore = heed_endings()
            try:
                _write(file, before, graft, source, target)
            finally:
                restore()
    stream = MADE if old is None else CHANGED if graft.tail else UNCHANGED
    written = tuple(_compare(old or {}, *pair) for pair in annotations.items())
    return _read_back(AnnotatedDump(source, target, stream, written, longer=len(graft.tail)))


def _open_source(source: str) -> IO[bytes]:
    try:
        return open_regular(source)
    except OSError as error:
        raise InputUnusable(f"{source} cannot be read: {reason_of(error)}") from None


def _plan(
    source: str, before: os.stat_result, annotations: Mapping[str, str]
) -> tuple[dict[str, str] | None, Graft]:
    """The annotations that are there, None without a stream of them, and what to change."""
    with Minidump.open(source) as dump:
        if dump.size != before.st_size:
            raise _changed(source)
        try:
            graft = graft_annotations(dump, annotations)
            stored = find_stored_annotations(dump)
        except InputUnusable as error:
            raise InputUnusable(f"{source}: {error.what}", hint=error.hint) from None
    return None if stored is None else {pair.key: pair.value for pair in stored}, graft


def _is_same(source: str, target: str) -> bool:
    return os.path.exists(target) and os.path.samefile(source, target)  # noqa: PTH110, PTH121


def _write(file: IO[bytes], before: os.stat_result, graft: Graft, source: str, target: str) -> None:
    with open_whole(Path(target), FOR_THE_OWNER, in_place=False) as output:
        for piece in graft.walk(_walk_file(file, before.st_size, source)):
            output.write(piece)
        after = os.fstat(file.fileno())
        if (after.st_size, after.st_mtime_ns) != (before.st_size, before.st_mtime_ns):
            raise _changed(source)
        file.close()  # Windows does not replace an open file
        output.flush()
        with blaming(Path(target)):
            os.fsync(output.fileno())


def _walk_file(file: IO[bytes], size: int, source: str) -> Iterator[bytes]:
    """All bytes of a file of so many."""
    while size > 0:
        try:
            piece = file.read(min(PIECE, size))
        except OSError as error:
            raise InputUnusable(f"{source} cannot be read: {reason_of(error)}") from None
        if not piece:
            raise _changed(source)
        size -= len(piece)
        yield piece


def _changed(source: str) -> InputUnusable:
    return InputUnusable(
        f"{source} was changed while it was read", hint="wait until its writer is done"
    )


def _compare(old: Mapping[str, str], key: str, value: str) -> WrittenAnnotation:
    if key not in old:
        return WrittenAnnotation(key, value, ADDED)
    if old[key] == value:
        return WrittenAnnotation(key, value, UNCHANGED)
    return WrittenAnnotation(key, value, REPLACED, old[key])


def _read_back(result: AnnotatedDump) -> AnnotatedDump:
    with Minidump.open(result.target) as dump:
        rows = tuple((pair.key, pair.value) for pair in find_stored_annotations(dump) or ())
        return result._replace(annotations=rows, size=dump.size, refusal=find_refusal(dump))
