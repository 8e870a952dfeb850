"""What headers say, against symbolic's reading of them: they were written by different people."""

import pytest

from crashtool.formats import object_kinds
from crashtool.services.symbol_upload.collect import read_file

SPELLING = {"symbols": "symtab", "lines": "debug", "unwind": "unwind"}
DWARF = "macho/libmac.dylib.dSYM/Contents/Resources/DWARF/libmac.dylib"
NAMES = [
    "elf/full",
    "elf/full.debug",
    "elf/gz_zlib",
    "elf/gz_zstd",
    "elf/dwarf5",
    "elf/stripped_debug",
    "elf/no_ehframe",
    "pdb/full.pdb",
    "pdb/ghash.pdb",
    "macho/libmac.dylib",
    "macho/exe_arm64",
    DWARF,
]


def read_theirs(path):
    debuginfo = pytest.importorskip("symbolic.debuginfo")
    return list(debuginfo.Archive.open(path).iter_objects())


@pytest.mark.parametrize("name", NAMES)
def test_both_readers_agree_on_identifiers_and_features(truth, name):
    path = str(truth / "objects" / name)

    ours, theirs = read_file(path), read_theirs(path)

    assert [row.debug_id.text for row in ours] == [str(row.debug_id) for row in theirs]
    for mine, other in zip(ours, theirs, strict=True):
        assert {SPELLING[feature] for feature in mine.features} == set(other.features)


def test_a_skeleton_is_known_as_one_which_symbolic_overstates(truth):
    path = str(truth / "objects" / "elf" / "split")

    assert "debug" in read_theirs(path)[0].features
    assert object_kinds.SPLIT in read_file(path)[0].traits
