"""What files need when they are loaded: ELF's dynamic section, imports of PE and Mach-O, texts.

Held to real files, to another reader's answer (readelf) where there is one, and to damage: every
header cut at every byte gives the same answer or a MalformedFile.
"""

import re
import shutil
import struct
import subprocess
from pathlib import Path

import pytest

from crashtool.errors import MalformedFile
from crashtool.formats.crashpad.markers import (
    BACKTRACE,
    BACKTRACE_2018,
    SENTRY,
    UPSTREAM,
    find_family,
    find_markers,
)
from crashtool.formats.object_file import elf, elf_structs, macho, macho_signing, pe_imports
from crashtool.formats.object_file.data_texts import MAX_TEXT, find_texts, list_data
from crashtool.formats.object_file.elf_dynamic import Dynamic, NeededVersion, read_dynamic
from crashtool.formats.object_file.macho_structs import (
    DataCommand,
    LibraryCommand,
)
from crashtool.formats.object_file.pe_imports import read_imports
from tests.damage import attempt
from tests.services.integration.doctor.folders import (
    elf_program,
    handler_texts,
    macho_program,
    pe_program,
)
from tests.synth.object_files import build_elf, build_macho, build_pe, build_universal, pack
from tests.toolchain import need_programs, run_tool

SIZES = (
    (elf_structs.VersionNeed, 16),
    (elf_structs.VersionNeedEntry, 16),
    (elf_structs.VersionDefinition, 20),
    (elf_structs.VersionName, 8),
    (pe_imports.ImportDescriptor, 20),
    (DataCommand, 16),
    (LibraryCommand, 24),
    (macho_signing.SuperBlob, 12),
    (macho_signing.BlobIndex, 8),
    (macho_signing.Blob, 8),
)
NAMES = ("pthread_create", "__assert_fail", "puts")


@pytest.mark.parametrize(
    ("record", "size"), SIZES, ids=lambda value: getattr(value, "__name__", "")
)
def test_structs_have_the_sizes_of_the_headers(record, size):
    """elf.h, winnt.h, delayimp.h, mach-o/loader.h, cs_blobs.h."""
    assert size == record.SIZE


def dynamic_elf(*, wide=True, big_endian=False, entries=(), strings=b"\0", more=b""):
    """An ELF file with one loaded segment, a dynamic section, its strings, and then `more`.

    `entries` are (tag, value) after DT_STRTAB; a value that is a function takes the address of
    what stands in `more`.
    """
    header_kind, segment_kind, kind = (
        (elf.Header64, elf.ElfSegment64, elf_structs.Dynamic64)
        if wide
        else (elf.Header32, elf.ElfSegment32, elf_structs.Dynamic32)
    )
    table = header_kind.SIZE + 3 * segment_kind.SIZE
    text = table + (len(entries) + 2) * kind.SIZE
    behind = text + len(strings)
    rows = [
        (5, 0x10000 + text),
        *((tag, value(0x10000 + behind) if callable(value) else value) for tag, value in entries),
        (0, 0),
    ]
    body = b"".join(pack(kind(tag=tag, value=value), big_endian) for tag, value in rows)
    size = behind + len(more)
    segments = (
        segment_kind(segment_type=1, offset=0, address=0x10000, file_size=size, memory_size=size),
        segment_kind(segment_type=2, offset=table, address=0x10000 + table, file_size=len(body)),
        segment_kind(segment_type=0x6474E551, flags=7),
    )
    identification = elf.Identification(
        magic=elf.MAGIC, word_class=2 if wide else 1, encoding=2 if big_endian else 1, version=1
    )
    header = header_kind(
        identification=identification.pack(),
        file_type=3,
        machine=62,
        segments_offset=header_kind.SIZE,
        segment_size=segment_kind.SIZE,
        segment_count=3,
    )
    parts = (pack(header, big_endian), *(pack(row, big_endian) for row in segments))
    return b"".join(parts) + body + strings + more


@pytest.mark.parametrize("big_endian", [False, True])
@pytest.mark.parametrize("wide", [False, True])
def test_the_dynamic_section_is_read_in_all_forms(wide, big_endian):
    strings = b"\0libc.so.6\0/opt/lib:\0GLIBC_2.34\0OWN_1\0"
    place = {text: strings.index(text) for text in (b"libc", b"/opt", b"GLIBC", b"OWN")}
    need = pack(
        elf_structs.VersionNeed(version=1, entry_count=1, file=place[b"libc"], entries=16),
        big_endian,
    ) + pack(elf_structs.VersionNeedEntry(name=place[b"GLIBC"]), big_endian)
    define = pack(elf_structs.VersionDefinition(version=1, name_count=1, names=20), big_endian)
    define += pack(elf_structs.VersionName(name=place[b"OWN"]), big_endian)
    entries = [
        (1, place[b"libc"]),
        (29, place[b"/opt"]),
        (0x6FFFFFFE, lambda at: at),
        (0x6FFFFFFF, 1),
        (0x6FFFFFFC, lambda at: at + len(need)),
        (0x6FFFFFFD, 1),
    ]
    data = dynamic_elf(
        wide=wide, big_endian=big_endian, entries=entries, strings=strings, more=need + define
    )
    assert read_dynamic(data, NAMES) == Dynamic(
        is_dynamic=True,
        is_wide=wide,
        machine=62,
        executable_stack=True,
        needed=("libc.so.6",),
        run_paths=("/opt/lib",),
        needed_versions=(NeededVersion("libc.so.6", "GLIBC_2.34"),),
        defined_versions=frozenset({"OWN_1"}),
    )
    whole = read_dynamic(data, NAMES)
    for end in range(len(data)):
        cut, fault = attempt(read_dynamic, data[:end], NAMES)
        if fault:
            continue
        assert set(cut.needed) <= set(whole.needed), end
        assert set(cut.run_paths) <= set(whole.run_paths), end
        assert set(cut.needed_versions) <= set(whole.needed_versions), end


def test_counts_that_lie_are_bounded():
    entries = [(0x6FFFFFFE, lambda at: at), (0x6FFFFFFF, 0xFFFFFFFF), (6, lambda at: at)]
    need = elf_structs.VersionNeed(version=1, entry_count=0xFFFF).pack()  # next: itself
    data = dynamic_elf(entries=entries, more=need)
    assert len(read_dynamic(data, NAMES).needed_versions) <= 4096


def test_addresses_in_no_segment_are_malformed():
    with pytest.raises(MalformedFile, match="points to what is not in the file"):
        read_dynamic(dynamic_elf(entries=[(0x6FFFFFFE, 1), (0x6FFFFFFF, 1)]))


def test_a_file_without_a_dynamic_section_or_strings():
    assert read_dynamic(build_elf()).is_dynamic is False
    data = bytearray(dynamic_elf())
    place = data.index(struct.pack("<QQ", 5, 0x10000 + len(data) - 1))
    data[place : place + 8] = struct.pack("<Q", 77)
    known = read_dynamic(bytes(data))
    assert (known.is_dynamic, known.needed) == (True, ())


def test_a_real_program_is_read_as_readelf_reads_it(tmp_path):
    need_programs("gcc", "-pthread")
    if shutil.which("readelf") is None:
        pytest.skip("needs readelf")
    (tmp_path / "app.c").write_text(
        "#include <assert.h>\n#include <pthread.h>\n#include <stdio.h>\n"
        "int pthread_create(pthread_t *a, const pthread_attr_t *b, void *(*c)(void *), void *d)\n"
        "{ return 0; }\nint main(int count, char **words) { assert(count); return puts(*words); }\n"
    )
    path = tmp_path / "app"
    line = ["gcc", "-rdynamic", "-Wl,-rpath,/opt/a:$ORIGIN", "-o", path, tmp_path / "app.c"]
    run_tool(*line)
    known = read_dynamic(path.read_bytes(), NAMES)
    said = subprocess.run(
        ["readelf", "-dVW", path],
        capture_output=True,
        text=True,
        check=True,
        env={"LC_ALL": "C", "PATH": "/usr/bin:/bin"},
    ).stdout
    assert list(known.needed) == re.findall(r"Shared library: \[(.+?)\]", said)
    assert sorted(row.version for row in known.needed_versions) == sorted(
        re.findall(r"Name: (GLIBC\S+)", said)
    )
    assert known.run_paths == ("/opt/a", "$ORIGIN")
    assert known.interpreter.startswith("/lib")
    assert known.imported == {"__assert_fail", "puts"}
    assert known.exported == {"pthread_create"}


def test_a_static_program_has_nothing_to_be_linked(tmp_path):
    need_programs("gcc", "-static")
    (tmp_path / "app.c").write_text("int main(void) { return 0; }\n")
    run_tool("gcc", "-static", "-o", tmp_path / "app", tmp_path / "app.c")
    known = read_dynamic((tmp_path / "app").read_bytes())
    assert (known.is_dynamic, known.executable_stack) == (False, False)


def test_imports_of_real_windows_programs(truth):
    folder = truth / "windows" / "bin"
    for flavour in ("msvc-x64", "msvc-x86", "msvc-arm64", "gnu-x64"):
        data = (folder / flavour / "crasher.exe").read_bytes()
        assert {name.lower() for name in read_imports(data)} == {"kernel32.dll", "dbghelp.dll"}
    head = (folder / "msvc-x64" / "crasher.exe").read_bytes()
    whole = set(read_imports(head))
    for end in range(0, len(head), 97):
        cut, fault = attempt(read_imports, head[:end])
        assert fault or set(cut) in (set(), whole), end


def test_a_program_without_imports():
    assert read_imports(build_pe()) == ()


def test_real_mac_libraries_have_signatures(truth):
    folder = truth / "objects" / "macho"
    signature = macho_signing.read_signature((folder / "libmac.dylib").read_bytes())
    assert signature == macho_signing.CodeSignature(is_adhoc=True, entitlements={})
    assert macho_signing.read_signature((folder / "libmac_x86_64.dylib").read_bytes()) is None


def test_sections_and_segments_of_a_universal_file():
    data = build_universal([(7, build_macho(cpu=7, wide=False)), (0x100000C, build_macho())])
    assert macho.read_section_names(data) == {"__unwind_info"}
    assert len(macho.list_segments(data)) == 2
    assert macho.list_segments(data, without=("__TEXT",)) == []
    assert macho.read_libraries(data) == ()


TEXT = "https://here/minidump"
MAKERS = {"elf": elf_program, "pe": pe_program, "macho": macho_program}


@pytest.mark.parametrize("kind", MAKERS)
@pytest.mark.parametrize("encoding", ["ascii", "utf-16-le"])
def test_texts_are_found_in_data(kind, encoding):
    data = MAKERS[kind](b"\0" + TEXT.encode(encoding) + b"\0\0", "other")
    assert find_texts(data, ("minidump",)) == (TEXT,)
    assert find_texts(data, ("absent",)) == ()


def test_texts_of_code_and_debug_information_are_not():
    rows = [
        (".text", 1, 6, TEXT.encode()),
        (".debug_str", 1, 0, TEXT.encode()),
        (".data", 1, 3, b"minidump here\0"),
    ]
    assert find_texts(build_elf(rows), ("minidump",)) == ("minidump here",)


def test_a_long_text_is_cut_around_what_was_sought():
    data = elf_program("x" * 5000 + "minidump" + "y" * 5000)
    (text,) = find_texts(data, ("minidump",))
    assert len(text) == 2 * MAX_TEXT
    assert "minidump" in text


def test_an_elf_file_without_sections_is_searched_whole():
    data = dynamic_elf(more=b"\0minidump\0")
    assert list_data(data) == ((0, len(data)),)
    assert find_texts(data, ("minidump",)) == ("minidump",)


@pytest.mark.parametrize(
    ("options", "family"),
    [
        ((), UPSTREAM),
        ((b"requires NAME=PATH",), BACKTRACE_2018),
        ((b"_backtrace_internal_guid_override",), BACKTRACE),
        ((b"report-id",), SENTRY),
        ((b"http-proxy",), SENTRY),
    ],
)
def test_the_family_of_a_handler_is_in_its_texts(options, family):
    data = build_elf() + handler_texts(*options)
    assert find_family(data) == family
    assert find_markers(data).family == family


@pytest.mark.parametrize("kind", MAKERS)
def test_the_client_is_told_by_the_names_of_its_files(kind):
    assert find_markers(MAKERS[kind]()).has_client
    assert not find_markers(MAKERS[kind](client=False)).has_client


@pytest.mark.parametrize(
    ("data", "anchored"),
    [
        (elf_program(), True),
        (elf_program(anchor=False), False),
        (build_pe(sections=("CPADinfo",)), True),
        (build_pe(), False),
        (build_macho(sections=("crashpad_info",)), True),
        (build_macho(), False),
    ],
)
def test_the_anchor_of_annotations_is_a_note_or_a_section(data, anchored):
    assert find_markers(data).has_anchor == anchored


def test_real_handlers_are_told(sentry_path):
    markers = find_markers(sentry_path.read_bytes())
    assert (markers.is_handler, markers.family) == (True, SENTRY)


@pytest.fixture
def sentry_path():
    from tests.services.handler.conftest import find_or_skip

    return Path(find_or_skip().path)
