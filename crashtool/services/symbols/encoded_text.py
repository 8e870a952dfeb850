"""Breakpad .sym files as Windows' shells write them: UTF-16, or UTF-8 behind a byte order mark."""

import codecs
from pathlib import Path
from typing import Self

from crashtool.formats.object_file.symbol_header import MAGIC
from crashtool.formats.text_file import MARKS, UTF8, find_encoding

BLOCK = 1 << 20  # bytes
TEXT_MAGICS = tuple(
    mark + MAGIC.decode("ascii").encode(encoding) for mark, encoding in MARKS
) + tuple(MAGIC.decode("ascii").encode(encoding) for encoding in ("utf-16-le", "utf-16-be"))


class Utf8Text:
    """The file as a stream of plain UTF-8, whatever its size. ValueError from `read` for damage.

    PowerShell 5 makes UTF-16 of `dump_syms … > game.sym`.
    """

    def __init__(self, path: str) -> None:
        self._file = Path(path).open("rb")  # noqa: SIM115 (closed as this is)
        encoding, rest = find_encoding(self._file.read(4))
        self._file.seek(-len(rest), 1)
        self._decoder = codecs.getincrementaldecoder(encoding)()
        self._ready = bytearray()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def read(self, size: int) -> bytes:
        """As streams do."""
        while len(self._ready) < size:
            block = self._file.read(BLOCK)
            self._ready += self._decoder.decode(block, final=not block).encode(UTF8)
            if not block:
                break
        taken = bytes(self._ready[:size])
        del self._ready[:size]
        return taken
