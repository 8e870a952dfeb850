import pytest

from crashtool.formats.object_file import elf
from crashtool.formats.object_file.unlinked import is_unlinked
from tests.synth.object_files import build_elf, build_macho, build_pe, build_sym
from tests.synth.pdb import build_pdb


@pytest.mark.parametrize("wide", [True, False])
@pytest.mark.parametrize("big_endian", [True, False])
def test_what_is_compiled_but_not_linked_is_told_by_its_head(wide, big_endian):
    layout = {"wide": wide, "big_endian": big_endian}

    assert is_unlinked(build_elf(file_type=elf.RELOCATABLE, **layout)[:64])
    assert is_unlinked(build_macho(file_type=1, **layout)[:64])


@pytest.mark.parametrize(
    "content",
    [
        build_elf(),
        build_elf(file_type=elf.FIXED, wide=False),
        build_macho(),
        build_macho(file_type=10),
        build_pe(),
        build_pdb(),
        build_sym(),
        elf.MAGIC,
        build_macho()[:8],
        b"",
    ],
)
def test_everything_else_is_not(content):
    assert not is_unlinked(content[:64])
