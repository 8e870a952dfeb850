"""Breakpad .sym files as Windows' shells write them: UTF-16, or UTF-8 behind a byte order mark."""

import codecs

from crashtool.formats.archives.archive_streams import ArchiveStream, Rejoined, read_fully
from crashtool.formats.breakpad.symbol_header import MAGIC
from crashtool.formats.text_file import MARKS, UTF8, find_encoding

BLOCK = 1 << 20  # bytes
TEXT_MAGICS = tuple(
    mark + MAGIC.decode("ascii").encode(encoding) for mark, encoding in MARKS
) + tuple(MAGIC.decode("ascii").encode(encoding) for encoding in ("utf-16-le", "utf-16-be"))


class Utf8Text:
    """Such a file's stream as plain UTF-8, whatever its size. ValueError from `read` for damage.

    PowerShell 5 makes UTF-16 of `dump_syms … > game.sym`.
    """

    def __init__(self, source: ArchiveStream) -> None:
        encoding, rest = find_encoding(read_fully(source, 4))
        self._source = Rejoined(rest, source)
        self._decoder = codecs.getincrementaldecoder(encoding)()
        self._ready = bytearray()

    def read(self, size: int) -> bytes:
        """As streams do."""
        while len(self._ready) < size:
            block = self._source.read(BLOCK)
            self._ready += self._decoder.decode(block, final=not block).encode(UTF8)
            if not block:
                break
        taken = bytes(self._ready[:size])
        del self._ready[:size]
        return taken
