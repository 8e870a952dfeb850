"""What kinds of subject a file is, by its content."""

from __future__ import annotations

import re
from pathlib import Path

from crashtool.errors import InputUnusable
from crashtool.formats.archives import ar_file
from crashtool.formats.crashpad.markers import NAME, CrashpadMarkers, find_markers
from crashtool.formats.object_file.identify import HEAD_BYTES, looks_like_object
from crashtool.formats.object_file.unlinked import is_unlinked
from crashtool.formats.regular_file import open_regular
from crashtool.formats.text_file import UTF8, find_encoding
from crashtool.model.doctor import (
    CRASHPAD_LIBRARY,
    DOCKERFILE,
    HANDLER,
    MSBUILD,
    PROGRAM,
    REGISTRY,
    SETTINGS,
    SOURCE,
    XCODE,
)
from crashtool.services.symbols.mapped_file import map_file

HANDLER_NAMES = frozenset(
    ("crashpad_handler", "crashpad_handler.exe", "crashpad_handler.com", "chrome_crashpad_handler")
)
DOCKERFILE_NAME = re.compile(r"(?:docker|container)file(?:\.[\w.-]+)?|[\w.-]+\.dockerfile")
SOURCE_SUFFIXES = (".cc", ".cpp", ".cxx", ".c++", ".mm", ".m", ".h", ".hh", ".hpp", ".hxx")
MSBUILD_SUFFIXES = (".vcxproj", ".props", ".targets")
XCODE_FILE = "project.pbxproj"
TEXT_SUFFIXES = (*SOURCE_SUFFIXES, *MSBUILD_SUFFIXES, ".reg", ".toml", ".pbxproj")
MAX_TEXT = 8 << 20  # bytes
PROJECT_FILE = "crashtool.toml"
REGISTRY_HEADS = ("Windows Registry Editor Version", "REGEDIT4")
TEXT_MARKS = (
    (b"<Project", MSBUILD_SUFFIXES, MSBUILD),
    (b"StartHandler", SOURCE_SUFFIXES, SOURCE),
)
PDB_HEAD, SYM_HEAD = b"Microsoft C/C++", b"MODULE "


def sniff(path: str, *, named: bool = False) -> tuple[str, ...]:
    """The kinds of subject that a file is; none when it is of no interest.

    A file that is `named` is a program although it has no part of Crashpad, and a text whatever its
    name ends with. InputUnusable for what is not a file or, when `named`, of no kind; OSError.
    """
    kinds = _sniff_content(path, named=named)
    if Path(path).name.lower() in HANDLER_NAMES and HANDLER not in kinds:
        return (HANDLER,)  # handler.kind says what it is instead
    if named and not kinds:
        raise InputUnusable(
            f"{path} is not something that doctor knows",
            hint="name a folder, a program, a handler, an archive, a database, a .vcxproj or a "
            "CMake build",
        )
    return kinds


def _sniff_content(path: str, *, named: bool) -> tuple[str, ...]:
    with open_regular(path) as file:
        head = file.read(HEAD_BYTES)
    if looks_like_object(head) and not head.startswith((PDB_HEAD, SYM_HEAD)):
        return () if is_unlinked(head) else _sniff_object(path, named=named)
    if head.startswith(ar_file.PACKAGE_HEAD):
        return ()
    if head.startswith((ar_file.MAGIC, ar_file.THIN_MAGIC)):
        return (CRASHPAD_LIBRARY,) if named or map_file(path).find(NAME) >= 0 else ()
    return _sniff_text(path, named=named)


def read_markers(path: str) -> CrashpadMarkers:
    """What of Crashpad is in an object file."""
    return find_markers(map_file(path))


def _sniff_object(path: str, *, named: bool) -> tuple[str, ...]:
    markers = read_markers(path)
    if not markers.is_handler:
        return (PROGRAM,) if named or markers.has_client else ()
    if markers.has_client and "handler" not in Path(path).name.lower():
        return PROGRAM, HANDLER  # a program that is its own handler, as Chromium's is on Windows
    return (HANDLER,)


def _sniff_text(path: str, *, named: bool) -> tuple[str, ...]:
    name = Path(path).name.lower()
    is_dockerfile = DOCKERFILE_NAME.fullmatch(name) is not None
    is_candidate = named or is_dockerfile or name.endswith(TEXT_SUFFIXES)
    if not is_candidate or Path(path).stat().st_size > MAX_TEXT:
        return ()
    if is_dockerfile:
        return (DOCKERFILE,)
    if name == PROJECT_FILE:
        return (SETTINGS,)
    content = Path(path).read_bytes()
    if decode_head(content).startswith(REGISTRY_HEADS):
        return (REGISTRY,)
    return _sniff_marks(name, content, named=named)


def _sniff_marks(name: str, content: bytes, *, named: bool) -> tuple[str, ...]:
    """The kind of a text by what stands in it."""
    if name == XCODE_FILE:
        return (XCODE,) if named or NAME in content else ()
    encoding, content = find_encoding(content)
    if encoding != UTF8:
        content = content.decode(encoding, "replace").encode()
    for text, suffixes, kind in TEXT_MARKS:
        if text in content and (named or name.endswith(suffixes)):
            return (kind,)
    return ()


def decode_head(content: bytes) -> str:
    """The first characters of a text in UTF-8, UTF-16 or an 8-bit code, without its mark."""
    head = content[:HEAD_BYTES]
    encoding = "utf-16" if head[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    return head.decode(encoding, "replace")
