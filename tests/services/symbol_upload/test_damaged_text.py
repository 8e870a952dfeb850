"""Damaged debug files: the text of a .sym file, or one class of error, soon."""

import random
import time

import pytest

from crashtool.errors import InputUnusable
from crashtool.formats.breakpad.symbol_file_writer import ModuleLine
from crashtool.formats.dwarf.file_sections import open_all_sections
from crashtool.formats.dwarf.units import walk_headers
from crashtool.services.files.scratch import Scratch
from crashtool.services.symbol_upload.symbol_text import (
    SymbolTextOptions,
    make_native_text,
    make_pdb_text,
)
from crashtool.services.symbols.mapped_file import map_file
from crashtool.services.symbols.unwind_records import walk_unwind_records

MODULE = ModuleLine("Linux", "x86_64", "0" * 32 + "1", "app")
COPIES = 25
SECONDS = 10.0
FILES = [
    ("objects/elf/full", "elf"),
    ("objects/elf/dwarf4", "elf"),
    ("objects/elf/gz_zlib", "elf"),
    ("objects/elf/types_section", "elf"),
    ("windows/bin/msvc-x64/plugin.pdb", "pdb"),
    ("windows/bin/msvc-x86/plugin.pdb", "pdb"),
    ("windows/bin/dwarf-x86/plugin.dll", "pe"),
    ("windows/bin/msvc-x64/plugin.dll", "pe"),
    ("objects/macho/libmac_x86_64.dylib", "macho"),
]


def damage(content, chance):
    copy = bytearray(content)
    for _ in range(chance.choice((1, 4, 40, 400))):
        copy[chance.randrange(len(copy))] = chance.choice((0, 0xFF, 0x80, chance.randrange(256)))
    if not chance.randrange(5):
        del copy[chance.randrange(len(copy)) :]
    return bytes(copy)


def write(path, kind):
    """All text of a file."""
    make = make_pdb_text if kind == "pdb" else make_native_text
    with Scratch() as scratch:
        text = "".join(make(MODULE, path, "x86_64", SymbolTextOptions(), scratch))
    return text + "".join(walk_unwind_records(map_file(path), kind, "x86_64"))


@pytest.mark.parametrize(("place", "kind"), FILES)
def test_damage_costs_what_it_hits_and_no_more_than_an_error(truth, tmp_path, place, kind):
    content = (truth / place).read_bytes()
    chance = random.Random(place)  # noqa: S311 (the same for each run)
    path = tmp_path / "damaged"
    written = 0
    for _ in range(COPIES):
        path.write_bytes(damage(content, chance))
        start = time.monotonic()
        try:
            text = write(str(path), kind)
        except InputUnusable:
            continue
        assert time.monotonic() - start < SECONDS
        assert text.startswith("MODULE ")
        written += 1
    assert written > 0


def test_a_damaged_unit_leaves_the_others_their_functions(truth, tmp_path):
    program = truth / "linux" / "bin" / "O2" / "oops"
    whole = write(str(program), "elf")
    content = bytearray(program.read_bytes())
    sections = open_all_sections(bytes(content))
    assert sections is not None
    largest = max(walk_headers(sections), key=lambda unit: unit.end - unit.offset)
    first = sections.open("debug_info", largest.first).offset
    content[first : first + 2] = b"\xff\x7f"  # an abbreviation that is not there
    path = tmp_path / "damaged"
    path.write_bytes(content)

    text = write(str(path), "elf")

    assert text.count("\nINLINE ") < whole.count("\nINLINE ")
    assert text.count("\nINLINE ") > 10
