"""Extended attributes of a file, where macOS keeps a report's metadata: on disk, or in a copy.

They are found in the file system, or in an AppleDouble file beside a copy; changed where they are.
Python before 3.13 has Linux's calls for them with glibc alone, not on Alpine (posixmodule.c).
"""

from __future__ import annotations

import errno
import os
import sys
from base64 import b64decode
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from crashtool.formats.crashpad.apple_double import read_apple_double

MAX_VALUE = 1 << 20
PAX_PREFIXES = ("LIBARCHIVE.xattr.", "SCHILY.xattr.")
ENOATTR = 93  # errno.h of macOS
LINUX_NAMESPACE = "user."  # where copying tools put an attribute that came from macOS


def read_attributes(path: Path) -> dict[str, bytes]:
    """The extended attributes of a file, from the file system or the `._` file beside it.

    Nothing where there are none, or where the platform has none. A damaged `._` file raises
    MalformedFile.
    """
    sidecar = find_sidecar(path)
    beside = {}
    if sidecar.is_file() and not sidecar.is_symlink():
        with sidecar.open("rb") as stream:
            beside = read_apple_double(
                stream.read(min(os.fstat(stream.fileno()).st_size, MAX_VALUE))
            )
    return beside | read_system_attributes(path)


def find_sidecar(path: Path) -> Path:
    """Where the AppleDouble file of a file is, if it has one."""
    return path.with_name("._" + path.name)


def read_pax_attributes(headers: Mapping[str, str]) -> dict[str, bytes]:
    """The extended attributes of a tar member among its pax headers, by either convention.

    `SCHILY.xattr.NAME` has the bytes as they are (star, GNU tar); `LIBARCHIVE.xattr.NAME` has the
    name percent-encoded and the bytes in base64 (bsdtar, which is macOS' tar).
    """
    attributes = {}
    for key, value in headers.items():
        for prefix in PAX_PREFIXES:
            if not key.startswith(prefix):
                continue
            name = key.removeprefix(prefix)
            if prefix.startswith("LIBARCHIVE"):
                attributes[unquote(name)] = b64decode(value + "=" * (-len(value) % 4))
            else:
                attributes.setdefault(name, value.encode("utf-8", "surrogateescape"))
    return {name.removeprefix(LINUX_NAMESPACE): value for name, value in attributes.items()}


def read_system_attributes(path: Path) -> dict[str, bytes]:
    """The extended attributes that the file system keeps of a file; nothing where it has none."""
    attributes: dict[str, bytes] = {}
    if sys.platform == "darwin":
        attributes = _read_from_darwin(path, _load_libc())
    elif sys.platform == "linux" and hasattr(os, "listxattr"):
        attributes = _read_from_linux(path)
    return attributes


def _read_from_linux(path: Path) -> dict[str, bytes]:
    attributes: dict[str, bytes] = {}
    if sys.platform == "linux":
        with suppress(OSError):  # a file system without attributes
            for name in os.listxattr(path):
                if name.startswith(LINUX_NAMESPACE):  # SELinux, for one, has its own on every file
                    attributes[name.removeprefix(LINUX_NAMESPACE)] = os.getxattr(path, name)
    return attributes


def _load_libc() -> Any:
    import ctypes

    return ctypes.CDLL(None, use_errno=True)


def _read_from_darwin(path: Path, libc: Any) -> dict[str, bytes]:
    """What listxattr and getxattr of macOS say; Python's os module lacks them there."""
    import ctypes

    libc.listxattr.restype = libc.getxattr.restype = ctypes.c_ssize_t
    raw = os.fsencode(path)
    names = ctypes.create_string_buffer(MAX_VALUE)
    size = libc.listxattr(raw, names, ctypes.c_size_t(MAX_VALUE), 0)
    attributes = {}
    for name in names.raw[: max(size, 0)].split(b"\0")[:-1]:
        value = ctypes.create_string_buffer(MAX_VALUE)
        length = libc.getxattr(raw, name, value, ctypes.c_size_t(MAX_VALUE), ctypes.c_uint32(0), 0)
        if length >= 0:
            attributes[name.decode("utf-8", "backslashreplace")] = value.raw[:length]
    return attributes


def write_attributes(path: Path, changes: Mapping[str, bytes | None]) -> None:
    """Set a file's extended attributes, or remove those that become None, in the file system.

    OSError when it refuses. For copies see `find_sidecar` and `pack_apple_double`.
    """
    for name, value in changes.items():
        if sys.platform == "darwin":
            _write_to_darwin(path, name, value, _load_libc())
        elif sys.platform == "linux" and hasattr(os, "setxattr"):
            _write_to_linux(path, LINUX_NAMESPACE + name, value)
        else:
            raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP), str(path))


def _write_to_linux(path: Path, name: str, value: bytes | None) -> None:
    if sys.platform == "linux":
        if value is not None:
            os.setxattr(path, name, value)
        elif name in os.listxattr(path):
            os.removexattr(path, name)


def _write_to_darwin(path: Path, name: str, value: bytes | None, libc: Any) -> None:
    import ctypes

    raw, key = os.fsencode(path), name.encode()
    if value is not None:
        size = ctypes.c_size_t(len(value))
        failed = libc.setxattr(raw, key, value, size, ctypes.c_uint32(0), 0)
    else:
        failed = libc.removexattr(raw, key, 0)
        failed = failed and ctypes.get_errno() != ENOATTR
    if failed:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error), str(path))
