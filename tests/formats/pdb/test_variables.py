"""Variables of PDBs that are built here: which there are at an address, and where."""

import struct

import pytest

from crashtool.formats.pdb import codeview as cv
from crashtool.formats.pdb import local_structs as structs
from crashtool.formats.pdb.lookup import PdbLookup
from crashtool.formats.pdb.variables import PdbVariables
from crashtool.formats.variables.places import (
    ConstantPlace,
    LostPlace,
    MemoryPlace,
    Piece,
    PiecesPlace,
    RegisterPlace,
)
from tests.formats.pdb.test_types import add_fields, add_struct, member
from tests.synth.pdb import PdbBuilder

INT, CHAR, LONG, DOUBLE, UNSIGNED = 0x74, 0x70, 0x13, 0x41, 0x75
RSP, RBP, RAX, RCX, EAX, ECX, XMM0 = 335, 334, 328, 330, 17, 18, 154
EBP, VFRAME = 22, 30006
BY_RSP, BY_RBP = 1 << 14 | 1 << 16, 2 << 14 | 2 << 16  # S_FRAMEPROC's flags
NEW_COMPILER, OLD_COMPILER = 19, 16
BASE, STACK = 0x140000000, 0x7F0000


class Frame:
    """A frame whose registers are known as far as they are given."""

    def __init__(self, *, calls=True, cfa=None, memory=None, width=8, **registers):
        self.base = BASE
        self.return_address = 0x140001234 if calls else None
        self.cfa = cfa
        self.caller = None
        self.teb = 0
        self.registers = registers
        self.memory = memory or {}
        self.width = width

    def read_register(self, name):
        if name not in self.registers:
            return None
        return self.registers[name].to_bytes(self.width, "little")

    def read_memory(self, address, size):
        found = self.memory.get(address)
        return None if found is None else found.to_bytes(size, "little")


def compiler(version=NEW_COMPILER):
    return cv.S_COMPILE3, structs.Compile3Sym(back_major=version).pack()[4:] + b"cl\0"


def frame_symbol(flags, size=0x28, saved=0):
    row = structs.FrameProcSym(frame_size=size, saved_registers_size=saved, flags=flags)
    return cv.S_FRAMEPROC, row.pack()[4:]


def local(name, number=INT, flags=0):
    return cv.S_LOCAL, struct.pack("<IH", number, flags) + name.encode() + b"\0"


def code(start, size, *gaps, section=1):
    return struct.pack("<IHH", start, section, size) + b"".join(
        struct.pack("<HH", *gap) for gap in gaps
    )


def in_register(register, *where):
    return cv.S_DEFRANGE_REGISTER, struct.pack("<HH", register, 0) + code(*where)


def in_frame(offset, *where):
    return cv.S_DEFRANGE_FRAMEPOINTER_REL, struct.pack("<i", offset) + code(*where)


def everywhere_in_frame(offset):
    return cv.S_DEFRANGE_FRAMEPOINTER_REL_FULL_SCOPE, struct.pack("<i", offset)


def part_in_register(register, start, *where):
    body = struct.pack("<HHI", register, 0, start) + code(*where)
    return cv.S_DEFRANGE_SUBFIELD_REGISTER, body


def relative(register, offset, *where, part=None):
    bits = 0 if part is None else part << 4 | 1
    body = struct.pack("<HHi", register, bits, offset) + code(*where)
    return cv.S_DEFRANGE_REGISTER_REL, body


def by_register(name, register, offset, number=INT):
    body = struct.pack("<iIH", offset, number, register) + name.encode() + b"\0"
    return cv.S_REGREL32, body


def block(start, size, *symbols):
    head = cv.S_BLOCK32, struct.pack("<IIIIH", 0, 0, size, start, 1) + b"\0"
    return (head, *symbols, (cv.S_END, b""))


# Sizes of cvinfo.h's structs, as far as their names; those of places without their heads
SIZES = {
    structs.Compile2Sym: 18,
    structs.Compile3Sym: 20,
    structs.FrameProcSym: 30,
    structs.BlockSym: 22,
    structs.LocalSym: 10,
    structs.FileStaticSym: 14,
    structs.RegRelSym: 14,
    structs.BpRelSym: 12,
    structs.RegisterSym: 10,
    structs.DataSym: 14,
    structs.ConstantSym: 8,
    structs.LvarAddrRange: 8,
    structs.LvarAddrGap: 4,
    structs.DefRangeRegister: 4,
    structs.DefRangeFramePointerRel: 4,
    structs.DefRangeSubfieldRegister: 8,
    structs.DefRangeRegisterRel: 8,
}


@pytest.mark.parametrize("struct_", SIZES, ids=lambda row: row.__name__)
def test_structs_have_the_published_sizes(struct_):
    assert SIZES[struct_] == struct_.SIZE


@pytest.fixture
def builder():
    return PdbBuilder()


def find(builder, symbols, address=0x1020, frame=None, version=NEW_COMPILER, **options):
    """Variables of a function at 0x1000 to 0x1040, as (name, kind, place)."""
    module = builder.modules[0] if builder.modules else builder.module()
    if version:
        module.add(*compiler(version))
    module.procedure("f", 0, 0x40, sites=symbols, **options)
    module.lines(0, 0x40, (module.file("f.cpp"), [(0, 1)]))
    lookup = PdbLookup(builder.build())
    scopes = PdbVariables(lookup).find(address)
    assert lookup.problems == []
    assert len(scopes) == len(lookup.find_locations(address))
    frame = frame or Frame(rsp=STACK)
    return [
        [(row.name, row.kind, row.locate(frame)) for row in scope.variables] for scope in scopes
    ]


def find_one(builder, symbols, **options):
    """The place of the one variable of the function."""
    ((row,),) = find(builder, symbols, **options)
    return row[2]


def test_arguments_come_before_locals_and_statics(builder):
    static = cv.S_LDATA32, struct.pack("<IIH", INT, 0x300, 1) + b"count\0"
    found = find(
        builder,
        [
            frame_symbol(BY_RSP),
            static,
            local("b"),
            in_frame(8, 0, 0x40),
            local("a", INT, 1),
            in_register(RCX, 0, 0x40),
        ],
    )

    assert found == [
        [
            ("a", "argument", RegisterPlace("rcx")),
            ("b", "local", MemoryPlace(STACK + 8)),
            ("count", "static", MemoryPlace(BASE + 0x1300)),
        ]
    ]


@pytest.mark.parametrize(
    ("address", "place"),
    [
        (0x100F, "optimized_out"),
        (0x1010, RegisterPlace("rax")),
        (0x1013, "optimized_out"),
        (0x1014, RegisterPlace("rax")),
        (0x101F, RegisterPlace("rax")),
        (0x1020, MemoryPlace(STACK - 4)),
        (0x1028, "optimized_out"),
    ],
)
def test_a_place_holds_for_its_code_without_the_gaps(builder, address, place):
    symbols = [
        frame_symbol(BY_RSP),
        local("x"),
        in_register(EAX, 0x10, 0x10, (2, 2)),
        in_frame(-4, 0x20, 8),
    ]
    found = find_one(builder, symbols, address=address)

    assert getattr(found, "state", found) == place


def test_another_section_is_other_code(builder):
    symbols = [
        local("x"),
        (cv.S_DEFRANGE_REGISTER, struct.pack("<HH", EAX, 0) + code(0, 0x40, section=2)),
    ]

    assert find_one(builder, symbols).state == "optimized_out"


@pytest.mark.parametrize(
    ("machine", "register", "place"),
    [
        (0x8664, 1, RegisterPlace("rax")),
        (0x8664, 5, RegisterPlace("rax", 1)),
        (0x8664, 327, RegisterPlace("rsp")),
        (0x8664, 365, RegisterPlace("r13")),
        (0x8664, 254, RegisterPlace("xmm10")),
        (0x8664, 202, RegisterPlace("xmm0", 8)),
        (0x8664, 265, RegisterPlace("xmm9", 4)),
        (0x14C, EAX, RegisterPlace("eax")),
        (0x14C, 195, RegisterPlace("xmm1")),
        (0xAA64, 11, RegisterPlace("x1")),
        (0xAA64, 79, RegisterPlace("fp")),
        (0xAA64, 148, RegisterPlace("v8")),
    ],
)
def test_registers_have_the_names_of_the_walk(builder, machine, register, place):
    builder.machine = machine
    symbols = [local("x", CHAR), in_register(register, 0, 0x40)]

    assert find_one(builder, symbols) == place


@pytest.mark.parametrize("register", [128, 212, 252, 9999])
def test_a_register_that_cannot_be_told_gives_no_value(builder, register):
    """ST(0), a pair, and what x86 calls YMM0."""
    builder.machine = 0x14C

    assert find_one(builder, [local("x"), in_register(register, 0, 0x40)]).state == "unknown"


def test_what_is_larger_than_its_register_is_not_taken_from_it(builder):
    """It may as well hold the address."""
    number = add_struct(builder, "Big", 0, 16)

    found = find_one(builder, [local("big", number), in_register(RAX, 0, 0x40)])
    assert found == LostPlace("unknown", "the PDB puts 16 bytes in rax, of which 8 count")


class TestParts:
    @pytest.fixture
    def number(self, builder):
        """{int a; int b; double c; char d[4];}"""
        text = builder.type(cv.LF_ARRAY, struct.pack("<IIH", CHAR, INT, 4))
        rows = [("a", INT, 0), ("b", INT, 4), ("c", DOUBLE, 8), ("d", text, 16)]
        return add_struct(builder, "S", add_fields(builder, *(member(*row) for row in rows)), 24)

    def test_a_part_is_as_large_as_the_member_there(self, builder, number):
        symbols = [
            frame_symbol(BY_RSP),
            local("s", number),
            part_in_register(XMM0, 8, 0, 0x40),
            part_in_register(RAX, 0, 0, 0x40),
            relative(RSP, 0x30, 0, 0x40, part=17),
        ]
        lost = LostPlace("optimized_out", "the PDB has no place for this part at this instruction")

        assert find_one(builder, symbols) == PiecesPlace(
            (
                Piece(RegisterPlace("rax"), 4),
                Piece(lost, 4),
                Piece(RegisterPlace("xmm0"), 8),
                Piece(lost, 1),
                Piece(MemoryPlace(STACK + 0x30), 1),
                Piece(lost, 6),
            )
        )

    @pytest.mark.parametrize("start", [2, 6, 20, 24, 0xFFF])
    def test_a_part_where_no_member_begins_is_none(self, builder, number, start):
        symbols = [local("s", number), part_in_register(EAX, start, 0, 0x40)]
        found = find_one(builder, symbols)

        assert [type(row.place) for row in found.pieces] == [LostPlace]

    def test_a_member_that_is_wider_than_its_register_is_lost(self, builder, number):
        found = find_one(builder, [local("s", number), part_in_register(EAX, 8, 0, 0x40)])

        assert [(type(row.place), row.size) for row in found.pieces] == [(LostPlace, 24)]

    def test_parts_of_what_has_no_size_are_lost(self, builder):
        symbols = [local("s", 0x1FFF), part_in_register(EAX, 0, 0, 0x40)]

        assert find_one(builder, symbols).state == "unknown"


class TestFrame:
    def test_without_a_base_there_is_no_place(self, builder):
        found = find_one(builder, [local("x"), in_frame(8, 0, 0x40)])

        assert found.state == "unknown"
        assert "counted from" in found.reason

    def test_msvc_names_the_base_behind_the_variables(self, builder):
        symbols = [local("x"), in_frame(-8, 0, 0x40), frame_symbol(BY_RBP)]

        assert find_one(builder, symbols, frame=Frame(rbp=0x5000)) == MemoryPlace(0x4FF8)

    def test_arguments_may_have_a_base_of_their_own(self, builder):
        symbols = [
            frame_symbol(1 << 14 | 2 << 16),
            local("x"),
            in_frame(8, 0, 0x40),
            local("a", INT, 1),
            in_frame(8, 0, 0x40),
        ]
        ((argument, inner),) = find(builder, symbols, frame=Frame(rsp=STACK, rbp=0x5000))

        assert (argument[2], inner[2]) == (MemoryPlace(0x5008), MemoryPlace(STACK + 8))

    def test_a_register_that_the_walk_lost_gives_no_address(self, builder):
        symbols = [frame_symbol(BY_RBP), local("x"), in_frame(-8, 0, 0x40)]
        found = find_one(builder, symbols)

        assert found == LostPlace("unknown", "the walk does not know rbp in this frame")

    @pytest.mark.parametrize(
        ("inner", "is_there"), [(3, False), (4, True), (0x38, True), (0x39, False)]
    )
    def test_a_place_for_all_of_a_function_holds_while_its_frame_stands(
        self, builder, inner, is_there
    ):
        symbols = [local("x"), everywhere_in_frame(8), frame_symbol(BY_RSP)]
        found = find_one(builder, symbols, address=0x1000 + inner, body=(4, 0x38))

        assert isinstance(found, MemoryPlace) is is_there

    @pytest.mark.parametrize(
        ("calls", "cfa", "is_there"),
        [
            (False, STACK + 0x40, True),
            (False, STACK + 0x38, False),
            (False, STACK + 8, False),
            (True, STACK + 8, True),
            (False, None, True),
        ],
    )
    def test_clangs_places_by_rsp_do_not_hold_where_the_frame_was_given_back(
        self, builder, calls, cfa, is_there
    ):
        """Frame and saved registers take 0x38 bytes, the return address 8."""
        symbols = [frame_symbol(BY_RSP, 0x28, 0x10), local("x"), in_frame(8, 0, 0x40)]
        found = find_one(builder, symbols, frame=Frame(calls=calls, cfa=cfa, rsp=STACK))

        assert isinstance(found, MemoryPlace) is is_there

    @pytest.mark.parametrize(
        ("machine", "flags", "registers", "depth", "is_there"),
        [
            (0x8664, BY_RBP, ("rbp", "rsp"), 0x70, True),
            (0x8664, BY_RBP, ("rbp", "rsp"), 8, False),
            (0x14C, BY_RBP, ("ebp", "esp"), 8, True),
            (0x14C, BY_RBP, ("ebp", "esp"), 4, False),
            (0xAA64, BY_RBP, ("fp", "sp"), 0x10, True),
            (0xAA64, BY_RBP, ("fp", "sp"), 0, False),
            (0xAA64, BY_RSP, ("sp", "sp"), 0x38, True),
            (0xAA64, BY_RSP, ("sp", "sp"), 0, False),
        ],
    )
    def test_nor_do_those_by_a_frame_pointer_that_is_the_callers_again(
        self, builder, machine, flags, registers, depth, is_there
    ):
        builder.machine = machine
        base, stack = registers
        symbols = [frame_symbol(flags, 0x28, 0x10), local("x"), in_frame(8, 0, 0x40)]
        frame = Frame(calls=False, cfa=STACK + depth, **{base: 0x5000} | {stack: STACK})
        found = find_one(builder, symbols, frame=frame)

        assert isinstance(found, MemoryPlace) is is_there

    def test_a_place_of_its_own_by_the_stack_pointer_holds_while_the_frame_is_made(self, builder):
        """MSVC, at a function's first instruction: an argument is where the caller put it."""
        symbols = [
            local("x"),
            relative(RSP, 8, 0, 1),
            everywhere_in_frame(0x48),
            frame_symbol(BY_RSP),
        ]
        frame = Frame(calls=False, cfa=STACK + 8, rsp=STACK)

        assert find_one(builder, symbols, address=0x1000, frame=frame, body=(4, 0x38)) == (
            MemoryPlace(STACK + 8)
        )


class TestOldRecords:
    def test_they_count_in_code_that_is_not_optimized(self, builder):
        symbols = [
            by_register("argc", RSP, 0x30),
            by_register("x", RSP, 0x10),
            by_register("__$ArrayPad$", RSP, 0x18),
            frame_symbol(BY_RSP),
        ]

        assert find(builder, symbols, body=(4, 0x38)) == [
            [
                ("argc", "argument", MemoryPlace(STACK + 0x30)),
                ("x", "local", MemoryPlace(STACK + 0x10)),
            ]
        ]

    @pytest.mark.parametrize(
        "options", [{"flags": 0x80}, {"version": OLD_COMPILER}, {"version": None}]
    )
    def test_they_do_not_count_where_code_may_be_optimized(self, builder, options):
        symbols = [by_register("x", RSP, 0x10), frame_symbol(BY_RSP)]

        assert find_one(builder, symbols, **options).state == "unknown"

    @pytest.mark.parametrize("inner", [3, 0x39])
    def test_they_do_not_count_while_the_frame_is_made_or_taken_down(self, builder, inner):
        symbols = [by_register("x", RSP, 0x10), frame_symbol(BY_RSP)]
        found = find_one(builder, symbols, address=0x1000 + inner, body=(4, 0x38))

        assert found.reason == "the function is making or taking down its frame here"

    def test_a_variable_that_has_ranges_too_is_told_by_these(self, builder):
        symbols = [
            local("x"),
            in_register(EAX, 0, 8),
            by_register("x", RSP, 0x10),
            frame_symbol(BY_RSP),
        ]

        assert find_one(builder, symbols).state == "optimized_out"

    def test_a_register_for_all_of_a_function_is_no_place(self, builder):
        symbols = [(cv.S_REGISTER, struct.pack("<IH", INT, EAX) + b"x\0")]

        assert find_one(builder, symbols).state == "unknown"

    @pytest.mark.parametrize(
        ("flags", "place"), [(2 << 14, MemoryPlace(0x5008)), (1 << 14, None), (0, None)]
    )
    def test_s_bprel32_counts_from_ebp_if_that_is_the_frame_pointer(self, builder, flags, place):
        builder.machine = 0x14C
        symbols = [
            (cv.S_BPREL32, struct.pack("<iI", 8, INT) + b"argc\0"),
            frame_symbol(flags),
        ]
        ((row,),) = find(builder, symbols, frame=Frame(width=4, ebp=0x5000))

        assert row[0] == "argc"
        assert (row[1] == "argument") is (place is not None)
        assert row[2] == place or (place is None and row[2].state == "unknown")


class TestScopes:
    def test_a_block_counts_where_the_address_is_in_it(self):
        symbols = [
            frame_symbol(BY_RSP),
            local("x"),
            in_frame(8, 0, 0x40),
            *block(0x10, 8, local("x"), in_frame(16, 0, 0x40), *block(0x14, 4, local("y"))),
            *block(0x20, 8, local("z"), in_frame(24, 0, 0x40)),
        ]
        names = {
            address: [row[0] for row in find(PdbBuilder(), symbols, address=address)[0]]
            for address in (0x100F, 0x1010, 0x1014, 0x1018, 0x1020, 0x1028)
        }

        assert names == {
            0x100F: ["x"],
            0x1010: ["x", "x"],
            0x1014: ["x", "x", "y"],
            0x1018: ["x"],
            0x1020: ["x", "z"],
            0x1028: ["x"],
        }

    def test_variables_of_merged_calls_are_told_apart(self, builder):
        """outer at +4 to +c, inner within it at +6 to +8; a call that is not under way has none."""
        outer, inner, other = (
            builder.id(cv.LF_FUNC_ID, struct.pack("<II", 0, 0) + name + b"\0")
            for name in (b"outer", b"inner", b"other")
        )
        symbols = [
            frame_symbol(BY_RSP),
            local("own"),
            in_frame(8, 0, 0x40),
            (
                outer,
                [3, 4, 4, 8],
                [
                    local("a", INT, 1),
                    in_register(ECX, 0, 0x40),
                    (inner, [3, 6, 4, 2], [local("b"), in_frame(16, 0, 0x40)]),
                    local("c"),
                ],
            ),
            (other, [3, 0x20, 4, 4], [local("d"), in_frame(24, 0, 0x40)]),
        ]

        def names(address):
            fresh = PdbBuilder()
            fresh.ids = builder.ids
            return [[row[0] for row in scope] for scope in find(fresh, symbols, address)]

        assert names(0x1006) == [["b"], ["a", "c"], ["own"]]
        assert names(0x1004) == [["a", "c"], ["own"]]
        assert names(0x1010) == [["own"]]


def test_statics_constants_and_thread_locals(builder):
    symbols = [
        (cv.S_GDATA32, struct.pack("<IIH", INT, 0x10, 9) + b"elsewhere\0"),
        (cv.S_LTHREAD32, struct.pack("<IIH", INT, 0x10, 1) + b"own\0"),
        (cv.S_CONSTANT, struct.pack("<IHh", INT, 0x8001, -2) + b"minus_two\0"),
        (cv.S_FILESTATIC, struct.pack("<IIH", INT, 0, 0) + b"moved\0"),
        in_register(EAX, 0, 0x40),
    ]
    ((constant, elsewhere, own, moved),) = find(builder, symbols)

    assert constant == ("minus_two", "local", ConstantPlace(b"\xfe" + b"\xff" * 15))
    assert (elsewhere[0], elsewhere[1], elsewhere[2].state) == ("elsewhere", "static", "unknown")
    assert own[2].reason == (
        "it is thread-local, and the dump does not say where the thread's TEB is"
    )
    assert moved == ("moved", "static", RegisterPlace("rax"))


class TestFrameData:
    @pytest.fixture
    def build(self, builder):
        builder.machine = 0x14C

        def build(program, frame):
            builder.optional[9] = struct.pack(
                "<6IHHI", 0x1000, 0x40, 8, 4, 0, builder.string(program), 3, 4, 0
            )
            symbols = [frame_symbol(1 << 14 | 1 << 16), local("a", INT, 1), in_frame(4, 0, 0x40)]
            return find_one(builder, symbols, frame=frame)

        return build

    def test_vframe_is_what_the_program_computes(self, build):
        program = "$T1 .raSearch = $T0 $T1 4 - 8 @ = $eip $T1 ^ = $esp $T1 4 + ="
        frame = Frame(width=4, cfa=0x5010, memory={0x500C: 0x1234}, esp=0x4F00)

        assert build(program, frame) == MemoryPlace(0x5008 + 4)

    @pytest.mark.parametrize(
        ("program", "cfa"),
        [
            ("$T0 .raSearch = $eip $T0 ^ = $esp $T0 8 + =", 0x5010),
            ("$T0 .raSearch = $eip $T0 ^ = $esp $T0 4 + =", None),
            ("$T0 $ebp = $eip $T0 4 + ^ = $esp $T0 8 + =", 0x5010),
            ("nonsense", 0x5010),
        ],
    )
    def test_a_program_that_does_not_lead_to_the_caller_gives_none(self, build, program, cfa):
        frame = Frame(width=4, cfa=cfa, memory={0x500C: 0x1234}, esp=0x4F00)

        assert build(program, frame).state == "unknown"


class TestDamage:
    def test_a_cut_record_costs_the_variables_of_its_function(self, builder):
        module = builder.module()
        module.procedure("f", 0, 0x40, sites=[(cv.S_LOCAL, b"\1")])
        lookup = PdbLookup(builder.build())

        assert PdbVariables(lookup).find(0x1020) == []
        assert [row.partition(" at ")[0] for row in lookup.problems] == ["LocalSym cut short"]
        assert [row.function for row in lookup.find_locations(0x1020)] == ["f"]

    def test_a_damaged_type_costs_its_own_variable(self, builder):
        loop = builder.type(cv.LF_MODIFIER, struct.pack("<IH", 0x1000, 1))
        module = builder.module()
        module.procedure("f", 0, 0x40, sites=[local("bad", loop), local("x")])
        lookup = PdbLookup(builder.build())
        ((bad, good),) = (scope.variables for scope in PdbVariables(lookup).find(0x1020))

        assert (bad.name, bad.type.kind) == ("bad", "unknown")
        assert (good.name, good.type.name) == ("x", "int")
        assert "types within types without end" in lookup.problems[0]

    def test_an_unknown_kind_of_place_is_no_place(self, builder):
        symbols = [local("x"), (cv.S_DEFRANGE_SUBFIELD, bytes(16))]

        assert find_one(builder, symbols).state == "unknown"

    @pytest.mark.parametrize("address", [0, 0x1040, 0xFFFFFFFF])
    def test_beside_the_function_there_is_nothing(self, builder, address):
        builder.module().procedure("f", 0, 0x40, sites=[local("x")])

        assert PdbVariables(PdbLookup(builder.build())).find(address) == []
