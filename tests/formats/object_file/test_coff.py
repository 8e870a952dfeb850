"""COFF objects and libraries: what they tell the linker, whatever shape they have."""

import io

import pytest

from crashtool.errors import InputUnusable, MalformedFile
from crashtool.formats.object_file.coff import BITCODE, is_coff, read_coff
from crashtool.formats.object_file.linker_directives import parse_directives
from crashtool.formats.static_library import MAX_MEMBER, walk_objects
from tests.conftest import SHARED
from tests.synth.archives import build_ar
from tests.synth.coff import (
    ARM64,
    X86,
    build_coff,
    build_import,
    build_library,
    build_whole_program,
    directives,
)

SAMPLES = SHARED / "truth" / "objects" / "coff"
RUNTIMES = ("MT", "MTd", "MD", "MDd")


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("big", [False, True])
def test_an_object_tells_its_runtime_and_iterator_level(runtime, big):
    read = read_coff(build_coff(directives(runtime), big=big))

    assert read.directives.runtime == runtime
    assert read.directives.iterator_debug_level == ("2" if runtime.endswith("d") else "0")
    assert read.architecture == "x86_64"
    assert not read.is_whole_program


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_c_object_tells_its_runtime_by_the_default_library_alone(runtime):
    read = read_coff(build_coff(directives(runtime, language="c")))

    assert (read.directives.runtime, read.directives.iterator_debug_level) == (runtime, "")


def test_two_default_runtimes_are_no_answer():
    text = b'/DEFAULTLIB:"LIBCMT" /DEFAULTLIB:"MSVCRT"'

    assert parse_directives(text).runtime == ""


def test_directives_have_several_spellings():
    text = b'\xef\xbb\xbf-defaultlib:msvcrtd.lib /failifmismatch:"_ITERATOR_DEBUG_LEVEL=1" /x'

    read = parse_directives(text)

    assert (read.runtime, read.iterator_debug_level) == ("MDd", "1")


@pytest.mark.parametrize(("machine", "name"), [(X86, "x86"), (ARM64, "arm64")])
def test_the_machine_is_read(machine, name):
    assert read_coff(build_coff(machine=machine)).architecture == name


def test_undefined_entry_points_of_the_stl_are_told():
    undefined = ("__std_find_trivial_8", "___std_count_trivial_1@12", "__std", "_other_function")
    data = build_coff(undefined=undefined, defined=("__std_max_element_4",))

    assert read_coff(data).stl_calls == {"__std_find_trivial_8", "__std_count_trivial_1"}


@pytest.mark.parametrize("data", [build_whole_program(), BITCODE + bytes(40)])
def test_objects_of_link_time_code_generation_are_told(data):
    assert read_coff(data).is_whole_program


def test_stubs_of_import_libraries_need_nothing():
    assert read_coff(build_import()) is None


@pytest.mark.parametrize("data", [b"", b"\x7fELF" + bytes(60), b"MZ" + bytes(60), b"text" * 20])
def test_other_files_are_no_objects(data):
    assert not is_coff(data)
    with pytest.raises(InputUnusable):
        read_coff(data)


def test_a_cut_object_is_damaged_wherever_it_is_cut():
    whole = build_coff(directives("MD"), undefined=("__std_find_trivial_8",))

    for size in range(len(whole)):
        with pytest.raises(InputUnusable, match=r"not a COFF object|cut short"):
            read_coff(whole[:size])


def test_counts_beyond_the_file_are_damage():
    data = bytearray(build_coff(directives("MD")))
    data[2:4] = b"\xff\xff"

    with pytest.raises(MalformedFile):
        read_coff(bytes(data))


def test_a_library_gives_its_objects_by_whole_names():
    long = "obj/client/crash_report_database_win.obj"
    data = build_library({"a.obj": b"one", long: b"three", "empty.obj": b""})

    found = [(one.name, one.content) for one in walk_objects(io.BytesIO(data))]

    assert found == [("a.obj", b"one"), (long, b"three")]


def test_names_of_bsd_archives_stand_before_the_object():
    data = build_ar({"__.SYMDEF": b"tab", "#1/8": b"long.o\0\0content"})

    assert [tuple(one) for one in walk_objects(io.BytesIO(data))] == [("long.o", b"content")]


@pytest.mark.parametrize(
    ("data", "words"),
    [(b"!<thin>\n", "thin archive"), (b"text", "not a static library"), (b"", "not a static")],
)
def test_what_holds_no_objects_is_said(data, words):
    with pytest.raises(InputUnusable, match=words):
        list(walk_objects(io.BytesIO(data)))


def test_a_member_that_ends_beyond_the_file_is_damage():
    data = build_ar({"a.obj": b"content"})[:-4]

    with pytest.raises(MalformedFile):
        list(walk_objects(io.BytesIO(data)))


def test_a_member_too_large_to_be_an_object_is_left_out():
    header = f"{'a.obj/':<16}{0:<12}{0:<6}{0:<6}{0:<8}{MAX_MEMBER + 1:<10}`\n".encode()

    assert list(walk_objects(io.BytesIO(b"!<arch>\n" + header))) == []


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="needs truth/objects/coff")
def test_real_objects_are_read():
    names = ("MD", "MDd", "MT", "MTd", "x86_MD", "arm64_MD", "MT_c_only", "lto")
    read = {name: read_coff((SAMPLES / f"sample_{name}.obj").read_bytes()) for name in names}

    assert {name: one.directives.runtime for name, one in read.items()} == {
        "MD": "MD",
        "MDd": "MDd",
        "MT": "MT",
        "MTd": "MTd",
        "x86_MD": "MD",
        "arm64_MD": "MD",
        "MT_c_only": "MT",
        "lto": "",
    }
    assert [name for name, one in read.items() if one.is_whole_program] == ["lto"]
    assert read["x86_MD"].architecture == "x86"
    assert read["arm64_MD"].architecture == "arm64"
    with (SAMPLES / "mixed.lib").open("rb") as file:
        objects = [read_coff(one.content) for one in walk_objects(file)]
    assert [one.directives.runtime for one in objects] == ["MDd", "MT"]
