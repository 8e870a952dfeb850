"""Minidumps in object stores, such as s3://bucket/prefix: each read once, into a file that goes."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from typing import TYPE_CHECKING

from crashtool.errors import (
    CrashtoolError,
    InputUnusable,
    MissingExtra,
    NetworkFailure,
    NothingFound,
    reason_of,
)
from crashtool.formats.named_tuple import NamedTuple
from crashtool.services.analyze.inspect_dumps import PLAIN_HEAD, FoundDump, Unreadable
from crashtool.services.symbols.bucket_fetcher import FORBIDDEN, NOT_FOUND, BucketFetcher
from crashtool.services.symbols.fetching import find_bucket

if TYPE_CHECKING:
    from crashtool.services.files.scratch import Scratch

LARGEST = 16 << 30  # bytes
MARK = "://"


class StoredDump(NamedTuple):
    """An object that may be a minidump, by its URL; nobody has fetched it yet."""

    path: str


def is_bucket(text: str) -> bool:
    """Whether an input is in an object store."""
    scheme, mark, _ = text.partition(MARK)
    return bool(mark) and scheme.isalnum()


def walk_bucket(url: str, scratch: Scratch) -> Iterator[FoundDump | Unreadable]:
    """The minidumps under a URL, by their keys; what is none is passed over, as in a folder.

    One that cannot be had is unreadable. NothingFound, InputUnusable, NetworkFailure, MissingExtra
    when not even their list can be had.
    """
    keys = list_keys(url)
    fetcher = BucketFetcher()
    for key in keys:
        dump = fetch_dump(key, fetcher, scratch)
        if dump is not None:
            yield dump


def list_keys(url: str) -> list[str]:
    """The URLs of all objects under a URL, or of itself, sorted."""
    scheme = url.partition(MARK)[0]
    try:
        store, path = find_bucket(url)
        keys = store.find(path)
    except FileNotFoundError:
        keys = []
    except PermissionError:
        raise InputUnusable(f"{url} may not be read", hint="are the credentials set?") from None
    except ImportError as error:
        what = f"reading from {scheme}" + ("" if error.name == "fsspec" else f" ({error})")
        raise MissingExtra(what, "s3") from None
    except ValueError as error:
        raise InputUnusable(f"{url} cannot be read: {error}") from None
    except Exception as error:  # noqa: BLE001 (each store has errors of its own)
        raise NetworkFailure(f"{scheme} store: {error}") from None
    if not keys:
        raise NothingFound(f"there is nothing at {url}")
    return sorted(f"{scheme}{MARK}{key.lstrip('/')}" for key in keys)


def fetch_dump(key: str, fetcher: BucketFetcher, scratch: Scratch) -> FoundDump | Unreadable | None:
    """The minidump at a URL in a file of its own; None when it is none. MissingExtra."""
    descriptor, path = tempfile.mkstemp(dir=scratch.folder())
    dump = FoundDump(path, key, temporary=True)
    try:
        with os.fdopen(descriptor, "w+b") as file:
            status = fetcher.fetch(key, file, LARGEST)
            file.seek(0)
            is_dump = file.read(len(PLAIN_HEAD)) == PLAIN_HEAD
    except (CrashtoolError, OSError) as error:
        dump.discard()
        if isinstance(error, MissingExtra):
            raise
        what = error.what if isinstance(error, CrashtoolError) else reason_of(error)
        return Unreadable(key, NetworkFailure(what))
    if status in (FORBIDDEN, NOT_FOUND):
        dump.discard()
        words = "may not be read" if status == FORBIDDEN else "is gone"
        return Unreadable(key, InputUnusable(f"it {words}"))
    if not is_dump:
        dump.discard()
        return None
    return dump
