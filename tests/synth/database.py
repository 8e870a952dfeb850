"""Crashpad databases of all three layouts, written as Crashpad writes them."""

import struct
from pathlib import Path
from uuid import UUID

from crashtool.formats.crashpad.metadata import (
    Metadata,
    WindowsReport,
    pack_meta,
    pack_windows_metadata,
)
from crashtool.formats.crashpad.settings import new_settings

CLIENT = UUID("55da9789-2783-4773-a41f-ed2d92b8fdac")
FOLDERS = ("new", "pending", "completed")
NOW = 1_790_000_000


def report_id(number: int) -> UUID:
    return UUID(int=0x0123_4567_89AB_4DEF_8000_0000_0000_0000 + number)


def write_settings(root: Path, *, uploads_enabled=True, last=0, options=0) -> None:
    settings = new_settings(CLIENT, uploads_enabled=uploads_enabled)
    settings = settings.replace(last_upload_attempt_time=last, options=settings.options | options)
    root.mkdir(parents=True, exist_ok=True)
    (root / "settings.dat").write_bytes(settings.pack())


def write_attachment(root: Path, uuid: UUID, name: str, content: bytes) -> None:
    folder = root / "attachments" / str(uuid)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content)


class GenericDatabase:
    """Linux, Android, Fuchsia: a .meta beside each .dmp."""

    def __init__(self, root: Path, **settings) -> None:
        self.root = root
        write_settings(root, **settings)
        for folder in (*FOLDERS, "attachments"):
            (root / folder).mkdir(exist_ok=True)

    def add(self, number: int, state: str, metadata: Metadata | None, dump=b"MDMP", **attached):
        uuid = report_id(number)
        path = self.root / state / f"{uuid}.dmp"
        path.write_bytes(dump)
        if metadata:
            path.with_suffix(".meta").write_bytes(pack_meta(metadata))
        for name, content in attached.items():
            write_attachment(self.root, uuid, name, content)
        return path

    put = add


class MacDatabase:
    """macOS, as a copy on another system: the attributes stand in AppleDouble files."""

    def __init__(self, root: Path, **settings) -> None:
        self.root = root
        write_settings(root, **settings)
        for folder in (*FOLDERS, "attachments"):
            (root / folder).mkdir(exist_ok=True)

    def add(self, number: int, state: str, **attributes: str) -> Path:
        uuid = report_id(number)
        path = self.root / state / f"{uuid}.dmp"
        path.write_bytes(b"MDMP")
        named = {"uuid": str(uuid)} | attributes
        full = {f"org.chromium.crashpad.database.{k}": v.encode() for k, v in named.items()}
        path.with_name("._" + path.name).write_bytes(apple_double(full))
        return path

    def put(self, number: int, state: str, metadata: Metadata, dump=b"MDMP", **attached) -> Path:
        values = {
            "creation_time": str(metadata.created),
            "uploaded": "1" if metadata.uploaded else "0",
            "upload_count": str(metadata.upload_attempts),
            "last_upload_time": str(metadata.last_upload_attempt),
            "id": metadata.id.decode(),
        }
        if metadata.upload_explicitly_requested:
            values["upload_explicitly_requested"] = "1"
        path = self.add(number, state, **values)
        path.write_bytes(dump)
        for name, content in attached.items():
            write_attachment(self.root, report_id(number), name, content)
        return path


def apple_double(attributes: dict[str, bytes]) -> bytes:
    """The bytes of an AppleDouble file, laid out by hand from xnu's bsd/vfs/vfs_xattr.c."""
    names = {name: name.encode() + b"\0" for name in attributes}
    table = sum((11 + len(raw) + 3) // 4 * 4 for raw in names.values())
    data_start = 120 + table
    entries, data = b"", b""
    for name, value in attributes.items():
        entry = struct.pack(">IIHB", data_start + len(data), len(value), 0, len(names[name]))
        entry += names[name]
        entries += entry + bytes(-len(entry) % 4)
        data += value
    total = data_start + len(data)
    attribute_header = struct.pack(
        ">IIIII12xHH", 0x41545452, 0, total, data_start, len(data), 0, len(attributes)
    )
    header = struct.pack(">II16sH", 0x00051607, 0x00020000, b"Mac OS X".ljust(16), 2)
    header += struct.pack(">III", 9, 50, total - 50) + struct.pack(">III", 2, total, 0)
    return header + bytes(32) + bytes(2) + attribute_header + entries + data


def write_windows_database(root: Path, reports: list[WindowsReport], **settings) -> Path:
    """Windows: one metadata file and a folder of minidumps."""
    write_settings(root, **settings)
    (root / "reports").mkdir()
    (root / "metadata").write_bytes(pack_windows_metadata(reports))
    for report in reports:
        if "\\" not in report.name and "/" not in report.name:
            (root / "reports" / report.name).write_bytes(b"MDMP")
    return root


def windows_report(number: int, state="pending", name=None, **metadata) -> WindowsReport:
    uuid = report_id(number)
    return WindowsReport(
        uuid, name or f"{uuid}.dmp", state, Metadata(**({"created": NOW} | metadata))
    )


class WindowsDatabase:
    """Windows, a report at a time."""

    def __init__(self, root: Path, **settings) -> None:
        self.root = root
        self.reports: list[WindowsReport] = []
        write_windows_database(root, [], **settings)

    def put(self, number: int, state: str, metadata: Metadata, dump=b"MDMP", **attached) -> Path:
        uuid = report_id(number)
        self.reports.append(WindowsReport(uuid, f"{uuid}.dmp", state, metadata))
        (self.root / "metadata").write_bytes(pack_windows_metadata(self.reports))
        path = self.root / "reports" / f"{uuid}.dmp"
        path.write_bytes(dump)
        for name, content in attached.items():
            write_attachment(self.root, uuid, name, content)
        return path


LAYOUTS = {"generic": GenericDatabase, "macos": MacDatabase, "windows": WindowsDatabase}
