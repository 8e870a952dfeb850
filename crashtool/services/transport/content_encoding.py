"""The Content-Encoding of a reply (RFC 9110, 8.4) undone, and its end checked.

requests undoes it as well, but takes a stream that lacks its end for a whole one: without a
length, in a connection that the server closes, half a file would pass.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator

from crashtool.errors import NetworkFailure

MAX_BLOCK = 1 << 20  # bytes that are unpacked at once
GZIP_WINDOW, ZLIB_WINDOW = 31, 15  # zlib.h: 15 bits, plus 16 for the wrapper of gzip
WINDOWS = {"gzip": GZIP_WINDOW, "x-gzip": GZIP_WINDOW, "deflate": ZLIB_WINDOW}
GZIP_MAGIC = b"\x1f\x8b"
PLAIN = ("", "identity")


def decode_reply(blocks: Iterable[bytes], encoding: str, host: str) -> Iterator[bytes]:
    """What a body of an encoding holds, in blocks of at most 1 MiB.

    NetworkFailure when the body is not of the encoding, ends before its end, or is of one that
    was not asked for.
    """
    name = encoding.strip().lower()
    if name in PLAIN:
        yield from blocks
        return
    if name not in WINDOWS:
        raise NetworkFailure(f"{host} sends {encoding}, an encoding that was not asked for")
    inflate = None
    for block in blocks:
        rest = block
        while rest:
            if inflate is None or (inflate.eof and rest[0] == GZIP_MAGIC[0] and name != "deflate"):
                inflate = zlib.decompressobj(_find_window(name, rest))  # gzip has members
            elif inflate.eof:
                break  # what other clients pass over, too: bytes after the end
            try:
                unpacked = inflate.decompress(rest, MAX_BLOCK)
            except zlib.error as error:
                raise NetworkFailure(f"the reply of {host} is not valid {name}: {error}") from None
            if unpacked:
                yield unpacked
            rest = inflate.unused_data if inflate.eof else inflate.unconsumed_tail
    if inflate is None or not inflate.eof:
        raise NetworkFailure(f"the reply of {host} was cut short: its {name} has no end")


def _find_window(name: str, block: bytes) -> int:
    """The window bits of zlib; `deflate` may lack its wrapper, against RFC 9110, 8.4.1.2."""
    is_wrapped = name != "deflate" or block[0] & 0x0F == zlib.DEFLATED
    return WINDOWS[name] if is_wrapped else -ZLIB_WINDOW
