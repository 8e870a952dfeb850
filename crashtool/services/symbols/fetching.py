"""How files of symbol servers are got: over HTTP, or from object stores by way of fsspec."""

from collections.abc import Iterator
from typing import IO, NamedTuple

from crashtool.errors import CrashtoolError, MissingExtra, NetworkFailure, UsageError
from crashtool.services.transport.http import HttpSession

BLOCK = 1 << 20  # bytes
OK, FORBIDDEN, NOT_FOUND = 200, 403, 404


class HttpOptions(NamedTuple):
    """The options of `HttpSession`."""

    ca_bundle: str | None = None
    insecure: bool = False
    timeout: float | None = None


class HttpFetcher:
    """Gets files over HTTP, all with one pool of connections."""

    def __init__(self, options: HttpOptions) -> None:
        self._session = HttpSession(
            ca_bundle=options.ca_bundle, insecure=options.insecure, timeout=options.timeout
        )

    def fetch(self, url: str, target: IO[bytes], limit: int) -> int:
        """Write the file to `target`; the HTTP status. NetworkFailure without a whole answer."""
        return self._session.download(url, target, limit).status


class BucketFetcher:
    """Gets files from object stores; credentials are found as fsspec's library for them does."""

    def fetch(self, url: str, target: IO[bytes], limit: int) -> int:
        """Write the file to `target`; 200, 404 or 403. NetworkFailure when it goes wrong."""
        try:
            import fsspec
        except ImportError:
            raise MissingExtra(f"symbols from {url.partition('://')[0]}", "s3") from None
        try:
            with fsspec.open(url, "rb") as file:
                is_whole = _copy(file, target, limit)
        except FileNotFoundError:
            return NOT_FOUND
        except PermissionError:
            return FORBIDDEN
        except ImportError as error:
            raise MissingExtra(f"symbols from {url.partition('://')[0]} ({error})", "s3") from None
        except Exception as error:  # noqa: BLE001 (each store has errors of its own)
            raise NetworkFailure(f"{url.partition('://')[0]} store: {error}") from None
        if not is_whole:
            raise NetworkFailure(f"{url.partition('://')[0]} store: more than {limit:,} bytes")
        return OK


class BucketTarget:
    """A store in an object store, to be written; a file is there when all of it is."""

    def __init__(self, url: str) -> None:
        """MissingExtra when the library for such URLs is not installed."""
        self._scheme, _, _ = url.partition("://")
        try:
            import fsspec

            self._files, self._root = fsspec.core.url_to_fs(url.rstrip("/"))
        except ImportError as error:
            raise MissingExtra(f"symbols in {self._scheme} ({error})", "s3") from None
        except Exception as error:  # noqa: BLE001 (each store has errors of its own)
            raise UsageError(f"not a store that can be used: {error}") from None

    def read(self, path: str) -> Iterator[bytes] | None:
        """A file's bytes; None when it is not there."""
        place = f"{self._root}/{path}"
        try:
            if not self._files.exists(place):
                return None
            return self._read_blocks(place)
        except Exception as error:  # noqa: BLE001
            raise NetworkFailure(f"{self._scheme} store: {error}") from None

    def _read_blocks(self, place: str) -> Iterator[bytes]:
        with self._files.open(place, "rb") as file:
            while block := file.read(BLOCK):
                yield block

    def write(self, path: str, blocks: Iterator[bytes]) -> None:
        """One upload, which the store shows when it has ended. NetworkFailure when it does not."""
        place = f"{self._root}/{path}"
        try:
            self._files.makedirs(place.rpartition("/")[0], exist_ok=True)
            with self._files.open(place, "wb") as file:
                for block in blocks:
                    file.write(block)
        except CrashtoolError:
            raise
        except Exception as error:  # noqa: BLE001
            raise NetworkFailure(f"{self._scheme} store: {error}") from None


def _copy(file: IO[bytes], target: IO[bytes], limit: int) -> bool:
    """Copy at most `limit` bytes; whether that was all."""
    size = 0
    while block := file.read(BLOCK):
        size += len(block)
        if size > limit:
            return False
        target.write(block)
    return True
