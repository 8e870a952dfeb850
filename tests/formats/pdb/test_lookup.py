"""Look-ups in PDBs that are built here: what each rule gives."""

import random
import struct

import pytest

from crashtool.errors import MalformedFile
from crashtool.formats.code_location import CodeLocation
from crashtool.formats.pdb import codeview as cv
from crashtool.formats.pdb.function_counts import measure_coverage
from crashtool.formats.pdb.lookup import PdbLookup
from crashtool.formats.pdb.msf import MultiStreamFile
from tests.synth.pdb import PdbBuilder, build_msf

VOID, INT, CHAR_POINTER = 0x03, 0x74, 0x670


def find(builder, address):
    lookup = PdbLookup(builder.build())
    found = lookup.find_locations(address)
    assert lookup.problems == []
    return found


def add_function_type(builder, *arguments):
    listing = builder.type(
        cv.LF_ARGLIST, struct.pack(f"<I{len(arguments)}I", len(arguments), *arguments)
    )
    return builder.type(cv.LF_PROCEDURE, struct.pack("<IBBHI", VOID, 0, 0, len(arguments), listing))


@pytest.fixture
def builder():
    """main at 0x1000 to 0x1040 of main.cpp, lines 10, 11 and one that the compiler made."""
    builder = PdbBuilder()
    module = builder.module()
    module.procedure("main", 0, 0x40, number=add_function_type(builder, INT, CHAR_POINTER))
    file = module.file("C:\\src\\game\\..\\main.cpp")
    module.lines(0, 0x40, (file, [(0, 10), (0x10, 11), (0x20, 0xF00F00)]))
    return builder


@pytest.mark.parametrize(
    ("address", "line"), [(0x1000, 10), (0x100F, 10), (0x1010, 11), (0x1020, 11), (0x103F, 11)]
)
def test_a_function_has_arguments_a_file_and_the_last_line_before(builder, address, line):
    assert find(builder, address) == [
        CodeLocation("main(int, char*)", 0x1000, "C:\\src\\main.cpp", line)
    ]


@pytest.mark.parametrize("address", [0, 0xFFF, 0x1040, 0x20FFF, 0xFFFFFFFF])
def test_beside_the_function_there_is_nothing(builder, address):
    assert find(builder, address) == []


def test_of_rows_at_one_offset_the_last_wins_and_of_blocks_the_nearest(builder):
    module = builder.modules[0]
    module.procedure("mixed", 0x100, 0x20)
    first, second = module.file("a.cpp"), module.file("a.inl")
    module.lines(0x100, 0x20, (first, [(0, 1), (0, 2), (0x10, 3)]), (second, [(8, 70)]))

    lines = [(row.file, row.line) for at in (0x1100, 0x1108, 0x1110) for row in find(builder, at)]

    assert lines == [("a.cpp", 2), ("a.inl", 70), ("a.cpp", 3)]


def test_one_part_of_lines_serves_several_procedures(builder):
    module = builder.modules[0]
    module.procedure("one", 0x100, 0x10)
    module.procedure("two", 0x110, 0x10)
    module.lines(0x100, 0x20, (module.file("both.asm"), [(0, 1), (0x10, 9)]))

    assert [(row.function, row.line) for row in find(builder, 0x1118)] == [("two", 9)]


def test_merged_calls_stand_within_one_another(builder):
    """outer at +4 to +c, inner within it at +6 to +8; numbers are those of the ids."""
    number = add_function_type(builder)
    outer = builder.id(cv.LF_FUNC_ID, struct.pack("<II", 0, number) + b"outer\0")
    scope = builder.id(cv.LF_STRING_ID, struct.pack("<I", 0) + b"app\0")
    inner = builder.id(cv.LF_FUNC_ID, struct.pack("<II", scope, number) + b"inner\0")
    module = builder.modules[0]
    module.procedure(
        "caller",
        0x100,
        0x20,
        sites=[(outer, [3, 4, 4, 8], [(inner, [6, 4, 3, 6, 4, 2], [])])],
    )
    own, other = module.file("caller.cpp"), module.file("merged.h")
    module.lines(0x100, 0x20, (own, [(0, 20), (4, 21), (0xC, 22)]))
    module.inlinee(outer, other, 100)
    module.inlinee(inner, other, 200)

    assert [(row.function, row.start, row.file, row.line) for row in find(builder, 0x1106)] == [
        ("app::inner()", None, "merged.h", 202),
        ("outer()", None, "merged.h", 100),
        ("caller", 0x1100, "caller.cpp", 21),
    ]
    assert [row.function for row in find(builder, 0x1104)] == ["outer()", "caller"]
    assert [row.function for row in find(builder, 0x110C)] == ["caller"]


def test_ids_of_another_module_are_followed(builder):
    """Link-time code generation: module 0's number of what app.obj exports as 7."""
    number = add_function_type(builder)
    everyones = builder.id(cv.LF_FUNC_ID, struct.pack("<II", 0, number) + b"imported\0")
    other = builder.module("LTCG.obj")
    other.exports = struct.pack("<II", 7, everyones)
    module = builder.modules[0]
    module.imports = struct.pack("<III", builder.string("ltcg.obj"), 1, 7)
    module.procedure("caller", 0x100, 0x20, sites=[(0x80000000, [3, 4, 4, 8], [])])
    module.lines(0x100, 0x20, (module.file("caller.cpp"), [(0, 20)]))

    assert [row.function for row in find(builder, 0x1104)] == ["imported()", "caller"]


class TestPublics:
    def test_a_public_names_code_that_no_procedure_covers(self, builder):
        builder.public("?f@@YAXXZ", 0x200)
        builder.modules[0].contribution(0x200, 0x10)

        assert find(builder, 0x1208) == [CodeLocation("?f@@YAXXZ", 0x1200, "", 0)]

    def test_it_does_not_reach_into_another_contribution(self, builder):
        """A static function of a stripped PDB, or an exception funclet, has no name."""
        builder.public("memcpy", 0x200)
        builder.modules[0].contribution(0x200, 0x10)
        builder.modules[0].contribution(0x210, 0x10)

        assert find(builder, 0x1218) == []

    def test_nor_over_padding(self, builder):
        builder.public("memcpy", 0x200)
        builder.modules[0].contribution(0x200, 0x10)

        assert find(builder, 0x1210) == []

    def test_nor_behind_a_procedure_that_begins_later(self, builder):
        builder.public("label", 0x200)
        builder.modules[0].contribution(0x200, 0x40)
        builder.modules[0].procedure("f", 0x210, 0x10, code=False)

        assert find(builder, 0x1228) == []

    @pytest.mark.parametrize(
        ("machine", "name", "shown"),
        [
            (0x14C, "_f", "f"),
            (0x14C, "_f@8", "f"),
            (0x14C, "@f@8", "f"),
            (0x14C, "__CxxFrameHandler4", "_CxxFrameHandler4"),
            (0x14C, "?f@@YAXXZ", "?f@@YAXXZ"),
            (0x8664, "__CxxFrameHandler4", "__CxxFrameHandler4"),
            (0x14C, "_@8", "@8"),
        ],
    )
    def test_what_calling_conventions_add_is_taken_off_on_x86(self, machine, name, shown):
        builder = PdbBuilder(machine=machine)
        builder.module().contribution(0x200, 0x10)
        builder.public(name, 0x200)

        assert [row.function for row in find(builder, 0x1200)] == [shown]


class TestOmap:
    """A tool moved main from 0x1000 to 0x5000 and put 16 bytes in behind its first 16."""

    @pytest.fixture
    def moved(self, builder):
        rows = [(0x5000, 0x1000), (0x5010, 0), (0x5020, 0x1010), (0x5050, 0)]
        builder.optional[3] = b"".join(struct.pack("<II", *row) for row in rows)
        back = [(0x1000, 0x5000), (0x1010, 0x5020), (0x1040, 0)]
        builder.optional[4] = b"".join(struct.pack("<II", *row) for row in back)
        builder.optional[10] = struct.pack("<8sII24x", b".text", 0x10000, 0x1000)
        builder.sections = [(0x5000, 0x10000)]
        return builder

    @pytest.mark.parametrize(("address", "line"), [(0x5000, 10), (0x500F, 10), (0x5020, 11)])
    def test_addresses_are_followed_back(self, moved, address, line):
        assert [(row.function, row.start, row.line) for row in find(moved, address)] == [
            ("main(int, char*)", 0x5000, line)
        ]

    def test_code_that_was_put_in_has_a_function_and_no_line(self, moved):
        assert [(row.function, row.line) for row in find(moved, 0x5018)] == [
            ("main(int, char*)", 0)
        ]

    def test_an_address_of_before_is_none(self, moved):
        assert find(moved, 0x1000) == []


class TestFrameData:
    def test_the_last_piece_that_covers_the_address_counts(self):
        builder = PdbBuilder(machine=0x14C)
        builder.module().procedure("f", 0, 0x40)
        program = builder.string("$T0 $ebp = $eip $T0 4 + ^ =")
        builder.optional[9] = b"".join(
            struct.pack("<6IHHI", start, size, 8, 4, 0, program, 3, 4, 0)
            for start, size in ((0x1000, 0x40), (0x1010, 8))
        )
        lookup = PdbLookup(builder.build())

        starts = [lookup.find_frame_data(at) for at in (0xFFF, 0x1000, 0x1010, 0x1020, 0x1040)]

        assert [row and row.start for row in starts] == [None, 0x1000, 0x1010, 0x1000, None]
        assert starts[1].program == "$T0 $ebp = $eip $T0 4 + ^ ="
        assert (starts[1].local_size, starts[1].parameter_size) == (8, 4)

    def test_old_records_have_sizes_in_words(self):
        builder = PdbBuilder(machine=0x14C)
        builder.module().procedure("f", 0, 0x40)
        builder.optional[0] = struct.pack("<IIIHBB", 0x1000, 0x40, 2, 3, 5, 0b0001_0001)
        found = PdbLookup(builder.build()).find_frame_data(0x1008)

        assert (found.local_size, found.parameter_size, found.saved_register_size) == (8, 12, 4)
        assert found.allocates_base_pointer


class TestContainer:
    @pytest.mark.parametrize("missing", [1, 512])
    def test_a_cut_file_says_how_much_is_there(self, builder, missing):
        data = builder.build()

        with pytest.raises(
            MalformedFile, match=f"cut short: {len(data) - missing:,} of its {len(data):,} bytes"
        ):
            MultiStreamFile(data[:-missing])

    @pytest.mark.parametrize("block_size", [512, 4096, 8192, 32768])
    @pytest.mark.parametrize("seed", [None, 1])
    def test_any_layout_of_blocks_gives_the_same_answers(self, builder, block_size, seed):
        module = builder.modules[0]
        for index in range(40):  # streams of many blocks, with a directory of several
            module.procedure(f"f{index}" * 20, 0x100 + 0x10 * index, 0x10)
        builder.order = None if seed is None else random.Random(seed)  # noqa: S311
        builder.block_size = block_size

        assert find(builder, 0x1105)[0].function == "f0" * 20
        assert find(builder, 0x1375)[0].function == "f39" * 20

    def test_a_list_of_lists_of_blocks_is_followed(self):
        """The directory of 40,000 streams takes more blocks than one block of numbers names."""
        streams = [b"", b"", b"", b""] + [b"x"] * 40_000
        data = build_msf(streams, 512)

        assert MultiStreamFile(data).open_stream(40_003).read(0, 10) == b"x"


def test_coverage_counts_functions_lines_and_merged_calls(builder):
    builder.public("main", 0)
    builder.public("assembly", 0x200)
    builder.public("variable", 0x300, flags=0)
    builder.modules[0].procedure("bare", 0x100, 0x40)

    found = measure_coverage(PdbLookup(builder.build()))

    assert (found.functions, found.code_bytes, found.lined_bytes) == (3, 0x81, 0x40)
    assert not found.has_inlines
    assert found.spans == ((0x1000, 0x1040), (0x1100, 0x1140), (0x1200, 0x1201))


class TestDamage:
    def test_a_pdb_without_debug_information_is_malformed(self):
        with pytest.raises(MalformedFile):
            PdbLookup(build_msf([b"", bytes(28), b"", b""]))

    def test_a_damaged_module_is_a_problem_of_its_own(self, builder):
        broken = builder.module("broken.obj")
        broken.procedure("lost", 0x400, 0x10)
        broken.symbols = broken.symbols[:4] + b"\0\0\0\0" + broken.symbols[8:]
        lookup = PdbLookup(builder.build())

        assert lookup.find_locations(0x1400) == []
        assert "broken.obj" in lookup.problems[0]
        assert lookup.find_locations(0x1000)[0].function == "main(int, char*)"

    def test_without_its_types_a_function_has_its_name(self, builder):
        data = builder.build()
        place = data.index(struct.pack("<II", 20040203, 56))
        lookup = PdbLookup(data[:place] + bytes(56) + data[place + 56 :])

        assert [row.function for row in lookup.find_locations(0x1000)] == ["main"]
        assert "types of a PDB" in lookup.problems[0]

    def test_a_type_of_itself_costs_the_arguments_alone(self, builder):
        loop = builder.type(cv.LF_MODIFIER, struct.pack("<IH", 0, 1))
        kind, _ = builder.types[loop - 0x1000]
        builder.types[loop - 0x1000] = (kind, struct.pack("<IH", loop, 1))
        builder.modules[0].procedure("f", 0x100, 0x10, number=add_function_type(builder, loop))

        assert [row.function for row in find(builder, 0x1100)] == ["f"]
