"""Writing debug files into a symbol store: on disk or in an object store, whole or not at all."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from hashlib import sha256
from pathlib import Path
from typing import Protocol

from crashtool.errors import CrashtoolError, InputUnusable
from crashtool.formats import object_kinds
from crashtool.formats.object_kinds import ObjectFile
from crashtool.formats.symbol_store import (
    ModuleIds,
    StorePath,
    store_name,
    walk_breakpad,
    walk_build_id,
    walk_ssqp,
    walk_symstore,
)
from crashtool.model import symbol_upload as model
from crashtool.model.symbol_upload import Delivery, SymbolFile
from crashtool.services.files.long_paths import extended_length_path
from crashtool.services.files.whole_file import make_folder, open_whole
from crashtool.services.symbol_upload.archive import read_blocks

RULES = {
    object_kinds.SYM: walk_breakpad,
    object_kinds.PDB: walk_symstore,
    object_kinds.PE: walk_symstore,
    object_kinds.ELF: walk_build_id,
    object_kinds.MACHO: walk_ssqp,
}
PLATFORMS = {
    object_kinds.PE: "windows",
    object_kinds.PDB: "windows",
    object_kinds.MACHO: "macos",
    object_kinds.ELF: "linux",
}
SCHEME = "://"
Progress = Callable[[str, int], AbstractContextManager[Callable[[int], None]]]


class Target(Protocol):
    """Where a store is. Paths are relative to it, with slashes."""

    def read(self, path: str) -> Iterator[bytes] | None:
        """A file's bytes; None when it is not there."""

    def write(self, path: str, blocks: Iterator[bytes]) -> None:
        """A file, whole or not at all, in place of what was there."""


class FolderTarget:
    """A store in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = Path(extended_length_path(str(folder)))

    def read(self, path: str) -> Iterator[bytes] | None:
        """A file's bytes; None when it is not there."""
        local = self._folder / path
        if not local.is_file():
            return None
        return read_blocks(str(local), local.stat().st_size)

    def write(self, path: str, blocks: Iterator[bytes]) -> None:
        """Written beside its place, then put there. CannotWrite when that fails."""
        local = self._folder / path
        make_folder(local.parent)
        with open_whole(local) as file:
            file.writelines(blocks)


def open_target(text: str, timeout: float | None = None) -> Target:
    """A store by its folder, or its URL of an object store; `timeout` is in seconds."""
    if SCHEME in text:
        from crashtool.services.symbols.bucket_target import BucketTarget

        return BucketTarget(text, timeout)
    return FolderTarget(Path(text))


def find_place(file: SymbolFile, object_file: ObjectFile) -> str:
    """Where an object's file belongs, by the conventions that the reading side looks for; "" for
    an object without the identifier that its kind is found by.
    """
    debug_id = (
        object_file.debug_id if object_file.debug_id and not object_file.debug_id.is_nil else None
    )
    code_id = object_file.code_id.value if object_file.code_id else ""
    if object_file.kind == object_kinds.ELF:
        code_id = object_file.build_id.hex if object_file.build_id else ""
    ids = ModuleIds(
        store_name(file.name),
        code_id,
        store_name(object_file.debug_file or file.name),
        debug_id,
        PLATFORMS.get(object_file.kind, ""),
    )
    paths = [path for path in RULES[object_file.kind](ids) if path.kind in (object_file.kind, "")]
    return _choose(paths, object_file).path if paths else ""


def _choose(paths: list[StorePath], object_file: ObjectFile) -> StorePath:
    """Conventions with two places have that of debug files first, and that of programs last."""
    return paths[0] if object_file.role == object_kinds.DEBUG else paths[-1]


class StoreWriter:
    """Writes files into a store; what is there already is compared, and kept unless `replace`."""

    def __init__(self, target: Target, shown: str, *, replace: bool, progress: Progress) -> None:
        self._target = target
        self._shown = shown.rstrip("/")
        self._replace = replace
        self._progress = progress

    def write_all(self, files: Sequence[SymbolFile]) -> Iterator[Delivery]:
        """What became of each file, one row for each path that it belongs to."""
        for file in files:
            places = dict.fromkeys(find_place(file, object_file) for object_file in file.objects)
            for path in places:
                yield self._write(file, path)

    def _write(self, file: SymbolFile, path: str) -> Delivery:
        started = time.monotonic()
        delivery = Delivery(f"{self._shown}/{path}", model.WRITTEN, (file.path,), file.size)
        if not path:
            reason = "no identifier, so no place in a store"
            return _failed(delivery._replace(name=file.path), InputUnusable(reason))
        try:
            there = self._target.read(path)
            if there is not None and _same(there, read_blocks(file.source, file.size)):
                return delivery._replace(status=model.PRESENT)
            if there is not None and not self._replace:
                reason = "another file with this identifier is there already"
                return _failed(
                    delivery, InputUnusable(reason, hint="--replace puts this one there")
                )
            digest = sha256()
            with self._progress(file.name, file.size) as advance:
                self._target.write(path, _counted(file, digest.update, advance))
        except CrashtoolError as error:
            return _failed(delivery, error)
        seconds = time.monotonic() - started
        return delivery._replace(sent=file.size, seconds=seconds, digests=(digest.hexdigest(),))


def plan_places(files: Sequence[SymbolFile], shown: str) -> tuple[Delivery, ...]:
    """Where the files would be written."""
    return tuple(
        Delivery(f"{shown.rstrip('/')}/{path}", model.PLANNED, (file.path,), file.size)
        for file in files
        for path in dict.fromkeys(find_place(file, object_file) for object_file in file.objects)
        if path
    )


def _counted(
    file: SymbolFile, update: Callable[[bytes], None], advance: Callable[[int], None]
) -> Iterator[bytes]:
    done = 0
    for block in read_blocks(file.source, file.size):
        update(block)
        done += len(block)
        advance(done)
        yield block


def _same(one: Iterator[bytes], other: Iterator[bytes]) -> bool:
    left, right = sha256(), sha256()
    for block in one:
        left.update(block)
    for block in other:
        right.update(block)
    return left.digest() == right.digest()


def _failed(delivery: Delivery, error: CrashtoolError) -> Delivery:
    return delivery._replace(
        status=model.FAILED, reason=error.what, hint=error.hint or "", error=error.code
    )
