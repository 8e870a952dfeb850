"""What of Crashpad is linked into a program, by texts and sections that strip and LTO leave."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crashtool.formats.named_tuple import NamedTuple
from crashtool.formats.object_file import elf, macho, pe
from crashtool.formats.object_file.identify import read_object_files
from crashtool.formats.object_kinds import EXECUTABLE

if TYPE_CHECKING:
    from crashtool.formats.object_kinds import Content

# In whatever bears Crashpad's code, and in little else: looked for first, for it is one search.
NAME = b"rashpad"
HANDLER_TEXT = b"Crashpad's exception handler server."  # of --help, in all forks
# Names of source files, which are in log messages
CLIENT_FILES = (
    b"crashpad_client_linux.cc",
    b"crashpad_client_win.cc",
    b"crashpad_client_mac.cc",
    b"crashpad_client_ios.cc",
)
# The anchor of module annotations: crashpad_info_note.S, crashpad_info.cc
NOTE_OWNER, NOTE_TYPE = b"Crashpad\0", 0x4F464E49
PE_SECTION, MACHO_SECTION = "CPADinfo", "crashpad_info"

UPSTREAM, SENTRY, BACKTRACE, BACKTRACE_2018 = (
    "upstream",
    "sentry",
    "backtrace",
    "backtrace-2018",
)
# What only one family's handler has among its options, first come first served
FAMILY_TEXTS = (
    (b"requires NAME=PATH", BACKTRACE_2018),
    (b"_backtrace_internal_guid_override", BACKTRACE),
    (b"crash-envelope", SENTRY),
    (b"http-proxy", SENTRY),
    (b"wait-for-upload", SENTRY),
    (b"report-id", SENTRY),
)


class CrashpadMarkers(NamedTuple):
    """What of Crashpad is in a file.

    `is_handler`: it can be a crashpad_handler. `has_client`: it can start one, by the names of the
    client's source files in it, or as an executable (built without log messages) by its anchor.
    `has_anchor`: it has what a handler finds the annotations of a module by. `family`: whose
    handler it is.
    """

    is_handler: bool = False
    has_client: bool = False
    has_anchor: bool = False
    family: str = ""


def find_markers(data: Content) -> CrashpadMarkers:
    """What of Crashpad is in an ELF, PE or Mach-O file. MalformedFile for a damaged one."""
    anchored = has_anchor(data)
    by_anchor = anchored and read_object_files(data)[0].role == EXECUTABLE
    if data.find(NAME) < 0:
        return CrashpadMarkers(has_client=by_anchor, has_anchor=anchored)
    is_handler = data.find(HANDLER_TEXT) >= 0
    by_name = any(data.find(name) >= 0 for name in CLIENT_FILES)
    family = find_family(data) if is_handler else ""
    return CrashpadMarkers(is_handler, by_name or by_anchor, anchored, family)


def has_anchor(data: Content) -> bool:
    """Whether a file has the section that a handler finds a module's annotations by."""
    magic = bytes(data[:4])
    if magic == elf.MAGIC:
        return elf.find_note(data, NOTE_OWNER, NOTE_TYPE) is not None
    if magic[:2] == pe.MAGIC:
        return PE_SECTION in pe.read_section_names(data)
    return MACHO_SECTION in macho.read_section_names(data)


def find_family(handler: Content) -> str:
    """Whose build a handler is, without running it: by the texts of its options."""
    for text, family in FAMILY_TEXTS:
        if handler.find(text) >= 0:
            return family
    return UPSTREAM
