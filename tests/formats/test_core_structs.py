"""Structs of core files: their sizes are those of the kernel's headers, for both widths."""

import pytest

from crashtool.formats.core_file import structs
from crashtool.formats.user_registers import UserRegsArm64, UserRegsStruct, UserRegsStruct32

# elfcore.h, procfs.h, siginfo.h, link.h: 64-bit and 32-bit. PrStatus is without its registers.
SIZES = {
    structs.PrStatus: (112, 72),
    structs.PrPsInfo: (136, 124),
    structs.SigInfo: (128, 128),
    structs.KeyValue: (16, 8),
    structs.Debug: (40, 20),
    structs.LoadedObject: (40, 20),
    structs.FileCount: (16, 8),
    structs.FileRow: (24, 12),
    structs.FpsimdState: (528, 528),
}


@pytest.mark.parametrize("record", SIZES)
def test_a_struct_has_its_published_size_in_both_widths(record):
    narrow = structs.narrow(record)
    assert SIZES[record] == (record.SIZE, narrow.SIZE)
    assert narrow.FIELDS == record.FIELDS


def test_a_threads_note_has_the_size_that_the_kernel_writes():
    """Of x86-64, 32-bit x86 and ARM64: status, registers, and whether floating point follows."""
    narrow = structs.narrow(structs.PrStatus)
    assert structs.PrStatus.SIZE + UserRegsStruct.SIZE + 8 == 336
    assert narrow.SIZE + UserRegsStruct32.SIZE + 4 == 144
    assert structs.PrStatus.SIZE + UserRegsArm64.SIZE + 8 == 392


def test_a_narrow_struct_has_words_of_four_bytes():
    pair = structs.narrow(structs.KeyValue)(key=3, value=0x8048034)
    assert pair.pack() == bytes.fromhex("0300000034800408")
    assert structs.narrow(structs.SigInfo)(address=0x10).pack()[12:16] == b"\x10\0\0\0"
    assert structs.SigInfo(address=0x10).pack()[16:24] == b"\x10" + bytes(7)
