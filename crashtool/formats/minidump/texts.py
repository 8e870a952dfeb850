"""Where a minidump holds text: places whose bytes may be overwritten and the file stays whole."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from crashtool.formats.minidump import linux_streams, streams
from crashtool.formats.named_tuple import NamedTuple

if TYPE_CHECKING:
    from crashtool.formats.minidump.file import Minidump

MEMORY, STRING, STREAM = "memory", "string", "stream"
BINARY_STREAMS = frozenset({streams.UNUSED, 1, 2, 13, 18, 19, 21, 22, 23})  # minidumpapiset.h
TEXT_STREAMS = frozenset(
    {
        streams.COMMENT_A,
        streams.COMMENT_W,
        linux_streams.CPU_INFO,
        linux_streams.PROC_STATUS,
        linux_streams.LSB_RELEASE,
        linux_streams.COMMAND_LINE,
        linux_streams.ENVIRON,
        linux_streams.MAPS,
    }
)


class TextPlace(NamedTuple):
    """`size` bytes from `rva` on; `kind` is memory, string or stream.

    `address` is where they were in the process, `stream_type` what the stream is. Of a `path` the
    last part must stay: symbols are found by it.
    """

    kind: str
    rva: int
    size: int
    address: int = 0
    stream_type: int = streams.UNUSED
    is_path: bool = False


def walk_text_places(dump: Minidump) -> Iterator[TextPlace]:
    """Every place in a dump where text may be: memory, the strings of all streams, streams of text.

    Only as far as the file goes. Tables, registers and identifiers are in no place, unless a
    damaged dump says that they are text.
    """
    for start, size, rva in dump.memory.walk_stored():
        yield TextPlace(MEMORY, rva, size, start)
    for entry in dump.directory:
        dump.read_stream(entry.stream_type)  # which remembers the strings that it reads
    for text in dump.texts:
        yield TextPlace(STRING, text.rva, text.size, is_path=text.is_path)
    for entry in dump.directory:
        kind = streams.STREAMS.get(entry.stream_type)
        unread = kind is None or (kind.reader is None and entry.stream_type not in BINARY_STREAMS)
        size = min(entry.size, dump.size - entry.rva)
        if (unread or entry.stream_type in TEXT_STREAMS) and size > 0:
            yield TextPlace(STREAM, entry.rva, size, stream_type=entry.stream_type)
