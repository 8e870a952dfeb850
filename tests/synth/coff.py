"""COFF objects as Microsoft's compilers make them, and libraries of them."""

from crashtool.formats.object_file.coff import (
    BIG_CLASS,
    WHOLE_PROGRAM_CLASS,
    AnonymousHeader,
    BigHeader,
    BigSymbol,
    ObjectHeader,
    Symbol,
)
from crashtool.formats.object_file.pe_structs import SectionHeader
from tests.synth.archives import build_ar

X64, X86, ARM64 = 0x8664, 0x14C, 0xAA64
FILES = {"MT": "LIBCMT", "MTd": "LIBCMTD", "MD": "MSVCRT", "MDd": "MSVCRTD"}
VALUES = {
    "MT": "MT_StaticRelease",
    "MTd": "MTd_StaticDebug",
    "MD": "MD_DynamicRelease",
    "MDd": "MDd_DynamicDebug",
}


def directives(runtime, *, level=None, language="c++"):
    """The text of a .drectve section."""
    text = f' /DEFAULTLIB:"{FILES[runtime]}" /DEFAULTLIB:"OLDNAMES"'
    if language == "c++":
        level = level or ("2" if runtime.endswith("d") else "0")
        text = (
            f' /FAILIFMISMATCH:"_MSC_VER=1900" /FAILIFMISMATCH:"_ITERATOR_DEBUG_LEVEL={level}"'
            f' /FAILIFMISMATCH:"RuntimeLibrary={VALUES[runtime]}"' + text
        )
    return text.encode()


def build_coff(drectve=b"", *, machine=X64, undefined=(), defined=(), big=False, content=b""):
    """An object with a .drectve section, texts in its data, and symbols."""
    header_type, symbol_type = (BigHeader, BigSymbol) if big else (ObjectHeader, Symbol)
    start = header_type.SIZE + 2 * SectionHeader.SIZE
    strings, symbols = b"", b""
    names = [(name, 0) for name in undefined] + [(name, 2) for name in defined]
    for name, section in names:
        offset = 4 + len(strings)
        strings += name.encode() + b"\0"
        symbols += symbol_type(
            name=bytes(4) + offset.to_bytes(4, "little"), section=section, storage_class=2
        ).pack()
    place = start + len(drectve) + len(content)
    common = {
        "machine": machine,
        "section_count": 2,
        "symbols_offset": place,
        "symbol_count": len(names),
    }
    if big:
        header = BigHeader(mark=0xFFFF, version=2, class_id=BIG_CLASS, **common)
    else:
        header = ObjectHeader(**common)
    sections = (
        SectionHeader(name=b".drectve", size=len(drectve), offset=start).pack()
        + SectionHeader(name=b".rdata\0\0", size=len(content), offset=start + len(drectve)).pack()
    )
    table = (4 + len(strings)).to_bytes(4, "little") + strings
    return header.pack() + sections + drectve + content + symbols + table


def build_whole_program(machine=X64):
    """What cl /GL makes: no machine code, no directives."""
    header = AnonymousHeader(
        mark=0xFFFF, version=1, machine=machine, class_id=WHOLE_PROGRAM_CLASS, data_size=8
    )
    return header.pack() + bytes(8)


def build_import(machine=X64):
    """A stub of an import library: shorter than any other object."""
    return b"\0\0\xff\xff\0\0" + machine.to_bytes(2, "little") + bytes(12) + b"f\0k.dll\0"


def build_library(objects):
    """A .lib: symbol tables, a table of long names, objects by name."""
    names, members = b"", {"/": bytes(4)}
    for name, content in objects.items():
        short = f"{name}/"
        if len(short) > 16:
            short = f"/{len(names)}"
            names += name.encode() + b"\0"
        members[short] = content
    return build_ar({"/": bytes(4), "//": names} | members)


def crashpad_library(runtime="MD", *, names=("client/crashpad_client_win.obj",), **options):
    """A library that doctor knows for Crashpad's: its objects bear names of Crashpad's sources."""
    content = b"../../client/crashpad_client_win.cc\0"
    one = build_coff(directives(runtime), content=content, **options)
    return build_library(dict.fromkeys(names, one))
