"""Variables that are in no function, by their addresses; and those that each thread has."""

import struct

import pytest

from crashtool.errors import MalformedFile
from crashtool.formats.pdb import codeview as cv
from crashtool.formats.pdb.lookup import PdbLookup
from crashtool.formats.pdb.static_data import StaticData, bare_name
from crashtool.formats.pdb.structs import GlobalsHeader, HashRow
from crashtool.formats.pdb.variables import PdbVariables
from crashtool.formats.variables.places import LostPlace, MemoryPlace
from tests.formats.pdb.test_variables import BASE, INT, Frame, compiler, frame_symbol, local
from tests.synth.pdb import PdbBuilder

POINTER = 0x674  # to int, of 64 bits
DATA = 0x11000  # where the second section is
TEB, ARRAY, COPY = 0x7FF000, 0x30000, 0x40000
INDEX = BASE + DATA + 0x40
MEMORY = {TEB + 0x30: TEB, TEB + 0x58: ARRAY, INDEX: 3, ARRAY + 24: COPY}


@pytest.fixture
def builder():
    made = PdbBuilder()
    made.sections.append((DATA, 0x1000))
    module = made.module()
    module.add(*compiler())
    module.procedure("f", 0, 0x40)
    module.lines(0, 0x40, (module.file("f.cpp"), [(0, 1)]))
    module.contribution(0, 0x800, section=2)
    return made


def add_datum(builder, name, offset, number=POINTER, kind=cv.S_LDATA32):
    """A variable of the source file."""
    body = struct.pack("<IIH", number, offset, 2) + name.encode() + b"\0"
    builder.modules[0].add(kind, body)


def find(builder, offset):
    """Name, kind and place of the variable at an offset of the data; None for none."""
    (scope,) = PdbVariables(PdbLookup(builder.build())).find(0x1020)
    found = scope.find_static(DATA + offset)
    return found and (found.name, found.kind, found.type.name, found.locate(Frame()))


@pytest.mark.parametrize(("struct_", "size"), [(GlobalsHeader, 16), (HashRow, 8)])
def test_structs_have_the_published_sizes(struct_, size):
    assert size == struct_.SIZE


@pytest.mark.parametrize(
    ("public", "name"),
    [
        ("count", "count"),
        ("?count@@3PEAHEA", "count"),
        ("?count@inner@app@@3PEAHEA", "app::inner::count"),
        ("?count@Mesh@app@@2PEAHEA", "app::Mesh::count"),
        ("?count@?$Holder@H@app@@2PEAHEA", "app::Holder<int>::count"),
    ],
)
def test_a_global_is_found_by_its_public_symbol(builder, public, name):
    builder.public("?before@@3HA", 0xF0, section=2)
    builder.datum("before", 0xF0, number=INT, section=2)
    builder.public(public, 0x100, section=2)
    builder.datum(name, 0x100, number=POINTER, section=2)
    builder.datum("elsewhere", 0x200, number=POINTER, section=2)

    known = ("count", "static", "int*", MemoryPlace(BASE + DATA + 0x100))
    assert find(builder, 0x100) == find(builder, 0x107) == known
    assert find(builder, 0x108) is None
    assert find(builder, 0xFF) is None
    assert find(builder, 0xF3)[0] == "before"


def test_on_x86_the_public_symbol_of_c_has_a_line_before_it():
    builder = PdbBuilder(machine=0x14C)
    builder.sections.append((DATA, 0x1000))
    builder.module().contribution(0, 0x800, section=2)
    builder.public("_count", 0x100, section=2)
    builder.datum("count", 0x100, number=INT, section=2)

    assert StaticData(PdbLookup(builder.build())).find(DATA + 0x102).name == "count"


def test_one_of_a_source_file_is_among_its_symbols(builder):
    add_datum(builder, "app::own", 0x108)
    add_datum(builder, "app::first", 0x100)
    builder.module("other.obj").contribution(0x800, 0x100, section=2)

    assert find(builder, 0x108)[0] == "own"
    assert find(builder, 0x107)[0] == "first"
    assert find(builder, 0x808) is None
    assert find(builder, 0x2000) is None


def test_of_two_names_for_one_place_there_is_none(builder):
    add_datum(builder, "own", 0x100)
    builder.public("?other@@3HA", 0x100, section=2)
    assert find(builder, 0x100)[0] == "own"

    builder.datum("other", 0x100, number=POINTER, section=2)
    assert find(builder, 0x100) is None


def test_a_variable_of_another_function_has_no_name(builder):
    builder.modules[0].procedure(
        "g",
        0x40,
        0x10,
        sites=[(cv.S_LDATA32, struct.pack("<IIH", POINTER, 0x100, 2) + b"its_own\0")],
    )
    assert find(builder, 0x100) is None


@pytest.mark.parametrize(
    ("name", "bare"),
    [
        ("app::Holder<app::Mesh>::item", "item"),
        ("`anonymous namespace'::own", "own"),
        ("f(int (*)(a::b))::count", "count"),
        ("count", "count"),
        ("a::operator<", "operator<"),
    ],
)
def test_a_name_is_bare_without_what_it_is_in(name, bare):
    assert bare_name(name) == bare


def test_a_static_of_a_function_is_called_as_in_the_source(builder):
    """clang writes the function before it."""
    module = builder.modules[0]
    static = cv.S_LDATA32, struct.pack("<IIH", INT, 0, 2) + b"app::g::calls\0"
    module.procedure("app::g", 0x40, 0x40, sites=[static])
    module.lines(0x40, 0x40, (module.file("f.cpp"), [(0, 1)]))
    (scope,) = PdbVariables(PdbLookup(builder.build())).find(0x1050)

    assert [variable.name for variable in scope.variables] == ["calls"]


@pytest.mark.parametrize("cut", [4, 0x30])
def test_a_table_of_names_that_is_none_finds_none(builder, cut):
    builder.public("?count@@3PEAHEA", 0x100, section=2)
    builder.datum("count", 0x100, number=POINTER, section=2)
    content = builder.build()
    at = content.index(struct.pack("<II", 0xFFFFFFFF, 0xEFFE0000 + 19990810))
    spoilt = content[:at] + b"\xff" * cut + content[at + cut :]
    try:
        data = StaticData(PdbLookup(spoilt))
        assert data.find_named("count", "?count@@3PEAHEA") in (None, DATA + 0x100)
        assert data.find(DATA + 0x100).name == "count"  # by all of them
    except MalformedFile:
        pytest.fail("damage of the table alone costs no answer")


class TestCode:
    """A function's code: what has surely run is told by all of it."""

    @staticmethod
    def find_code(flags=0, compiled_by=b"Debian clang version 14.0.6\0"):
        made = PdbBuilder()
        module = made.module()
        kind, body = compiler()
        module.add(kind, body[: -len(b"cl\0")] + bytes(6) + compiled_by)
        symbols = [frame_symbol(1 << 14 | flags), local("x")]
        module.procedure("f", 0, 0x40, sites=symbols)
        module.lines(0, 0x40, (module.file("f.cpp"), [(0, 1)]))
        (scope,) = PdbVariables(PdbLookup(made.build())).find(0x1020)
        return scope.code

    def test_llvm_has_it_in_one_piece(self):
        assert self.find_code() == ((0x1000, 0x1040),)

    @pytest.mark.parametrize("flag", [1, 4, 6, 9, 18])
    def test_handlers_and_profiles_may_have_more(self, flag):
        assert self.find_code(1 << flag) == ()

    def test_other_compilers_may_part_it(self):
        assert self.find_code(compiled_by=b"Microsoft (R) Optimizing Compiler\0") == ()


class TestThreadLocals:
    @staticmethod
    def locate(memory, builder, teb=TEB, width=8):
        static = cv.S_LTHREAD32, struct.pack("<IIH", INT, 0x10, 3) + b"f::own\0"
        module = builder.modules[0]
        module.procedure("g", 0x40, 0x40, sites=[static])
        module.lines(0x40, 0x40, (module.file("f.cpp"), [(0, 1)]))
        (scope,) = PdbVariables(PdbLookup(builder.build())).find(0x1050)
        (variable,) = scope.variables
        frame = Frame(memory=memory, width=width)
        frame.teb = teb
        assert (variable.name, variable.kind) == ("own", "static")
        return variable.locate(frame)

    @pytest.fixture(params=["global", "public"])
    def index(self, request, builder):
        """_tls_index has a record of its own, or a public symbol alone, as in Microsoft's CRT."""
        if request.param == "global":
            builder.datum("_tls_index", 0x40, number=INT, section=2)
        else:
            builder.public("_tls_index", 0x40, section=2)
        return builder

    def test_they_are_in_the_copy_that_the_array_of_the_thread_leads_to(self, index):
        assert self.locate(MEMORY, index) == MemoryPlace(COPY + 0x10)

    def test_on_x86_the_block_has_others_offsets(self):
        builder = PdbBuilder(machine=0x14C)
        builder.sections.append((DATA, 0x1000))
        builder.module().add(*compiler())
        builder.public("__tls_index", 0x40, section=2)
        memory = {TEB + 0x18: TEB, TEB + 0x2C: ARRAY, INDEX: 3, ARRAY + 12: COPY}
        assert self.locate(memory, builder, width=4) == MemoryPlace(COPY + 0x10)

    @pytest.mark.parametrize(
        ("missing", "reason"),
        [
            (INDEX, f"_tls_index, memory at {INDEX:#x}"),
            (TEB + 0x58, f"the thread's TEB, memory at {TEB + 0x58:#x}"),
            (ARRAY + 24, f"the thread's array of storage, memory at {ARRAY + 24:#x}"),
        ],
    )
    def test_what_the_dump_lacks_on_the_way_is_named(self, index, missing, reason):
        memory = {place: value for place, value in MEMORY.items() if place != missing}
        assert self.locate(memory, index) == LostPlace("not_in_dump", reason)

    @pytest.mark.parametrize(
        ("change", "reason"),
        [
            ({TEB + 0x30: 1}, f"the thread's TEB is not at {TEB:#x}"),
            ({INDEX: 0xFFFFFFFF}, "_tls_index holds 0xffffffff"),
            ({TEB + 0x58: 0}, "the thread has no storage of its own yet"),
            ({ARRAY + 24: 0}, "the thread has none of this module yet"),
        ],
    )
    def test_what_cannot_be_gives_no_place(self, index, change, reason):
        place = self.locate(MEMORY | change, index)
        assert place == LostPlace("unknown", f"it is thread-local, and {reason}")

    def test_without_the_symbol_there_is_none(self, builder):
        assert "no symbol says" in self.locate(MEMORY, builder).reason

    def test_without_a_teb_there_is_none(self, index):
        assert "where the thread's TEB is" in self.locate(MEMORY, index, teb=0).reason
