"""The names that a PE file gives to functions: MinGW's COFF symbols, else its exports."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from crashtool.formats.object_file import coff, pe
from crashtool.formats.object_file.unsized_functions import MAX_NAME_LENGTH, UnsizedFunctions
from crashtool.formats.record import U16, U32, Record

if TYPE_CHECKING:
    from crashtool.formats.object_kinds import Content

FUNCTION = 0x20  # IMAGE_SYM_DTYPE_FUNCTION, in the second four bits of a type
STATIC = 3  # IMAGE_SYM_CLASS_STATIC, with a function's type or as a section's name
DIRECTORY_EXPORT = 0
MAX_EXPORTS = 1 << 16  # their ordinals have 16 bits
MACHINE_X86 = 0x14C
PREFIX = "_"  # of C's names on x86
MANGLED = "_Z"


class ExportDirectory(Record):
    """IMAGE_EXPORT_DIRECTORY."""

    characteristics: U32
    timestamp: U32
    major: U16
    minor: U16
    name: U32
    first_ordinal: U32
    function_count: U32
    name_count: U32
    functions: U32
    names: U32
    ordinals: U32


class Address(Record):
    """An address from the image's base."""

    value: U32


class Ordinal(Record):
    """An export's place in the list of functions."""

    value: U16


def read_pe_functions(data: Content) -> UnsizedFunctions | None:
    """The functions of an image's COFF symbols, names as C and C++ have them; None without.

    MalformedFile when the headers do not hold.
    """
    image = pe.read_image(data)
    header = image.header
    first, size = header.symbols_offset, coff.Symbol.SIZE
    if not first or not header.symbol_count or first + size * header.symbol_count > len(data):
        return None
    strings = first + size * header.symbol_count
    is_x86 = header.machine == MACHINE_X86

    def read_name(offset: int) -> str:
        symbol = coff.Symbol.read(data, offset)
        if _is_section(symbol):
            return ""
        name = symbol.name
        if name[:4] == bytes(4):
            start = strings + int.from_bytes(name[4:], "little")
            name = bytes(data[start : start + MAX_NAME_LENGTH])
        text = name.partition(b"\0")[0].decode("utf-8", "replace")
        return _strip_convention(text) if is_x86 else text

    return UnsizedFunctions(_walk_symbols(data, image), _list_code(image), read_name)


def read_pe_exports(data: Content) -> UnsizedFunctions | None:
    """The functions that a library exports by name; None without.

    MalformedFile when the headers do not hold.
    """
    image = pe.read_image(data)
    position = pe.find_directory(image, DIRECTORY_EXPORT)
    offset = pe.find_file_offset(image, position) if position else None
    if offset is None or offset + ExportDirectory.SIZE > len(data):
        return None
    rows = list(_walk_exports(data, image, ExportDirectory.read(data, offset)))

    def read_name(position: int) -> str:
        raw = bytes(data[position : position + MAX_NAME_LENGTH]).partition(b"\0")[0]
        return raw.decode("utf-8", "replace")

    return UnsizedFunctions(rows, _list_code(image), read_name)


def _strip_convention(name: str) -> str:
    """A name of C or C++ from its symbol on x86; C++'s stdcall functions have a size behind it."""
    name = name.removeprefix(PREFIX)
    return name.partition("@")[0] if name.startswith(MANGLED) else name


def _list_code(image: pe.PeImage) -> list[range]:
    return [
        range(section.address, section.address + (section.virtual_size or section.size))
        for section in image.sections.values()
        if section.characteristics & pe.CONTAINS_CODE
    ]


def _walk_symbols(data: Content, image: pe.PeImage) -> Iterator[tuple[int, int]]:
    """Of each symbol in a section of code, its address from the base, and where it stands.

    Section numbers count from 1. The code of each object file begins with a symbol of its section:
    one that had no symbols must not be taken for the last function of the object before it.
    """
    sections = dict(enumerate(image.rows, 1))
    first, size = image.header.symbols_offset, coff.Symbol.SIZE
    passed = 0
    symbols = coff.Symbol.read_array(data, first, image.header.symbol_count)
    for number, symbol in enumerate(symbols):
        if passed:
            passed -= 1
            continue
        passed = symbol.auxiliary_count
        section = sections.get(symbol.section)
        if section is None or not section.characteristics & pe.CONTAINS_CODE:
            continue
        is_static = symbol.storage_class == STATIC and symbol.symbol_type == FUNCTION
        is_named = is_static or symbol.storage_class == coff.CLASS_EXTERNAL
        if is_named or _is_section(symbol):
            yield section.address + symbol.value, first + number * size


def _is_section(symbol: coff.Symbol) -> bool:
    """Whether a symbol stands for an object's section: static, of no type, and told more of."""
    is_typeless = symbol.storage_class == STATIC and not symbol.symbol_type
    return is_typeless and bool(symbol.auxiliary_count)


def _walk_exports(
    data: Content, image: pe.PeImage, directory: ExportDirectory
) -> Iterator[tuple[int, int]]:
    """Of each export with a name its address, and where in the file the name is.

    Those that lead to other libraries have an address among the names, which is no code.
    """
    tables = [
        pe.find_file_offset(image, address)
        for address in (directory.functions, directory.names, directory.ordinals)
    ]
    functions, names, ordinals = (
        len(data) if position is None else position for position in tables
    )
    count = min(directory.name_count, MAX_EXPORTS, (len(data) - names) // Address.SIZE)
    count = max(0, min(count, (len(data) - ordinals) // Ordinal.SIZE))
    pairs = zip(
        Address.read_array(data, names, count),
        Ordinal.read_array(data, ordinals, count),
        strict=True,
    )
    for name, ordinal in pairs:
        position = functions + ordinal.value * Address.SIZE
        offset = pe.find_file_offset(image, name.value)
        is_listed = ordinal.value < directory.function_count and position + Address.SIZE <= len(
            data
        )
        if is_listed and offset is not None:
            yield Address.read(data, position).value, offset
