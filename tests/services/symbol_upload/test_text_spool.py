"""Text that waits in memory and in a file, and what a disk may do to it."""

import errno

import pytest

from crashtool.errors import MachineFault
from crashtool.formats.breakpad.symbol_file import BreakpadFile
from crashtool.formats.breakpad.symbol_file_writer import ModuleLine
from crashtool.services.files.scratch import Scratch
from crashtool.services.symbol_upload import dwarf_blocks, text_spool
from crashtool.services.symbol_upload.symbol_text import SymbolTextOptions, make_native_text
from crashtool.services.symbol_upload.text_spool import TextSpool

MODULE = ModuleLine("Linux", "x86_64", "0" * 32 + "1", "app")
PORTIONS = [bytes([number]) * (10 + number) for number in range(20)]


class FullDisk:
    """A file that takes some bytes, a few at a time, and then no more."""

    def __init__(self, file, room):
        self.file = file
        self.room = room

    def seek(self, place):
        return self.file.seek(place)

    def read(self, size):
        return self.file.read(size)

    def write(self, content):
        taken = content[: min(7, self.room)]
        if not taken:
            raise OSError(errno.EFBIG, "File too large")
        self.room -= len(taken)
        return self.file.write(taken)

    def close(self):
        self.file.close()


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch):
    monkeypatch.setattr(text_spool, "BLOCK", 50)


def fill(spool):
    places = [0]
    for portion in PORTIONS:
        spool.write(portion)
        places.append(places[-1] + len(portion))
    return places


@pytest.mark.parametrize("room", [0, 30, 60, 200, 10_000])
def test_what_was_written_is_read_wherever_the_disk_ends(tmp_path, room):
    file = (tmp_path / "spool").open("w+b", buffering=0)
    spool = TextSpool(lambda: FullDisk(file, room))

    places = fill(spool)

    for portion, place in reversed(list(zip(PORTIONS, places, strict=False))):
        spool.seek(place)
        assert spool.read(len(portion)) == portion
    if room < places[-1]:
        with pytest.raises(OSError, match="in memory"):
            spool.save()
    else:
        spool.save()
        assert (tmp_path / "spool").read_bytes() == b"".join(PORTIONS)
    spool.close()


def test_without_any_file_all_is_in_memory():
    spool = TextSpool(lambda: open("", "w+b", buffering=0))  # noqa: SIM115, PTH123

    places = fill(spool)

    spool.seek(places[5])
    assert spool.read(len(PORTIONS[5])) == PORTIONS[5]


def test_a_disk_that_loses_text_is_told(tmp_path):
    spool = TextSpool(lambda: (tmp_path / "spool").open("w+b", buffering=0))
    fill(spool)
    (tmp_path / "spool").write_bytes(b"")

    spool.seek(0)
    with pytest.raises(MachineFault, match="lost its end"):
        spool.read(10)
    spool.close()


@pytest.mark.parametrize("has_room", [True, False])
def test_shared_work_gives_what_one_process_gives(truth, monkeypatch, has_room):
    path = str(truth / "linux" / "bin" / "O2" / "oops")
    if not has_room:
        monkeypatch.setattr(dwarf_blocks, "name_spool", lambda _: "")
    texts = []
    for share in (1 << 40, 20_000):
        monkeypatch.setattr(dwarf_blocks, "SHARE", share)
        with Scratch() as scratch:
            walked = make_native_text(MODULE, path, "x86_64", SymbolTextOptions(), scratch)
            texts.append("".join(walked))
    alone, shared = (BreakpadFile(text.encode()) for text in texts)
    starts = [line.split()[1] for line in texts[0].splitlines() if line.startswith("FUNC ")]
    assert len(starts) > 200
    assert texts[0] != texts[1]  # files have other numbers
    for start in starts[::7]:
        address = int(start, 16)
        assert alone.find_function(address) == shared.find_function(address)
