"""Where a thread has a program's variables, by the thread pointer; and why that is not known."""

import pytest

from crashtool.formats.dwarf.expressions import Unlocatable
from crashtool.formats.dwarf.thread_locals import find_thread_local
from crashtool.formats.object_file.elf import ThreadImage
from crashtool.formats.variables.frame_view import ThreadStorage
from tests.services.analyze.variables.frames import MadeFrame

POINTER, PROGRAM = 0x7F0000001740, 0x555555554000
IMAGE = ThreadImage(0x3D00, 0x110, 0x40)


def make_frame(base=PROGRAM, pointer=POINTER, block=None, width=8):
    memory = {pointer: (pointer if block is None else block).to_bytes(width, "little")}
    return MadeFrame(memory=memory, base=base, thread=ThreadStorage(pointer, PROGRAM))


def find(frame, offset=0x18, image=IMAGE, architecture="x86_64", *, is_split=False):
    return find_thread_local(offset, image, architecture, frame, is_split=is_split)


@pytest.mark.parametrize(
    ("image", "distance"),
    [
        (IMAGE, 0x140),
        (ThreadImage(0x3D00, 0x140, 0x40), 0x140),
        (ThreadImage(0x3D00, 5, 1), 5),
        (ThreadImage(0x3D00, 5, 0), 5),
        # Not aligned as it says: what follows the segment's end is aligned, counted from there
        (ThreadImage(0x3D10, 0x20, 0x40), 0x30),
        (ThreadImage(0x3D10, 0x31, 0x40), 0x70),
    ],
)
def test_on_x86_the_segment_ends_at_the_thread_pointer(image, distance):
    assert find(make_frame(), 4, image) == POINTER - distance + 4
    frame = make_frame(pointer=0xF7D8CB40, width=4)
    assert find(frame, 4, image, "x86") == 0xF7D8CB40 - distance + 4


@pytest.mark.parametrize(
    ("image", "distance"),
    [
        (ThreadImage(0x3D00, 0x110, 0x40), 0x40),
        (ThreadImage(0x3D00, 0x110, 8), 16),
        (ThreadImage(0x3D08, 0x110, 0x40), 0x48),
        (ThreadImage(0x3D00, 5, 1), 16),
    ],
)
def test_on_arm64_it_begins_behind_the_control_block(image, distance):
    assert find(make_frame(block=0), 4, image, "arm64") == POINTER + distance + 4


@pytest.mark.parametrize(
    ("frame", "changes", "words"),
    [
        (MadeFrame(), {}, "does not say where the thread"),
        (make_frame(base=0x7F1100000000), {}, "of a library"),
        (make_frame(), {"image": None}, "the file does not say"),
        (make_frame(), {"offset": 0x110}, "the file does not say"),
        (make_frame(), {"image": IMAGE._replace(alignment=0x2000)}, "0x2000"),
        (make_frame(), {"image": IMAGE._replace(alignment=24)}, "0x18"),
        (make_frame(), {"architecture": "arm"}, "of the thread"),
        (make_frame(block=POINTER + 8), {}, "control block is not at"),
    ],
)
def test_what_is_not_proven_has_no_address(frame, changes, words):
    with pytest.raises(Unlocatable, match=words) as lost:
        find(frame, **changes)
    assert lost.value.place.state == "unknown"


def test_the_control_block_need_not_be_in_the_dump():
    frame = MadeFrame(base=PROGRAM, thread=ThreadStorage(POINTER, PROGRAM))
    assert find(frame) == POINTER - 0x140 + 0x18


def test_what_may_be_an_address_in_the_file_is_no_offset():
    image = ThreadImage(0x3D00, 0x8000, 8)
    assert find(make_frame(), 0x3D08, image) == POINTER - 0x8000 + 0x3D08
    assert find(make_frame(), 0x3CF8, image, is_split=True) == POINTER - 0x8000 + 0x3CF8
    with pytest.raises(Unlocatable, match="the file does not say"):
        find(make_frame(), 0x3D08, image, is_split=True)
