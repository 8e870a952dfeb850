"""A small program's DWARF, packed from numbers: one unit, its line table, where its code is."""

from tests.synth.object_files import build_elf

LOW, SIZE = 0x1000, 0x40
CODE = (".text", 1, 6, b"\x90" * 0x100)
FOLDER, NAME, HEADER_NAME = b"/src/app", b"main.c", b"list.h"
# (address, file by its number in version 4, line)
ROWS = [(LOW, 1, 10), (LOW + 4, 1, 11), (LOW + 9, 2, 300), (LOW + 0x20, 1, 12)]


def uleb(value):
    out = bytearray()
    while True:
        out.append(value & 0x7F | (0x80 if value > 0x7F else 0))
        value >>= 7
        if not value:
            return bytes(out)


def sleb(value):
    out = bytearray()
    while True:
        byte = value & 0x7F
        value >>= 7
        if (value == 0 and not byte & 0x40) or (value == -1 and byte & 0x40):
            return bytes([*out, byte])
        out.append(byte | 0x80)


def with_length(body, wide):
    size = len(body).to_bytes(8 if wide else 4, "little")
    return (b"\xff\xff\xff\xff" if wide else b"") + size + body


def number(value, size):
    return value.to_bytes(size, "little")


def build_program(rows=ROWS, end=LOW + SIZE, low=LOW, address_size=8):
    """The byte code of one sequence, by standard opcodes alone."""
    code = b"\0" + uleb(1 + address_size) + b"\2" + number(low, address_size)
    address, file, line = low, 1, 1
    for to_address, to_file, to_line in rows:
        code += b"\2" + uleb(to_address - address) + b"\3" + sleb(to_line - line)
        code += (b"\4" + uleb(to_file) if to_file != file else b"") + b"\5\1" + b"\6" + b"\1"
        address, file, line = to_address, to_file, to_line
    return code + b"\2" + uleb(end - address) + b"\0\1\1"


def build_lines(version=4, *, wide=False, program=None, address_size=8):
    """A line table with two files: main.c, and ../include/list.h."""
    offset = 8 if wide else 4
    if version >= 5:
        strings = uleb(1) + b"\x08" + uleb(2) + b"\x0b"
        tables = b"\1" + uleb(1) + b"\x08" + b"\2" + FOLDER + b"\0../include\0"
        files = (NAME + b"\0\0", NAME + b"\0\0", HEADER_NAME + b"\0\1")
        tables += b"\2" + strings + uleb(len(files)) + b"".join(files)
    else:
        tables = b"../include\0\0" + NAME + b"\0\0\0\0" + HEADER_NAME + b"\0\1\0\0" + b"\0"
    head = b"\1" + (b"\1" if version >= 4 else b"") + b"\1\xfb\x0e\x0d"
    head += bytes([0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 1]) + tables
    sizes = bytes([address_size, 0]) if version >= 5 else b""
    program = build_program(address_size=address_size) if program is None else program
    body = number(version, 2) + sizes + number(len(head), offset) + head + program
    return with_length(body, wide)


def build_unit(attributes, version=4, *, wide=False, kind=1, address_size=8, tag=0x11):
    """A unit of one entry, of (attribute, form, bytes); .debug_info and .debug_abbrev."""
    offset = 8 if wide else 4
    if version >= 5:
        head = bytes([kind, address_size]) + number(0, offset) + (bytes(8) if kind == 4 else b"")
    else:
        head = number(0, offset) + bytes([address_size])
    content = b"".join(value for _, _, value in attributes)
    unit = with_length(number(version, 2) + head + b"\2" + content, wide)
    pairs = b"".join(uleb(attribute) + uleb(form) for attribute, form, _ in attributes)
    other = b"\1\x34\0\x0b\x21\x05\x3a\x0b\0\0"  # with DW_FORM_implicit_const
    return unit, other + b"\2" + bytes([tag]) + b"\1" + pairs + b"\0\0\0"


def build_aranges(pieces=((LOW, SIZE),), unit=0, *, wide=False, address_size=8):
    offset = 8 if wide else 4
    body = number(2, 2) + number(unit, offset) + bytes([address_size, 0])
    head = (12 if wide else 4) + len(body)
    body += bytes(-head % (2 * address_size))
    for pair in (*pieces, (0, 0)):
        body += b"".join(number(value, address_size) for value in pair)
    return with_length(body, wide)


def common(wide=False):
    """Name, folder and line program, as attributes of the unit."""
    offset = 8 if wide else 4
    return [(0x03, 0x08, NAME + b"\0"), (0x1B, 0x08, FOLDER + b"\0"), (0x10, 0x17, bytes(offset))]


def build_file(sections, *, wide=True, code=CODE):
    """An ELF file of sections by name, without the dot."""
    rows = [(f".{name}", 1, 0, content) for name, content in sections.items()]
    return build_elf([code, *rows], wide=wide, addresses=[(".text", LOW)])
