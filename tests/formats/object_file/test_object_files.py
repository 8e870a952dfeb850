import zlib

import pytest

from crashtool.errors import InputUnusable, MalformedFile
from crashtool.formats import object_kinds
from crashtool.formats.identifiers import BuildId, DebugId
from crashtool.formats.object_file import elf, elf_structs, macho, pe_structs
from crashtool.formats.object_file import pdb_identity as pdb
from crashtool.formats.object_file.identify import (
    looks_like_object,
    read_object_files,
    sniff_file_type,
)
from crashtool.formats.object_file.macho_structs import (
    LoadCommand,
    MachHeader,
    MachSection32,
    MachSection64,
    MachSegment32,
    MachSegment64,
    SymbolsCommand,
    UniversalEntry32,
    UniversalEntry64,
    UniversalHeader,
    UuidCommand,
)
from crashtool.formats.pdb import msf, structs
from tests.damage import attempt
from tests.synth.object_files import (
    BUILD_ID,
    GUID,
    UUID,
    build_elf,
    build_macho,
    build_note,
    build_pe,
    build_sym,
    build_universal,
    full_elf,
    unit,
)
from tests.synth.pdb import build_msf, build_pdb, number

DEBUG = [(".debug_info", 1, 0, unit(4)), (".debug_line", 1, 0, b"line")]
CODE = (".text", 1, 6, b"\x90" * 32)


def read(data):
    (found,) = read_object_files(data)
    return found


@pytest.mark.parametrize(
    ("kind", "size"),
    [
        (elf.Identification, 16), (elf.Header32, 52), (elf.Header64, 64), (elf.ElfSection32, 40),
        (elf.ElfSection64, 64), (elf.ElfSegment32, 32), (elf.ElfSegment64, 56),
        (elf_structs.Note, 12),
        (elf.CompressionHeader32, 12), (elf.CompressionHeader64, 24),
        (pe_structs.DosHeader, 64), (pe_structs.FileHeader, 24), (pe_structs.OptionalHeader32, 96),
        (pe_structs.OptionalHeader64, 112), (pe_structs.DataDirectory, 8),
        (pe_structs.SectionHeader, 40), (pe_structs.DebugEntry, 28), (pe_structs.CvInfoPdb70, 24),
        (msf.SuperBlock, 52), (structs.InfoHeader, 28), (structs.NewDBIHdr, 64),
        (structs.ModuleInfo, 64),
        (UniversalHeader, 8), (UniversalEntry32, 20), (UniversalEntry64, 32),
        (MachHeader, 28), (LoadCommand, 8), (UuidCommand, 24),
        (SymbolsCommand, 24), (MachSegment32, 56), (MachSegment64, 72),
        (MachSection32, 68), (MachSection64, 80),
    ],
)  # fmt: skip
def test_every_table_has_the_size_of_the_published_header(kind, size):
    assert size == kind.SIZE


class TestElf:
    @pytest.mark.parametrize("wide", [True, False])
    @pytest.mark.parametrize("big_endian", [True, False])
    @pytest.mark.parametrize("extended", [True, False])
    def test_the_build_id_is_read_in_every_word_size_and_byte_order(
        self, wide, big_endian, extended
    ):
        found = read(
            build_elf([CODE], wide=wide, big_endian=big_endian, machine=21, extended=extended)
        )

        assert found.build_id == BuildId(BUILD_ID)
        assert found.debug_id.breakpad == "0403020106050807090A0B0C0D0E0F100"
        assert found.code_id.value == BUILD_ID.hex()
        assert (found.kind, found.role, found.architecture) == ("elf", "library", "ppc64")

    def test_a_full_program_has_all_features(self):
        found = read(full_elf())

        assert found.role == object_kinds.EXECUTABLE
        assert found.features == {object_kinds.SYMBOLS, object_kinds.LINES, object_kinds.UNWIND}
        assert not found.traits

    def test_without_a_build_id_only_the_hash_of_the_code_is_there(self):
        text = bytes(range(16)) + bytes([1]) * 16 + b"\x80"

        found = read(build_elf([(".text", 1, 6, text)], build_id=None))

        assert found.debug_id is None
        assert found.code_id is None
        hashed = bytes(byte ^ 1 for byte in range(16))
        assert found.hashed_id == BuildId(bytes([hashed[0] ^ 0x80]) + hashed[1:]).debug_id

    def test_without_code_there_is_no_hash_either(self):
        assert read(build_elf([(".text", 1, 6, 64)], build_id=None)).hashed_id is None

    def test_a_build_id_is_found_by_segment_when_there_are_no_sections(self):
        note = build_note(BUILD_ID)
        header = elf.Header64(
            identification=elf.Identification(
                magic=elf.MAGIC, word_class=2, encoding=1, version=1
            ).pack(),
            file_type=elf.SHARED,
            machine=183,
            segments_offset=64,
            segment_size=56,
            segment_count=1,
        )
        segment = elf.ElfSegment64(segment_type=4, offset=120, file_size=len(note))

        found = read(header.pack() + segment.pack() + note)

        assert found.build_id.raw == BUILD_ID
        assert found.architecture == "arm64"

    def test_other_notes_before_the_build_id_are_passed_over(self):
        other = (
            elf_structs.Note(name_size=4, content_size=6, note_type=1).pack() + b"GNU\0" + b"x" * 8
        )
        section = (".notes", elf.SECTION_NOTE, 2, other + build_note(b"\1" * 8))

        assert read(build_elf([section], build_id=None)).build_id.raw == b"\1" * 8

    @pytest.mark.parametrize("content", [b"", b"\xff" * 40, build_note(b"")])
    def test_a_broken_or_empty_note_is_no_build_id(self, content):
        section = (".notes", elf.SECTION_NOTE, 2, content)

        assert read(build_elf([section], build_id=None)).build_id is None

    @pytest.mark.parametrize(
        ("sections", "options", "role"),
        [
            ([CODE], {"interpreter": True}, object_kinds.EXECUTABLE),
            ([CODE], {"file_type": elf.FIXED}, object_kinds.EXECUTABLE),
            ([CODE], {}, object_kinds.LIBRARY),
            ([(".text", 1, 6, 64), *DEBUG], {"interpreter": True}, object_kinds.DEBUG),
            ([CODE, *DEBUG], {"file_type": elf.RELOCATABLE}, object_kinds.OBJECT),
            (DEBUG, {"file_type": elf.RELOCATABLE}, object_kinds.SUPPLEMENT),
            (
                [(".debug_info.dwo", 1, 0, b"x")],
                {"file_type": 1, "build_id": None},
                object_kinds.FRAGMENT,
            ),
            (
                [(".debug_info.dwo", 1, 0, b"x"), (".debug_cu_index", 1, 0, b"x")],
                {"file_type": 1, "build_id": None},
                object_kinds.PACKAGE,
            ),
        ],
    )
    def test_the_role_follows_from_the_sections(self, sections, options, role):
        assert read(build_elf(sections, **options)).role == role

    def test_mips_is_told_apart_by_word_size(self):
        assert read(build_elf([CODE], machine=8)).architecture == "mips64"
        assert read(build_elf([CODE], machine=8, wide=False)).architecture == "mips"
        assert read(build_elf([CODE], machine=999)).architecture == "unknown"

    @pytest.mark.parametrize(
        ("info", "extra", "split"),
        [
            (unit(5, 4), [], True),
            (unit(5, 1) + unit(5, 4), [], True),
            (unit(4), [(".debug_addr", 1, 0, b"a")], True),
            (unit(5, 1), [(".debug_addr", 1, 0, b"a")], False),
            (unit(4), [], False),
            (b"\1", [], False),
        ],
    )
    def test_split_dwarf_is_known_by_its_skeleton(self, info, extra, split):
        found = read(build_elf([CODE, (".debug_info", 1, 0, info), *extra]))

        assert (object_kinds.SPLIT in found.traits) == split
        assert (object_kinds.SYMBOLS in found.features) != split

    def test_a_flood_of_units_is_not_followed_to_the_end(self):
        info = (unit(5, 1) * (elf.MAX_UNITS + 1)) + unit(5, 4)

        assert object_kinds.SPLIT not in read(build_elf([CODE, (".debug_info", 1, 0, info)])).traits

    @pytest.mark.parametrize("wide", [True, False])
    def test_a_compressed_skeleton_is_seen(self, wide):
        kind = elf.CompressionHeader64 if wide else elf.CompressionHeader32
        packed = kind(method=1, size=7).pack() + zlib.compress(unit(5, 4))
        section = (".debug_info", 1, elf.FLAG_COMPRESSED, packed)

        assert object_kinds.SPLIT in read(build_elf([CODE, section], wide=wide)).traits

    @pytest.mark.parametrize("content", [b"\1\0\0\0", bytes(25), b"\1" + bytes(23) + b"not zlib"])
    def test_an_unreadable_compressed_section_says_nothing(self, content):
        section = (".gnu_debuglink", 1, elf.FLAG_COMPRESSED, content)

        assert read(build_elf([CODE, section])).debug_link == ""

    def test_links_name_files_without_their_folders(self):
        found = read(
            build_elf(
                [
                    (".gnu_debuglink", 1, 0, b"app.debug\0\0\0crc!"),
                    (".gnu_debugaltlink", 1, 0, b"/usr/lib/debug/.dwz/common.dbg\0id"),
                    (".gnu_debugdata", 1, 0, b"\xfd7zXZ"),
                ]
            )
        )

        assert (found.debug_link, found.alt_link) == ("app.debug", "common.dbg")
        assert found.traits == {object_kinds.MINI_DEBUG}

    def test_a_core_dump_is_called_one(self):
        with pytest.raises(InputUnusable, match="core dump"):
            read(build_elf([CODE], file_type=elf.CORE))

    @pytest.mark.parametrize(("place", "value"), [(4, 9), (5, 9)])
    def test_an_impossible_identification_is_malformed(self, place, value):
        data = bytearray(build_elf())
        data[place] = value

        with pytest.raises(MalformedFile, match=f"offset {place:#x}"):
            read(bytes(data))

    def test_a_section_table_beyond_the_end_is_malformed(self):
        with pytest.raises(MalformedFile, match="sections do not fit"):
            read(build_elf()[:-30])

    def test_a_name_table_that_does_not_exist_leaves_sections_nameless(self):
        data = bytearray(build_elf([CODE]))
        data[62:64] = b"\x77\x00"

        assert read(bytes(data)).build_id.raw == BUILD_ID

    def test_segments_beyond_the_end_are_ignored(self):
        data = bytearray(build_elf([CODE], interpreter=True))
        data[32:40] = (1 << 40).to_bytes(8, "little")

        assert read(bytes(data)).role == object_kinds.LIBRARY


class TestPe:
    @pytest.mark.parametrize("wide", [True, False])
    def test_identifiers_come_from_codeview_and_header(self, wide):
        found = read(build_pe(wide=wide, age=0x2A, library=not wide))

        assert found.debug_id == DebugId.from_guid(GUID, 0x2A)
        assert found.code_id.value == "5cab1e0012000"
        assert found.debug_file == "app.pdb"
        assert found.role == (object_kinds.EXECUTABLE if wide else object_kinds.LIBRARY)
        assert found.features == {object_kinds.UNWIND}
        assert found.traits == {object_kinds.CODEVIEW, object_kinds.CODE_FREE}

    def test_without_codeview_there_is_no_debug_id(self):
        found = read(build_pe(guid=None, unwind=False, managed=True))

        assert found.debug_id is None
        assert found.features == set()
        assert found.traits == {object_kinds.MANAGED, object_kinds.CODE_FREE}

    def test_long_section_names_tell_of_dwarf(self):
        found = read(build_pe(guid=None, sections=(".debug_info", ".debug_line", ".eh_frame")))

        assert found.features == {object_kinds.SYMBOLS, object_kinds.LINES, object_kinds.UNWIND}
        assert object_kinds.LINES not in read(build_pe(sections=(".debug_info",))).features

    @pytest.mark.parametrize(
        ("machine", "name"),
        [(0x14C, "x86"), (0xAA64, "arm64"), (0x8664 ^ 0x7B79, "x86_64"), (0x1234, "unknown")],
    )
    def test_machines_have_names_also_when_precompiled_for_dotnet(self, machine, name):
        assert read(build_pe(machine=machine)).architecture == name

    def test_a_coff_symbol_table_counts_as_symbols(self):
        data = bytearray(build_pe())
        data[64 + 16] = 1

        assert object_kinds.SYMBOLS in read(bytes(data)).features

    @pytest.mark.parametrize("text", [b"MZ", b"MZ is a text, and a longer one than a header" * 3])
    def test_other_files_that_begin_with_mz_are_no_damage(self, text):
        with pytest.raises(InputUnusable, match="begins with MZ") as caught:
            read(text)
        assert not isinstance(caught.value, MalformedFile)

    def test_an_unknown_optional_header_is_malformed(self):
        data = bytearray(build_pe())
        data[64 + 24] = 0

        with pytest.raises(MalformedFile, match="optional header"):
            read(bytes(data))

    def test_a_cut_image_is_malformed(self):
        with pytest.raises(MalformedFile, match="cut short"):
            read(build_pe()[:-1])

    def test_a_debug_directory_outside_the_sections_is_none(self):
        data = build_pe().replace(
            pe_structs.DataDirectory(address=0x1000, size=28).pack(),
            pe_structs.DataDirectory(address=0x9000, size=28).pack(),
        )

        assert read(data).debug_id is None

    def test_a_debug_entry_of_another_type_or_signature_is_passed_over(self):
        data = bytearray(build_pe())
        entry = data.index(b"RSDS") - pe_structs.DebugEntry.SIZE
        data[entry + 12] = 4

        assert read(bytes(data)).debug_id is None
        assert read(build_pe().replace(b"RSDS", b"NB10")).debug_id is None

    def test_fewer_directories_than_usual_are_fine(self):
        data = bytearray(build_pe())
        place = 64 + 24 + pe_structs.OptionalHeader64.SIZE - 4
        data[place] = 2

        assert read(bytes(data)).debug_id is None


class TestPdb:
    def test_the_age_is_that_of_the_dbi_stream(self):
        found = read(build_pdb(info_age=7, dbi_age=3))

        assert found.debug_id == DebugId.from_guid(GUID, 3)
        assert (found.kind, found.role, found.architecture) == ("pdb", "debug", "x86_64")
        assert found.features == {object_kinds.SYMBOLS, object_kinds.LINES}

    def test_without_a_dbi_stream_the_first_age_counts(self):
        found = read(build_pdb(info_age=7, with_dbi=False, named=("srcsrv",)))

        assert found.debug_id.age == 7
        assert found.features == {object_kinds.SOURCES}
        assert found.architecture == "unknown"

    def test_quality_shows_in_traits_and_features(self):
        found = read(
            build_pdb(
                features=(20140508, pdb.FEATURE_FASTLINK),
                flags=2,
                named=("/names", "srcsrv"),
                lines=False,
                public=False,
                frames=True,
                machine=0x14C,
            )
        )

        assert found.traits == {object_kinds.FASTLINK, object_kinds.STRIPPED}
        assert found.features == {object_kinds.SOURCES, object_kinds.UNWIND}

    def test_dotnet_code_in_a_windows_pdb_is_said(self):
        assert read(build_pdb(machine=0xC0EE)).traits == {object_kinds.MANAGED}

    def test_an_old_pdb_ends_after_its_identity(self):
        info = structs.InfoHeader(age=2, guid=GUID).pack()

        assert read(build_msf([None, info])).debug_id.age == 2

    def test_a_module_without_its_names_ends_the_list(self):
        module = structs.ModuleInfo().pack() + b"never ends"
        header = structs.NewDBIHdr(symbol_stream=0xFFFF, modules_size=len(module)).pack()
        info = structs.InfoHeader(guid=GUID).pack()

        assert read(build_msf([b"", info, b"", header + module])).features == set()

    def test_a_stream_of_many_blocks_is_put_together(self):
        info = structs.InfoHeader(guid=GUID).pack()
        module = structs.ModuleInfo().pack() + b"a\0b\0"
        last = structs.ModuleInfo(old_lines_size=4).pack() + b"a\0b\0"
        modules = module * 20 + last
        header = structs.NewDBIHdr(symbol_stream=0xFFFF, modules_size=len(modules)).pack()

        found = read(build_msf([b"", info, b"t" * 700, header + modules]))

        assert found.features == {object_kinds.LINES, object_kinds.SYMBOLS}

    @pytest.mark.parametrize(
        ("place", "value", "words"),
        [
            (32, 1000, "block size"),
            (44, 1 << 30, "directory does not fit"),
            (52, 1 << 30, "beyond the end"),
        ],
    )
    def test_an_impossible_super_block_is_malformed(self, place, value, words):
        data = bytearray(build_pdb())
        data[place : place + 4] = number(value)

        with pytest.raises(MalformedFile, match=words):
            read(bytes(data))

    def test_a_directory_beyond_the_end_is_malformed(self):
        data = build_pdb()

        with pytest.raises(MalformedFile, match="beyond the end"):
            read(data[:-512] + number(900).ljust(512, b"\0"))

    def test_a_flood_of_streams_is_malformed(self):
        data = bytearray(build_pdb())
        place = data.index(number(7) + number(0))
        data[place : place + 4] = number(1 << 17)

        with pytest.raises(MalformedFile, match="131072 streams"):
            read(bytes(data))


class TestMachO:
    @pytest.mark.parametrize("wide", [True, False])
    @pytest.mark.parametrize("big_endian", [True, False])
    def test_the_uuid_is_the_identifier(self, wide, big_endian):
        found = read(build_macho(wide=wide, big_endian=big_endian, cpu=18))

        assert found.debug_id == DebugId.from_uuid(UUID)
        assert found.code_id.value == UUID.hex()
        assert (found.kind, found.role, found.architecture) == ("macho", "executable", "ppc")
        assert found.features == {object_kinds.SYMBOLS, object_kinds.UNWIND}

    def test_a_dsym_has_lines_and_an_object_file_is_one(self):
        found = read(build_macho(file_type=10, sections=("__debug_info", "__debug_line")))

        assert found.role == object_kinds.DEBUG
        assert object_kinds.LINES in found.features
        assert read(build_macho(sections=("__debug_info",), symbols=0)).features == {"symbols"}
        assert read(build_macho(file_type=1, uuid=None, symbols=0, sections=())).role == "object"

    def test_a_section_without_bytes_does_not_count(self):
        data = build_macho()
        row = MachSection64(name=b"__unwind_info", segment=b"__TEXT", size=1, offset=4)

        found = read(data.replace(row.pack(), row.replace(offset=0).pack()))

        assert found.features == {object_kinds.SYMBOLS}

    def test_without_uuid_there_is_no_identifier(self):
        found = read(build_macho(uuid=None))

        assert found.debug_id is None
        assert found.code_id is None

    @pytest.mark.parametrize("wide", [True, False])
    def test_a_universal_file_gives_one_object_for_each_architecture(self, wide):
        other = bytes(reversed(UUID))
        data = build_universal(
            [(7, build_macho(cpu=0x1000007)), (12, build_macho(uuid=other))], wide=wide
        )

        found = read_object_files(data)

        assert [row.architecture for row in found] == ["x86_64", "arm64"]
        assert [row.debug_id for row in found] == [
            DebugId.from_uuid(UUID),
            DebugId.from_uuid(other),
        ]

    def test_a_java_class_is_not_taken_for_a_universal_file(self):
        data = b"\xca\xfe\xba\xbe\0\0\0\x34" + bytes(100)

        with pytest.raises(InputUnusable, match="not a debug file"):
            read_object_files(data)
        with pytest.raises(MalformedFile, match="52 architectures"):
            macho.read_macho(data)

    def test_an_architecture_must_lie_in_the_file_and_be_one(self):
        data = build_universal([(7, build_macho())])

        with pytest.raises(MalformedFile, match="beyond the end"):
            read_object_files(data[:-1])
        with pytest.raises(MalformedFile, match="not Mach-O"):
            read_object_files(build_universal([(7, b"something else")]))

    def test_what_is_no_program_is_said(self):
        with pytest.raises(InputUnusable, match="type 4"):
            read(build_macho(file_type=4))

    @pytest.mark.parametrize(
        ("place", "value", "words"),
        [
            (16, 0x7FFFFFFF, "commands do not fit"),
            (20, 0x7FFFFFFF, "commands do not fit"),
            (36, 0, "impossible size"),
            (36, 0x7FFFFFFF, "impossible size"),
            (16, 9, "command cut short"),
            (96, 99, "sections do not fit"),
            (80, 0x7FFFFFFF, "segment ends after it"),
        ],
    )
    def test_impossible_numbers_are_malformed(self, place, value, words):
        data = bytearray(build_macho())
        data[place : place + 4] = number(value)

        with pytest.raises(MalformedFile, match=words):
            read(bytes(data))


class TestSymbolHeader:
    def test_the_module_line_says_what_it_is(self):
        found = read(
            build_sym(
                name="Electron Helper (GPU)",
                lines=(
                    "INFO CODE_ID 5CAB1E0012000 app.exe",
                    "FILE 0 a.c",
                    "PUBLIC 1 0 f",
                    "STACK CFI INIT 0 1 x",
                ),
            )
        )

        assert found.debug_id.breakpad == "0123456789ABCDEF0123456789ABCDEF0"
        assert found.debug_file == "Electron Helper (GPU)"
        assert found.code_id.value == "5cab1e0012000"
        assert found.features == {object_kinds.SYMBOLS, object_kinds.LINES, object_kinds.UNWIND}

    def test_dos_line_ends_and_paths_in_the_name_are_no_matter(self):
        found = read(build_sym(name="C:\\x\\app.pdb").replace(b"\n", b"\r\n"))

        assert found.debug_file == "app.pdb"

    def test_a_code_id_that_is_none_is_left_out(self):
        assert read(build_sym(lines=("INFO CODE_ID what?",))).code_id is None

    def test_an_unknown_architecture_is_unknown(self):
        assert read(build_sym().replace(b"x86_64", b"z80")).architecture == "unknown"

    @pytest.mark.parametrize(
        "text", [b"MODULE Linux x86_64", b"MODULE Linux x86_64 1 ", b"MODULE "]
    )
    def test_an_incomplete_module_line_is_malformed(self, text):
        with pytest.raises(MalformedFile, match="not complete"):
            read(text)

    @pytest.mark.parametrize("identifier", ["0" * 32, "Z" * 33, "0" * 41, "12345678", "+" * 33])
    def test_an_impossible_identifier_is_malformed(self, identifier):
        with pytest.raises(MalformedFile, match="identifier"):
            read(build_sym(identifier))


class TestKinds:
    def test_known_kinds_that_cannot_be_used_are_named_with_advice(self):
        with pytest.raises(InputUnusable, match="portable PDB") as caught:
            read_object_files(b"BSJB" + bytes(60))
        assert caught.value.hint
        assert sniff_file_type(b"MDMP").sentence == "a minidump"
        assert sniff_file_type(b"text") is None

    def test_other_files_are_not_debug_files(self):
        with pytest.raises(InputUnusable, match="not a debug file"):
            read_object_files(b"hello")
        with pytest.raises(InputUnusable, match="empty"):
            read_object_files(b"")

    def test_first_bytes_suffice_to_recognise_each_kind(self):
        whole = [build_elf(), build_pe(), build_pdb(), build_macho(), build_sym()]
        whole.append(build_universal([(7, build_macho())]))

        assert all(looks_like_object(data[:64]) for data in whole)
        assert not looks_like_object(b"\xca\xfe\xba\xbe")
        assert not looks_like_object(b"")


@pytest.mark.parametrize(
    "data",
    [
        full_elf(),
        full_elf(wide=False, big_endian=True, machine=8),
        build_pe(),
        build_pdb(),
        build_macho(),
        build_universal([(7, build_macho())]),
        build_sym(),
    ],
)
def test_a_file_cut_anywhere_or_set_to_ones_gives_an_error_or_objects(data):
    for place in range(min(len(data), 2048)):
        for changed in (data[:place], data[:place] + b"\xff\xff\xff\xff" + data[place + 4 :]):
            found, fault = attempt(read_object_files, changed)
            assert found or fault
