"""Debug files that are damaged somewhere are graded, or told to be damaged, in bounded time."""

import random
import time

import pytest

from crashtool.errors import InputUnusable
from crashtool.formats.object_file.identify import read_object_files
from crashtool.model.symbol_upload import SymbolFile
from crashtool.services.symbol_upload.quality import grade_file

FILES = (
    "elf/full",
    "elf/dwarf4",
    "elf/dwarf5",
    "elf/gz_zlib",
    "elf/split",
    "elf/dwz_a",
    "macho/libmac.dylib",
    "macho/libmac.dylib.dSYM/Contents/Resources/DWARF/libmac.dylib",
    "pdb/full.pdb",
)
COPIES = 25
MAX_CHANGES = 60
MAX_SECONDS = 5.0


def damage(content, chance):
    """A copy that is cut, or has some bytes changed."""
    copy = bytearray(content)
    if not chance.randrange(7):
        return bytes(copy[: chance.randrange(len(copy))])
    for _ in range(chance.randrange(1, MAX_CHANGES)):
        place = chance.randrange(len(copy))
        copy[place] = chance.choice((0, 0xFF, chance.randrange(256), copy[place] ^ 4))
    return bytes(copy)


@pytest.mark.parametrize("name", FILES)
def test_damage_is_told_or_costs_what_it_hits(truth, tmp_path, name):
    content = (truth / "objects" / name).read_bytes()
    chance = random.Random(name)  # noqa: S311 (the same each time)
    path = tmp_path / "damaged"
    told = 0
    for _ in range(COPIES):
        copy = damage(content, chance)
        path.write_bytes(copy)
        began = time.process_time()
        try:
            objects = read_object_files(copy)
        except InputUnusable:
            told += 1
            continue
        graded = grade_file(SymbolFile(str(path), str(path), "damaged", len(copy), objects))
        told += any(row.problem for row in graded.qualities)
        assert time.process_time() - began < MAX_SECONDS
    assert told
