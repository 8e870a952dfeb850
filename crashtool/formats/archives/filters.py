"""Filters that make machine code pack better (BCJ), undone.

liblzma has them, but only in front of a decompressor that tells where its data ends; LZMA in
archives of 7-Zip does not, and the last bytes would stay inside. So the filter is given the
unpacked bytes as LZMA2 data whose chunks are all stored, with an end.
"""

from __future__ import annotations

from crashtool.formats.archives.archive_streams import ArchiveStream
from crashtool.formats.archives.codecs import OUTPUT_STEP, load_lzma

CHUNK = 1 << 16  # bytes
STORED_FIRST, STORED, LAST = b"\x01", b"\x02", b"\x00"
FILTERS = {
    "x86": "FILTER_X86",
    "powerpc": "FILTER_POWERPC",
    "ia64": "FILTER_IA64",
    "arm": "FILTER_ARM",
    "armthumb": "FILTER_ARMTHUMB",
    "sparc": "FILTER_SPARC",
    "delta": "FILTER_DELTA",
}


class Filtered:
    """A stream's bytes with a filter undone; there are as many as before."""

    def __init__(self, source: ArchiveStream, name: str, properties: bytes) -> None:
        lzma = load_lzma()
        kind: dict[str, int] = {"id": getattr(lzma, FILTERS[name])}
        if name == "delta":
            kind["dist"] = (properties or b"\0")[0] + 1
        chain = [kind, {"id": lzma.FILTER_LZMA2, "dict_size": CHUNK}]
        self._source = source
        self._codec = lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=chain)
        self._begun = False
        self._ready = b""

    def read(self, size: int) -> bytes:
        """At most `size` bytes; none at the end."""
        while not self._ready and not self._codec.eof:
            self._ready = self._codec.decompress(self._next_chunk(), OUTPUT_STEP)
        block, self._ready = self._ready[:size], self._ready[size:]
        return block

    def _next_chunk(self) -> bytes:
        if not self._codec.needs_input:
            return b""
        data = self._source.read(CHUNK)
        if not data:
            return LAST
        control = STORED if self._begun else STORED_FIRST
        self._begun = True
        return control + (len(data) - 1).to_bytes(2, "big") + data
