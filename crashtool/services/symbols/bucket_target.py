"""A symbol store in an object store, to be written; each file within a time that has an end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from typing import Any

from crashtool.errors import (
    BadUrl,
    CrashtoolError,
    MissingExtra,
    NetworkFailure,
    Refused,
    Rejected,
    TimedOut,
)
from crashtool.services.symbols.bucket_calls import BucketExchange, BucketThread
from crashtool.services.symbols.fetching import find_bucket

PART = 1 << 24  # bytes that are sent to an object store at once, and kept in memory until then
# Stores that know keys alone: to make a folder in them would make the bucket, were it misspelt.
WITHOUT_FOLDERS = ("s3", "s3a", "gs", "gcs", "az", "abfs", "adl", "memory")


class BucketTarget:
    """A store in an object store; a file is there when all of it is.

    `timeout` is in seconds, of each file: beside a second for each 4 KiB of it.
    """

    def __init__(self, url: str, timeout: float | None = None) -> None:
        """BadUrl without a bucket; MissingExtra when no library for such URLs is installed."""
        self._scheme, _, bucket = url.partition("://")
        if not bucket.strip("/"):
            raise BadUrl(f"{url} names no bucket", hint=f"{self._scheme}://BUCKET/FOLDER")
        self._url = url.rstrip("/")
        self._timeout = timeout
        self._open()

    def _open(self) -> None:
        """Begin to speak to the store, with nothing of what may be stuck in another thread."""
        self._thread: BucketThread | None = BucketThread()
        exchange = BucketExchange(
            self._thread, self._scheme, None
        )  # to load libraries takes a while
        try:
            self._files, self._root = exchange.call(partial(find_bucket, self._url, anew=True))
        except CrashtoolError:
            raise
        except ImportError as error:
            raise MissingExtra(f"symbols in {self._scheme} ({error})", "s3") from None
        except Exception as error:  # noqa: BLE001 (each store has errors of its own)
            raise BadUrl(f"not a store that can be used: {error}") from None

    def read(self, path: str) -> Iterator[bytes] | None:
        """A file's bytes; None when it is not there."""
        with self._exchange() as exchange:
            stored = f"{self._root}/{path}"
            is_there = exchange.call(partial(self._files.exists, stored))
        return self._read_blocks(stored) if is_there else None

    def _read_blocks(self, path: str) -> Iterator[bytes]:
        with self._exchange() as exchange:
            yield from exchange.walk_pieces(
                partial(self._files.open, path, "rb", cache_type="none")
            )

    def write(self, path: str, blocks: Iterator[bytes]) -> None:
        """One upload, which the store shows when it has ended. Refused, Rejected or NetworkFailure
        when it does not; TimedOut when it takes too long.
        """
        with self._exchange() as exchange:
            upload = _Upload(self._files, f"{self._root}/{path}", self._scheme)
            try:
                exchange.call(upload.begin)
                for block in blocks:
                    exchange.passed += len(block)
                    exchange.call(partial(upload.write, block))
                exchange.call(upload.end)
            except TimedOut:
                raise
            except BaseException as error:
                with suppress(Exception):  # what went wrong first is what is told
                    exchange.call(partial(upload.give_up, error))
                raise

    @contextmanager
    def _exchange(self) -> Iterator[BucketExchange]:
        """For one file; what the store's library raises becomes an error of ours."""
        if self._thread is None:
            self._open()
        assert self._thread is not None  # noqa: S101 (opened just now)
        try:
            yield BucketExchange(self._thread, self._scheme, self._timeout)
        except TimedOut:
            self._thread = None  # what is stuck in it stays there
            raise
        except CrashtoolError:
            raise
        except Exception as error:  # noqa: BLE001
            raise _explain(self._scheme, error) from None


class _Upload:
    """A file that is shown once it is whole; all of it is called in one thread."""

    def __init__(self, files: Any, path: str, scheme: str) -> None:
        self._files = files
        self._path = path
        self._has_folders = scheme not in WITHOUT_FOLDERS
        self._open = ExitStack()

    def begin(self) -> None:
        if self._has_folders:
            self._files.makedirs(self._path.rpartition("/")[0], exist_ok=True)
        # without a transaction, closing the file would let the store show what there is of it
        self._open.enter_context(self._files.transaction)
        self._file = self._open.enter_context(self._files.open(self._path, "wb", PART))

    def write(self, block: bytes) -> None:
        self._file.write(block)

    def end(self) -> None:
        self._open.close()

    def give_up(self, error: BaseException) -> None:
        self._open.__exit__(type(error), error, error.__traceback__)


def _explain(scheme: str, error: Exception) -> CrashtoolError:
    what = f"{scheme} store: {error}"
    if isinstance(error, PermissionError):
        return Refused(what, hint="these credentials do not allow it")
    if isinstance(error, FileNotFoundError):
        return Rejected(what, hint="a bucket is not made: create it, or correct its name")
    return NetworkFailure(
        what,
        hint="credentials and endpoint are found as other tools for this store find them: "
        "variables of the environment, profiles",
    )
