"""Windows-only detail, read by the `minidump` library from bytes that were checked beforehand."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace

from crashtool.formats.minidump.dump_source import MAX_BYTES, MAX_UTF16, DumpSource, Location
from crashtool.formats.minidump.structs import Count, HandleDescriptor, HandleHeader, ListHeader
from crashtool.formats.named_tuple import NamedTuple


class DumpHandle(NamedTuple):
    """One handle of the process; names are None when the writer left them out."""

    handle: int
    type_name: str | None
    object_name: str | None
    attributes: int
    granted_access: int
    handle_count: int
    pointer_count: int


def read_handles(source: DumpSource, location: Location) -> tuple[DumpHandle, ...]:
    """HandleData, stream 12; MalformedFile when it is cut.

    The library loops as often as the header says and reads names as long as they claim to be, so
    it is given a stream made of the entries that fit, without the names that do not.
    """
    from minidump.streams.HandleDataStream import MinidumpHandleDataStream

    handles = source.read_sized_list(HandleDescriptor, location, "HandleData", ListHeader)
    checked = b"".join(handle.pack() for handle in _walk_checked(source, handles))
    header = HandleHeader(
        header_size=HandleHeader.SIZE,
        entry_size=HandleDescriptor.SIZE,
        entry_count=len(checked) // HandleDescriptor.SIZE,
    )
    stream = header.pack() + checked
    entry = SimpleNamespace(Location=SimpleNamespace(Rva=source.size, DataSize=len(stream)))
    parsed = MinidumpHandleDataStream.parse(entry, _File(source, stream))
    return tuple(
        DumpHandle(
            parsed_handle.Handle,
            parsed_handle.TypeName,
            parsed_handle.ObjectName,
            parsed_handle.Attributes,
            parsed_handle.GrantedAccess,
            parsed_handle.HandleCount,
            parsed_handle.PointerCount,
        )
        for parsed_handle in parsed.handles
    )


class _File:
    """What the library reads from: a minidump, with the checked stream as if behind its end."""

    def __init__(self, source: DumpSource, stream: bytes) -> None:
        self._source = source
        self._stream = stream
        self._position = 0

    def seek(self, position: int, _whence: int = 0) -> None:
        self._position = position

    def tell(self) -> int:
        return self._position

    def read(self, size: int) -> bytes:
        start = self._position
        self._position += size
        if start >= self._source.size:
            return self._stream[start - self._source.size :][:size]
        return bytes(self._source.data[start : start + size])


def _walk_checked(
    source: DumpSource, handles: Iterator[HandleDescriptor]
) -> Iterator[HandleDescriptor]:
    """The entries, without names that lie outside the file or, together, are too long."""
    left = MAX_BYTES
    for handle in handles:
        kept = []
        for rva in (handle.type_name_rva, handle.object_name_rva):
            size = _find_name_size(source, rva)
            usable = size is not None and size <= min(left, MAX_UTF16)
            left -= size if size and usable else 0
            kept.append(rva if usable else 0)
            if size and usable:
                source.remember_text(Location(size, rva + Count.SIZE))
            if rva and not usable:
                source.note("HandleData: a handle's name cannot be read", rva)
        if kept == [handle.type_name_rva, handle.object_name_rva]:
            yield handle
        else:
            yield handle.replace(type_name_rva=kept[0], object_name_rva=kept[1])


def _find_name_size(source: DumpSource, rva: int) -> int | None:
    if not rva or rva + Count.SIZE > source.size:
        return None
    size = Count.read(source.data, rva).entry_count
    return size if rva + Count.SIZE + size <= source.size else None
