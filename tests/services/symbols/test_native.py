"""Our headers-only reading against symbolic's: they were written by different people."""

import pytest

from crashtool.errors import InputUnusable
from crashtool.formats import object_kinds
from crashtool.services.symbol_upload.collect import read_file
from crashtool.services.symbols.native import read_features

SPELLING = {"symbols": "symtab", "lines": "debug", "unwind": "unwind"}
DWARF = "macho/libmac.dylib.dSYM/Contents/Resources/DWARF/libmac.dylib"
NAMES = [
    "elf/full", "elf/full.debug", "elf/gz_zlib", "elf/gz_zstd", "elf/dwarf5", "elf/stripped_debug",
    "elf/no_ehframe", "pdb/full.pdb", "pdb/ghash.pdb", "macho/libmac.dylib", "macho/exe_arm64",
    DWARF,
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_both_readers_agree_on_identifiers_and_features(truth, name):
    path = str(truth / "objects" / name)

    ours, theirs = read_file(path), read_features(path)

    assert [row.debug_id.text for row in ours] == [row.debug_id for row in theirs]
    for mine, other in zip(ours, theirs, strict=True):
        assert {SPELLING[feature] for feature in mine.features} == other.features


def test_symbolic_overstates_what_a_skeleton_holds(truth):
    path = str(truth / "objects" / "elf" / "split")

    assert "debug" in read_features(path)[0].features
    assert object_kinds.SPLIT in read_file(path)[0].traits


def test_what_is_no_debug_file_is_an_error_in_words(tmp_path):
    path = tmp_path / "text"
    path.write_text("hello", encoding="utf-8")

    with pytest.raises(InputUnusable, match="cannot read"):
        read_features(str(path))
    with pytest.raises(InputUnusable, match="cannot read"):
        read_features(str(tmp_path / "gone"))
