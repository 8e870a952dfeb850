"""What a database knows of a report: `.meta` files, Windows' `metadata` file, macOS attributes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING
from uuid import UUID

from crashtool.errors import MalformedFile
from crashtool.formats.named_tuple import NamedTuple
from crashtool.formats.record import I32, I64, U8, U32, Bytes16, Record

if TYPE_CHECKING:
    from crashtool.formats.record import Buffer

META_VERSION = 1
WINDOWS_MAGIC = 0x43504144  # "DAPC" in the file
WINDOWS_VERSION = 1
UPLOADED = 1
EXPLICITLY_REQUESTED = 2
WINDOWS_STATES = ("pending", "uploading", "completed")
XATTR_PREFIXES = ("org.chromium.crashpad.database.", "com.googlecode.crashpad.")


class Metadata(NamedTuple):
    """What is known of one report. Times are Unix times; `id` is the server's answer, unchanged."""

    created: int
    uploaded: bool = False
    upload_attempts: int = 0
    last_upload_attempt: int = 0
    upload_explicitly_requested: bool = False
    id: bytes = b""

    @property
    def attributes(self) -> int:
        """The two flags as the databases hold them."""
        requested = EXPLICITLY_REQUESTED if self.upload_explicitly_requested else 0
        return (UPLOADED if self.uploaded else 0) | requested


class GenericHeader(Record):
    """ReportMetadata where time_t has 8 bytes (crash_report_database_generic.cc).

    The id follows. The last seven bytes are padding, which some builds leave uninitialised.
    """

    version: I32
    upload_attempts: I32
    last_upload_attempt_time: I64
    creation_time: I64
    attributes: U8
    padding_0: U8
    padding_1: U8
    padding_2: U8
    padding_3: U32


class GenericHeader32(Record):
    """ReportMetadata where time_t has 4 bytes: 32-bit Linux and Android."""

    version: I32
    upload_attempts: I32
    last_upload_attempt_time: I64
    creation_time: I32
    attributes: U8
    padding_0: U8
    padding_1: U8
    padding_2: U8


class WindowsHeader(Record):
    """MetadataFileHeader (crash_report_database_win.cc)."""

    magic: U32
    version: U32
    record_count: U32
    padding: U32


class WindowsRecord(Record):
    """MetadataFileReportRecord (crash_report_database_win.cc); indices are into the strings."""

    uuid: Bytes16
    file_path_index: U32
    id_index: U32
    creation_time: I64
    last_upload_attempt_time: I64
    upload_attempts: I32
    state: I32
    attributes: U8
    padding_0: U8
    padding_1: U8
    padding_2: U8
    padding_3: U32


class WindowsReport(NamedTuple):
    """One entry of Windows' `metadata`: `name` is that of a file in `reports`, unchecked."""

    uuid: UUID
    name: str
    state: str
    metadata: Metadata


def is_wide_meta(data: Buffer) -> bool:
    """Whether the bytes of a `.meta` file are those of a 64-bit system.

    Where both headers fit, the bytes at 20 tell: the upper half of a 64-bit creation time is zero
    until 2106, while a 32-bit report with an id has its uploaded flag there.
    """
    return len(data) >= GenericHeader.SIZE and not any(data[20:24])


def read_meta(data: Buffer) -> Metadata:
    """The metadata in the bytes of a `.meta` file, of 64-bit or 32-bit systems.

    MalformedFile for what makes a handler delete the report: cut short, or another version.
    """
    kind = GenericHeader if is_wide_meta(data) else GenericHeader32
    header = kind.read(data)
    if header.version != META_VERSION:
        raise MalformedFile(f"metadata version {header.version}, not {META_VERSION}", offset=0)
    return _metadata(header, bytes(data[kind.SIZE :]))


def pack_meta(metadata: Metadata, *, wide: bool = True) -> bytes:
    """The bytes of a `.meta`, for systems whose time_t has 8 bytes, or 4 if not `wide`."""
    header = (GenericHeader if wide else GenericHeader32)(
        version=META_VERSION,
        upload_attempts=metadata.upload_attempts,
        last_upload_attempt_time=metadata.last_upload_attempt,
        creation_time=metadata.created,
        attributes=metadata.attributes,
    )
    return header.pack() + metadata.id


def read_windows_metadata(data: Buffer) -> list[WindowsReport]:
    """The entries in Windows' `metadata`; an empty file has none.

    MalformedFile for what makes a handler take the database for empty and overwrite the file.
    """
    if not len(data):
        return []
    header = WindowsHeader.read(data)
    if header.magic != WINDOWS_MAGIC:
        raise MalformedFile(f"magic {header.magic:#010x}, not {WINDOWS_MAGIC:#010x}", offset=0)
    if header.version != WINDOWS_VERSION:
        raise MalformedFile(f"metadata version {header.version}, not {WINDOWS_VERSION}", offset=4)
    records = WindowsRecord.read_array(data, WindowsHeader.SIZE, header.record_count)
    start = WindowsHeader.SIZE + header.record_count * WindowsRecord.SIZE
    strings = bytes(data[start:])
    if header.record_count and not strings.endswith(b"\0"):
        raise MalformedFile("the string table does not end in a NUL", offset=len(data))
    reports = []
    left = len(strings)
    for record in records:
        report = read_windows_record(record, partial(_string, strings, start), start)
        left -= len(report.name) + len(report.metadata.id)
        if left < 0:  # a handler writes each string once; shared ones are a trap for memory
            raise MalformedFile("strings overlap in the string table", offset=start)
        reports.append(report)
    return reports


def read_windows_record(
    record: WindowsRecord, string: Callable[[int], bytes], offset: int
) -> WindowsReport:
    """What a record at `offset` says; `string` gives the bytes at an index of the string table."""
    if not 0 <= record.state < len(WINDOWS_STATES):
        raise MalformedFile(f"a report has the unknown state {record.state}", offset=offset)
    return WindowsReport(
        uuid=UUID(bytes_le=bytes(record.uuid)),
        name=string(record.file_path_index).decode("utf-8", "backslashreplace"),
        state=WINDOWS_STATES[record.state],
        metadata=_metadata(record, string(record.id_index)),
    )


def pack_windows_metadata(reports: Iterable[WindowsReport]) -> bytes:
    """The bytes of Windows' `metadata`."""
    strings = bytearray()
    records = []
    for report in reports:
        path_index = len(strings)
        strings += report.name.encode() + b"\0"
        id_index = len(strings)
        strings += report.metadata.id + b"\0"
        records.append(
            WindowsRecord(
                uuid=report.uuid.bytes_le,
                file_path_index=path_index,
                id_index=id_index,
                creation_time=report.metadata.created,
                last_upload_attempt_time=report.metadata.last_upload_attempt,
                upload_attempts=report.metadata.upload_attempts,
                state=WINDOWS_STATES.index(report.state),
                attributes=report.metadata.attributes,
            )
        )
    header = WindowsHeader(magic=WINDOWS_MAGIC, version=WINDOWS_VERSION, record_count=len(records))
    return header.pack() + b"".join(record.pack() for record in records) + bytes(strings)


def read_mac_metadata(attributes: Mapping[str, bytes]) -> Metadata:
    """The metadata in a file's extended attributes (crash_report_database_mac.mm).

    Keys are without the prefix. ValueError, with a sentence, for what makes Crashpad skip the
    report: no creation time, or a value of the wrong kind.
    """
    if "creation_time" not in attributes:
        raise ValueError("no creation time among the attributes")
    return Metadata(
        created=_mac_number(attributes, "creation_time"),
        uploaded=_mac_flag(attributes, "uploaded"),
        upload_attempts=_mac_number(attributes, "upload_count"),
        last_upload_attempt=_mac_number(attributes, "last_upload_time"),
        upload_explicitly_requested=_mac_flag(attributes, "upload_explicitly_requested"),
        id=attributes.get("id", b""),
    )


def read_upload_start(attributes: Mapping[str, bytes]) -> int | None:
    """When iOS began to upload a report, as long as it has not ended; it has no other lock."""
    return _mac_number(attributes, "upload_start_time") or None


def pack_mac_metadata(metadata: Metadata) -> dict[str, bytes | None]:
    """A report's metadata as extended attributes, without the prefix; None for what is not there.

    The uuid and the creation time, which never change, are left out.
    """
    return {
        "uploaded": b"1" if metadata.uploaded else b"0",
        "upload_count": b"%d" % metadata.upload_attempts,
        "last_upload_time": b"%d" % metadata.last_upload_attempt,
        "upload_explicitly_requested": b"1" if metadata.upload_explicitly_requested else None,
        "id": metadata.id or None,
        "upload_start_time": None,
    }


def _metadata(header: GenericHeader | GenericHeader32 | WindowsRecord, id_: bytes) -> Metadata:
    return Metadata(
        created=header.creation_time,
        uploaded=bool(header.attributes & UPLOADED),
        upload_attempts=header.upload_attempts,
        last_upload_attempt=header.last_upload_attempt_time,
        upload_explicitly_requested=bool(header.attributes & EXPLICITLY_REQUESTED),
        id=id_,
    )


def _string(strings: bytes, start: int, index: int) -> bytes:
    if index >= len(strings):
        raise MalformedFile("a string lies beyond the string table", offset=start + index)
    return strings[index : strings.index(b"\0", index)]


def _mac_number(attributes: Mapping[str, bytes], name: str) -> int:
    text = attributes.get(name, b"0")
    try:
        return int(text.decode("ascii")) if len(text) <= 20 else _no_number(name)  # noqa: PLR2004
    except ValueError:
        return _no_number(name)


def _no_number(name: str) -> int:
    raise ValueError(f"the attribute {name} is not a number")


def _mac_flag(attributes: Mapping[str, bytes], name: str) -> bool:
    value = attributes.get(name, b"0")
    if value not in (b"0", b"1"):
        raise ValueError(f"the attribute {name} is neither 0 nor 1")
    return value == b"1"
