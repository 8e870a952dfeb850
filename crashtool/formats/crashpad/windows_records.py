"""Windows' `metadata` a record at a time: found, read and changed where it stands in the file.

To read and write the whole file for each of tens of thousands of reports takes minutes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

from crashtool.errors import MalformedFile
from crashtool.formats.crashpad.metadata import (
    WINDOWS_MAGIC,
    WINDOWS_STATES,
    WINDOWS_VERSION,
    WindowsHeader,
    WindowsRecord,
    WindowsReport,
    read_windows_record,
)

if TYPE_CHECKING:
    from uuid import UUID

UUID_SIZE = 16  # of bytes, at the beginning of each record
MAX_STRING = 1 << 16  # of bytes; a path below MAX_PATH or what a server answered


class WindowsRecords:
    """The records of an open file, which the caller holds Crashpad's lock on.

    `places` remembers where each was when the file was last read through, from one opening to the
    next; `changed` is whether anything was written. MalformedFile for what makes a handler take the
    database for empty.
    """

    def __init__(self, file: BinaryIO, places: dict[bytes, int]) -> None:
        self._file = file
        self._places = places
        self.changed = False
        self._size = file.seek(0, 2)
        self._strings = self._check()

    def _check(self) -> int:
        """Where the strings begin, in a file that may be changed."""
        if not self._size:
            return 0
        header = WindowsHeader.read(self._read(0, WindowsHeader.SIZE))
        if (header.magic, header.version) != (WINDOWS_MAGIC, WINDOWS_VERSION):
            raise MalformedFile("not a metadata file of version 1", offset=0)
        strings = WindowsHeader.SIZE + header.record_count * WindowsRecord.SIZE
        if strings > self._size:
            raise MalformedFile(f"{header.record_count} records cut short", offset=self._size)
        if header.record_count and self._read(self._size - 1, 1) != b"\0":
            raise MalformedFile("the string table does not end in a NUL", offset=self._size)
        return strings

    def find(self, uuid: UUID) -> WindowsReport | None:
        """The record of a report, None when it has none any more."""
        offset = self._find_place(uuid.bytes_le)
        if offset is None:
            return None
        record = WindowsRecord.read(self._read(offset, WindowsRecord.SIZE))
        return read_windows_record(record, self._string, offset)

    def change(self, report: WindowsReport) -> None:
        """Write a report's state and metadata into its record. Its name stays as it is.

        A new id goes behind the other strings, before the record points to it: a writer that is
        killed between the two leaves a file that is read as before.
        """
        offset = self._find_place(report.uuid.bytes_le)
        if offset is None:
            raise MalformedFile(f"no record of {report.uuid}", offset=0)
        record = WindowsRecord.read(self._read(offset, WindowsRecord.SIZE))
        metadata = report.metadata
        id_index = record.id_index
        if self._string(id_index) != metadata.id:
            id_index = self._size - self._strings
            self._size += self._write(self._size, metadata.id + b"\0")
        changed = record.replace(
            id_index=id_index,
            last_upload_attempt_time=metadata.last_upload_attempt,
            upload_attempts=metadata.upload_attempts,
            state=WINDOWS_STATES.index(report.state),
            attributes=metadata.attributes,
        )
        if changed != record:
            self._write(offset, changed.pack())

    def _find_place(self, uuid: bytes) -> int | None:
        position = self._places.get(uuid)
        if position is None or self._read(position, UUID_SIZE) != uuid or position >= self._strings:
            self._places.clear()
            start = WindowsHeader.SIZE
            data = self._read(0, self._strings)
            for offset in range(start, self._strings, WindowsRecord.SIZE):
                self._places.setdefault(data[offset : offset + UUID_SIZE], offset)
            position = self._places.get(uuid)
        return position

    def _string(self, index: int) -> bytes:
        """A string of the table. MalformedFile for one that is not in it."""
        if self._strings + index >= self._size:
            raise MalformedFile("a string lies beyond the string table", offset=self._strings)
        text, end, _ = self._read(self._strings + index, MAX_STRING).partition(b"\0")
        if not end:
            raise MalformedFile("a string has no end", offset=self._strings + index)
        return text

    def _read(self, offset: int, size: int) -> bytes:
        self._file.seek(offset)
        return self._file.read(size)

    def _write(self, offset: int, data: bytes) -> int:
        self.changed = True
        self._file.seek(offset)
        return self._file.write(data)
