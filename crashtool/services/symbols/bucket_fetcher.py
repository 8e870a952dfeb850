"""Files of symbol servers that are object stores, each within a time that has an end."""

from __future__ import annotations

from functools import partial
from typing import IO

from crashtool.errors import MissingExtra, NetworkFailure, TimedOut
from crashtool.services.symbols.bucket_calls import BucketExchange, BucketThread
from crashtool.services.symbols.fetching import open_in_bucket

OK, FORBIDDEN, NOT_FOUND = 200, 403, 404


class BucketFetcher:
    """Gets files from object stores; credentials are found as fsspec's library for them does.

    `timeout` is in seconds: of each file's first piece, and of all of it if less than 4 KiB a
    second come on the average.
    """

    def __init__(self, timeout: float | None = None) -> None:
        self._timeout = timeout
        self._thread: BucketThread | None = None

    def fetch(self, url: str, target: IO[bytes], limit: int) -> int:
        """Write the file to `target`; 200, 404 or 403. NetworkFailure when it goes wrong, TimedOut
        when it takes too long.
        """
        scheme = url.partition("://")[0]
        if self._thread is None:
            self._thread = BucketThread()
        exchange = BucketExchange(self._thread, scheme, self._timeout)
        try:
            for piece in exchange.walk_pieces(partial(open_in_bucket, url), limit):
                target.write(piece)
        except FileNotFoundError:
            return NOT_FOUND
        except PermissionError:
            return FORBIDDEN
        except ImportError as error:
            what = f"symbols from {scheme}" + ("" if error.name == "fsspec" else f" ({error})")
            raise MissingExtra(what, "s3") from None
        except NetworkFailure as error:
            if isinstance(error, TimedOut):
                self._thread = None
            raise
        except Exception as error:  # noqa: BLE001 (each store has errors of its own)
            raise NetworkFailure(f"{scheme} store: {error}") from None
        return OK
