"""Debug files of every kind that are damaged somewhere: answers, or one class of error, soon.

CRASHTOOL_FUZZ makes so many damaged copies in all, CRASHTOOL_FUZZ_SEED others than usual.
"""

import os
import random
import shutil
import sys
import time
import zlib

import pytest

from crashtool.formats import object_kinds
from crashtool.formats.breakpad.symbol_file_writer import ModuleLine
from crashtool.formats.object_file import elf
from crashtool.formats.object_file.elf_structs import CompressionHeader64
from crashtool.formats.object_file.identify import read_object_files
from crashtool.services.files.scratch import Scratch
from crashtool.services.symbol_upload.symbol_text import (
    SymbolTextOptions,
    make_native_text,
    make_pdb_text,
)
from crashtool.services.symbols.debug_file import open_debug_file
from tests.damage import attempt

DSYM = "objects/macho/libmac.dylib.dSYM/Contents/Resources/DWARF/libmac.dylib"
FILES = {  # what is looked up in, and what lies beside it, of which one is damaged
    "dwarf4": ("objects/elf/dwarf4",),
    "dwarf5": ("objects/elf/dwarf5",),
    "types": ("objects/elf/types_section",),
    "lto": ("objects/elf/lto",),
    "zlib": ("objects/elf/gz_zlib",),
    "gnu-zlib": ("objects/elf/gz_gnu_old",),
    "zstd": ("objects/elf/gz_zstd",),
    "debug": ("objects/elf/full.debug",),
    "i386": ("linux/bin/O2-m32/kinds",),
    "pe64": ("windows/bin/dwarf-x64/plugin.dll",),
    "pe32": ("windows/bin/dwarf-x86/plugin.dll",),
    "dsym": (DSYM,),
    "dwz": ("objects/elf/dwz_a", "objects/elf/common.dbg"),
    "dwo": ("objects/elf/split", "objects/elf/split.dwo"),
    "dwo5": ("objects/elf/split5", "objects/elf/split5.dwo"),
    "dwp": ("objects/elf/split", "objects/elf/split.dwp"),
    "dwp5": ("objects/elf/split5", "objects/elf/split5.dwp"),
    "pdb64": ("windows/bin/msvc-x64/plugin.pdb",),
    "pdb32": ("windows/bin/msvc-x86/plugin.pdb",),
    "pdb-variables": ("windows-variables/loc1.pdb",),
}
PACKED = ("dwarf4", "dwarf5")  # whose sections are packed after the damage, too
COPIES = int(os.environ.get("CRASHTOOL_FUZZ", "0")) // (len(FILES) + len(PACKED)) or 12
SEED = os.environ.get("CRASHTOOL_FUZZ_SEED", "")
MAX_SECONDS = 5.0  # of processor time, for all that is asked of a copy
MAX_MEMORY = 300 << 20
PLACES = 24
COMPRESSED = 0x800  # SHF_COMPRESSED
MODULE = ModuleLine("Linux", "x86_64", "0" * 33, "app")


def damage(content, chance, spans):
    """A copy that is cut, or has bytes changed: mostly in `spans`, where what is read stands."""
    copy = bytearray(content)
    kind = chance.randrange(10)
    if kind == 0:
        return bytes(copy[: chance.randrange(len(copy))])
    whole = range(len(copy))
    for _ in range(chance.choice((1, 2, 5, 20, 60))):
        span = chance.choice(spans) if kind > 1 and spans else whole
        place = span[chance.randrange(len(span))]
        if kind == 2:  # a number becomes as large as it may be
            size = chance.choice((2, 4, 8))
            copy[place : place + size] = (b"\xff" * size)[: len(copy) - place]
        elif kind == 3:  # one piece stands where another did
            size = chance.randrange(1, 64)
            other = span[chance.randrange(len(span))]
            copy[place : place + size] = copy[other : other + size][: len(copy) - place]
            copy += bytes(len(content) - len(copy))
        else:
            new = (0, 1, 0x7F, 0x80, 0xFF, chance.randrange(256), copy[place] ^ 4)
            copy[place] = chance.choice(new)
    return bytes(copy)


def list_debug_spans(content):
    """Where an ELF file has its debug sections; none of other files, which are damaged all over."""
    if not content.startswith(elf.MAGIC):
        return []
    rows = [row for row in elf.read_layout(content).sections if "debug" in row.name]
    return [range(row.offset, row.offset + row.size) for row in rows if row.size]


def pack_sections(content, damaged):
    """`damaged` with its debug sections packed by zlib, which it is to have as `content` has."""
    found = bytearray(damaged)
    table = elf.Header64.read(content).sections_offset
    for number, row in enumerate(elf.read_layout(content).sections):
        if not row.name.startswith(".debug_") or row.size < 200:
            continue
        section = damaged[row.offset : row.offset + row.size]
        head = CompressionHeader64(method=1, size=len(section)).pack()
        packed = head + zlib.compress(section)
        if len(packed) <= row.size:
            found[row.offset : row.offset + len(packed)] = packed
            place = table + number * elf.ElfSection64.SIZE
            entry = elf.ElfSection64.read(content, place)
            entry = entry.replace(flags=entry.flags | COMPRESSED, size=len(packed))
            found[place : place + elf.ElfSection64.SIZE] = entry.pack()
    return bytes(found)


def look_up(path, addresses):
    """Ask a debug file for all that it may tell; how many functions there were.

    InputUnusable of a file that cannot be opened.
    """
    answered = 0
    kind, architecture = identify(path)
    file = open_debug_file(str(path), kind, architecture)
    for address in addresses:
        hit = file.find_function(address)
        answered += hit is not None
        assert hit is None or (isinstance(hit.name, str) and (hit.line or 0) >= 0)
        file.find_variables(address)
        file.find_cfi(address)
        file.find_frame_data(address)
        file.read_constants(address, 8)
        file.read_code(address, 8)
    assert all(file.problems), "each is a sentence"
    return answered


def identify(path):
    """Kind and architecture."""
    first = read_object_files(path.read_bytes())[0]
    return first.kind, first.architecture


def write_down(path, scratch):
    """Make the .sym text of a debug file. InputUnusable when there is none."""
    kind, architecture = identify(path)
    make = make_pdb_text if kind == object_kinds.PDB else make_native_text
    for text in make(MODULE, str(path), architecture, SymbolTextOptions(), scratch):
        assert isinstance(text, str)


def list_places(path):
    """Addresses all over the functions of a sound file."""
    file = open_debug_file(str(path), *identify(path))
    known = [address for address in range(0x200, 0x9000, 0x13) if file.find_function(address)]
    return known[:: max(1, len(known) // PLACES)]


def measure_memory():
    """The peak of this process so far in bytes; 0 where the system does not tell."""
    if sys.platform == "win32":
        return 0
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak << 10


def lay_out(truth, names, folder):
    """Copies of the files in a folder, the first of them that which is looked up in."""
    for name in names:
        shutil.copyfile(truth / name, folder / name.rpartition("/")[2])
    return [folder / name.rpartition("/")[2] for name in names]


@pytest.mark.parametrize(
    ("name", "packed"), [*((name, False) for name in FILES), *((name, True) for name in PACKED)]
)
def test_a_damaged_copy_gives_answers_or_one_class_of_error(truth, tmp_path, name, packed):
    paths = lay_out(truth, FILES[name], tmp_path)
    addresses = list_places(paths[0])
    assert addresses
    contents = [path.read_bytes() for path in paths]
    spans = [list_debug_spans(content) for content in contents]
    chance = random.Random(f"{SEED}{name}")  # noqa: S311 (the same in each run)
    before = measure_memory()
    refused = answered = 0
    with Scratch() as scratch:
        for _ in range(COPIES):
            number = chance.randrange(len(paths))
            copy = damage(contents[number], chance, spans[number])
            copy = pack_sections(contents[number], copy) if packed else copy
            paths[number].write_bytes(copy)
            began = time.process_time()
            hits, sentence = attempt(look_up, paths[0], addresses)
            answered += bool(hits)
            refused += bool(sentence) or bool(attempt(write_down, paths[0], scratch)[1])
            assert time.process_time() - began < MAX_SECONDS
            paths[number].write_bytes(contents[number])
    assert answered, f"{refused} were refused, none had an answer"
    assert measure_memory() - before < MAX_MEMORY
