"""How files of symbol servers are got: over HTTP, or from object stores by way of fsspec."""

from typing import IO, NamedTuple

from crashtool.errors import MissingExtra, NetworkFailure
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


def _copy(file: IO[bytes], target: IO[bytes], limit: int) -> bool:
    """Copy at most `limit` bytes; whether that was all."""
    size = 0
    while block := file.read(BLOCK):
        size += len(block)
        if size > limit:
            return False
        target.write(block)
    return True
