import pytest

from crashtool.formats.object_file.exception_tables import ExceptionTables, RuntimeFunction
from crashtool.formats.object_file.pe import find_exception_tables
from crashtool.model.module import Module
from crashtool.services.unwind.loaded_image import find_loaded_image
from crashtool.services.unwind.unwind_context import NO_TABLES
from tests.synth.object_files import build_pe

BASE = 0x140000000


class Loaded:
    """A process's memory that holds one image as a loader maps it."""

    def __init__(self, image):
        self.image = image

    def read(self, address, size):
        start = address - BASE
        inside = start >= 0 and start + size <= len(self.image)
        return self.image[start : start + size] if inside else None


def load(data):
    """An image's file as it is in memory."""
    tables = find_exception_tables(data)
    image = bytearray(max(part.address + part.size for part in tables.sections))
    image[:0x400] = data[:0x400]
    for part in tables.sections:
        image[part.address : part.address + part.size] = data[part.offset :][: part.size]
    return bytes(image)


@pytest.fixture
def program(truth):
    return (truth / "windows" / "bin" / "msvc-x64" / "crasher.exe").read_bytes()


def module(size=0x10000):
    return Module(BASE, size, "crasher.exe", "crasher.exe")


def test_an_image_in_memory_has_the_rules_that_its_file_has(program):
    tables = find_exception_tables(program)
    file = ExceptionTables(program, tables)

    image = find_loaded_image(Loaded(load(program)), module(), NO_TABLES)

    for function in RuntimeFunction.read_array(program, tables.offset, tables.total):
        for place in (function.begin, function.begin + 5, function.end - 1):
            assert image.find_cfi(place) == file.find_cfi(place)


def test_what_files_know_is_asked_first(program):
    image = find_loaded_image(Loaded(load(program)), module(), NO_TABLES)

    assert image.knows_unwind
    assert not image.knows_functions
    assert image.find_function(0x1000) is None
    assert image.find_frame_data(0x1000) is None
    assert image.read_code(0x1000, 4) is None


@pytest.mark.parametrize(
    "image", [b"", bytes(0x2000), b"MZ" + bytes(0x2000), build_pe(machine=0x14C).ljust(0x2000)]
)
def test_memory_that_is_no_such_image_has_no_rules(image):
    assert find_loaded_image(Loaded(image), module(), NO_TABLES) is None


def test_headers_alone_are_not_enough(program):
    assert find_loaded_image(Loaded(load(program)[:0x1000]), module(), NO_TABLES) is None
