"""Archives and packages built from the readers' own struct tables, whole or with wrong fields."""

import io
import struct
import tarfile
import zlib

from crashtool.formats.archives.rpm_package import HEADER_MAGIC, LEAD_SIZE, MAGIC
from crashtool.formats.archives.seven_zip import DATA_START, SignatureHeader
from crashtool.formats.archives.seven_zip import MAGIC as SEVEN_ZIP_MAGIC
from crashtool.formats.zip_structs import CENTRAL, END, LOCAL, CentralEntry, End, LocalHeader


def build_zip(members, *, offset=None, **wrong):
    """`members`: name, method, packed bytes, size and check sum; `wrong`: fields of the entries.

    `offset` puts all entries on the one member that is there.
    """
    data, entries = b"", b""
    for name, method, content, size, check in members:
        raw = name.encode()
        place = len(data) if offset is None else offset
        fields = {
            "method": method,
            "crc": check,
            "packed_size": len(content),
            "size": size,
            "name_size": len(raw),
        } | wrong
        entries += CentralEntry(signature=CENTRAL, offset=place, **fields).pack() + raw
        if offset is None or not data:
            data += LocalHeader(signature=LOCAL, **fields).pack() + raw + content
    end = End(
        signature=END,
        entries_here=len(members),
        entries=len(members),
        size=len(entries),
        offset=len(data),
    )
    return data + entries + end.pack()


def stored(name, content):
    """A member for `build_zip`."""
    return name, 0, content, len(content), zlib.crc32(content)


def build_tar(files, *, sizes=None):
    """A tar archive; `sizes` are told instead of the true ones."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    data = bytearray(out.getvalue())
    for place, size in (sizes or {}).items():
        data[place + 124 : place + 136] = f"{size:011o}\0".encode()
        data[place + 148 : place + 156] = b" " * 8
        data[place + 148 : place + 156] = f"{sum(data[place : place + 512]):06o}\0 ".encode()
    return bytes(data)


def build_ar(files):
    """A Unix archive."""
    data = b"!<arch>\n"
    for name, content in files.items():
        header = f"{name:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(content):<10}`\n".encode()
        data += header + content + b"\n" * (len(content) % 2)
    return data


def build_deb(data_name, data):
    """A Debian package with `data` as its data.tar."""
    return build_ar(
        {"debian-binary": b"2.0\n", "control.tar.gz": zlib.compress(b""), data_name: data}
    )


def build_cpio(files, *, size=None):
    """A cpio archive as RPM packages hold it; `size` is told instead of the true ones."""
    data = b""
    for name, content in (*files.items(), ("TRAILER!!!", b"")):
        raw = name.encode() + b"\0"
        mode = 0o100644 if content or name != "TRAILER!!!" else 0
        fields = [1, mode, 0, 0, 1, 0, size or len(content), 0, 0, 0, 0, len(raw), 0]
        data += b"070701" + b"".join(f"{value:08x}".encode() for value in fields) + raw
        data += bytes(-len(data) % 4) + content
        data += bytes(-len(data) % 4)
    return data


def build_rpm(payload):
    """An RPM package with a packed cpio archive in it."""
    lead = MAGIC + bytes(LEAD_SIZE - len(MAGIC))
    signature = HEADER_MAGIC + struct.pack(">III", 0, 1, 5) + bytes(16 + 5)
    signature += bytes(-len(signature) % 8)
    header = HEADER_MAGIC + struct.pack(">III", 0, 2, 3) + bytes(2 * 16 + 3)
    return lead + signature + header + payload


def number(value):
    """A number as 7-Zip's header has it, in nine bytes."""
    return b"\xff" + value.to_bytes(8, "little")


def build_seven_zip(name, coder, content, size, *, check=None):
    """A 7-Zip archive of one file, packed by one coder: its id and properties."""
    identifier, properties = coder
    flags = bytes([len(identifier) | (0x20 if properties else 0)])
    own = flags + identifier + (number(len(properties)) + properties if properties else b"")
    streams = (
        b"\x06" + number(0) + number(1) + b"\x09" + number(len(content)) + b"\0"  # packed
        + b"\x07\x0b" + number(1) + b"\0" + number(1) + own + b"\x0c" + number(size)  # one folder
        + (b"" if check is None else b"\x0a\x01" + struct.pack("<I", check)) + b"\0" + b"\0"
    )  # fmt: skip
    names = b"\0" + name.encode("utf-16-le") + b"\0\0"
    files = number(1) + b"\x11" + number(len(names)) + names + b"\0"
    return wrap_seven_zip(content, b"\x01\x04" + streams + b"\x05" + files + b"\0")


def wrap_seven_zip(content, header):
    """Packed bytes and a header behind them."""
    start = SignatureHeader(
        minor=4, offset=len(content), size=len(header), header_check=zlib.crc32(header)
    )
    checked = start.pack()[6:]
    whole = start.replace(check=zlib.crc32(checked)).pack()
    assert len(SEVEN_ZIP_MAGIC) + len(whole) == DATA_START
    return SEVEN_ZIP_MAGIC + whole + content + header


def encoded_header(coder, content, size):
    """A 7-Zip archive whose header is packed: it claims to have `size` bytes."""
    identifier, properties = coder
    flags = bytes([len(identifier) | 0x20])
    own = flags + identifier + number(len(properties)) + properties
    streams = (
        b"\x06" + number(0) + number(1) + b"\x09" + number(len(content)) + b"\0"
        + b"\x07\x0b" + number(1) + b"\0" + number(1) + own + b"\x0c" + number(size) + b"\0" + b"\0"
    )  # fmt: skip
    return wrap_seven_zip(content, b"\x17" + streams)
