"""Which files in the cache were fetched for a module, whichever server it was."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

from crashtool.errors import CrashtoolError
from crashtool.services.symbols.cache import SUBFOLDER, SymbolCache, cached_path

if TYPE_CHECKING:
    from crashtool.model.module import Module

PREFIX = "of-"
MAX_ENTRY = 4096  # bytes: a file's name, and where it came from
MAX_ID = 128
ALPHANUMERIC = frozenset("0123456789abcdef")


def remember_fetched(
    cache: SymbolCache, module: Module, file: tuple[str, str], origin: str
) -> None:
    """Note that a file, by its key and name in the cache, is the module's; `origin` is its URL.

    What cannot be written is looked for at the server again.
    """
    key, name = file
    entry = f"{name}\n{origin}".encode("utf-8", "replace")
    if len(entry) > MAX_ENTRY:
        return
    for own in _keys_of(module)[:1]:
        if cache.find(own, key) is None:
            with suppress(CrashtoolError, OSError):
                cache.put(own, key, lambda target: _write(target, entry))


def _write(target: object, entry: bytes) -> None:
    target.write(entry)  # type: ignore[attr-defined]  # IO[bytes]


def walk_fetched(cache: SymbolCache, module: Module) -> Iterator[tuple[str, str]]:
    """(path, where it came from) of the files that were fetched for a module."""
    for own in _keys_of(module):
        for key in _list(cached_path(cache.folder, own, "")):
            with suppress(OSError, ValueError):
                with open(cache.path_of(own, key), "rb") as file:
                    entry = file.read(MAX_ENTRY).decode("utf-8", "replace")
                name, _, origin = entry.partition("\n")
                if path := cache.find(key, os.path.basename(name)):
                    yield path, origin


def has_fetched(folder: str, module: Module) -> bool:
    """Whether the cache of the user's folder `folder` may have files of a module."""
    own_folder = os.path.join(folder, SUBFOLDER)
    if not os.path.isdir(os.path.join(own_folder, PREFIX[:2])):  # it has files of none
        return False
    return any(os.path.isdir(cached_path(own_folder, own, "")) for own in _keys_of(module))


def _keys_of(module: Module) -> list[str]:
    """The module's identifiers as keys of the cache: what is no plain identifier gives none."""
    ids = [module.debug_id.breakpad.lower()] if module.debug_id else []
    ids += [module.code_id.lower()] if module.code_id else []
    return [
        f"{PREFIX}{own}"
        for own in ids
        if len(own) <= MAX_ID and ALPHANUMERIC.issuperset(own) and own.strip("0")
    ]


def _list(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []
