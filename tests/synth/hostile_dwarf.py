"""DWARF that is written to be expensive: small files that lead in circles, or promise too much.

Each case is the sections of one ELF file whose code is that of `tests.synth.dwarf`: the function
`main` at LOW, of SIZE bytes, and around it what the case is about.
"""

from tests.synth.dwarf import LOW, SIZE, build_lines, number, sleb, uleb, with_length

# Tags, by the codes of ABBREVIATIONS.
UNIT, FUNCTION, BLOCK, VARIABLE, INLINED, BASE, POINTER, CONST = range(1, 9)
STRUCT, MEMBER, NAMESPACE, ARRAY, COUNT, PROCEDURE, PARAMETER, TYPEDEF = range(9, 17)
MEMBER_POINTER, ABSTRACT, LISTED, PLACED_BLOCK, DECLARED, VARIANTS, CALL, LONG = range(17, 25)
OFFERED, SIBLING, INDIRECT, ENUM = range(25, 29)
DEEP = 100_000
HEADER_SIZE = 11  # of a unit of DWARF 4
NAME, TYPE, LOW_PC, HIGH_PC, RANGES = 0x03, 0x49, 0x11, 0x12, 0x55
TEXT, REF, ADDRESS, DATA_4, DATA_1, EXPRESSION, OFFSET = 0x08, 0x13, 0x01, 0x06, 0x0B, 0x18, 0x17
WITH_CODE = (NAME, TEXT), (LOW_PC, ADDRESS), (HIGH_PC, DATA_4)
SHAPES = {
    UNIT: (0x11, 1, *WITH_CODE, (0x10, OFFSET), (0x13, DATA_1)),
    FUNCTION: (0x2E, 1, *WITH_CODE, (0x40, EXPRESSION)),
    BLOCK: (0x0B, 1),
    VARIABLE: (0x34, 0, (NAME, TEXT), (TYPE, REF), (0x02, EXPRESSION)),
    INLINED: (0x1D, 1, (0x31, REF), *WITH_CODE[1:], (0x58, DATA_1), (0x59, DATA_1)),
    BASE: (0x24, 0, (NAME, TEXT), (0x0B, DATA_1), (0x3E, DATA_1)),
    POINTER: (0x0F, 0, (TYPE, REF)),
    CONST: (0x26, 0, (TYPE, REF)),
    STRUCT: (0x13, 1, (NAME, TEXT), (0x0B, DATA_1)),
    MEMBER: (0x0D, 0, (NAME, TEXT), (TYPE, REF), (0x38, DATA_1)),
    NAMESPACE: (0x39, 1, (NAME, TEXT)),
    ARRAY: (0x01, 1, (TYPE, REF)),
    COUNT: (0x21, 0, (0x37, DATA_4)),
    PROCEDURE: (0x15, 1, (TYPE, REF)),
    PARAMETER: (0x05, 0, (TYPE, REF)),
    TYPEDEF: (0x16, 0, (NAME, TEXT), (TYPE, REF)),
    MEMBER_POINTER: (0x1F, 0, (0x1D, REF), (TYPE, REF)),
    ABSTRACT: (0x2E, 1, (NAME, TEXT), (0x31, REF)),
    LISTED: (0x2E, 0, (NAME, TEXT), (RANGES, OFFSET)),
    PLACED_BLOCK: (0x0B, 1, *WITH_CODE[1:]),
    DECLARED: (0x2E, 1, *WITH_CODE[1:], (0x47, REF)),
    VARIANTS: (0x33, 1, (0x15, REF)),
    CALL: (0x48, 1, (0x7D, ADDRESS), (0x7F, REF)),
    LONG: (0x34, 0, (NAME, TEXT), (0x1C, 0x0F)),
    OFFERED: (0x30, 0, (NAME, TEXT), (TYPE, REF)),
    SIBLING: (0x2E, 1, (0x01, REF), *WITH_CODE),
    INDIRECT: (0x34, 0, (NAME, 0x16)),
    ENUM: (0x04, 1, (NAME, TEXT), (TYPE, REF)),
}


def declare(shapes=None):
    """.debug_abbrev of the shapes, by code."""
    table = b""
    for code, (tag, inner, *attributes) in (shapes or SHAPES).items():
        table += uleb(code) + uleb(tag) + bytes([inner])
        table += b"".join(uleb(name) + uleb(form) for name, form in attributes) + b"\0\0"
    return table + b"\0"


def text(value):
    return value if isinstance(value, bytes) else value.encode() + b"\0"


def place(low=LOW, size=SIZE):
    return number(low, 8) + number(size, 4)


def variable(kind, name="x", expression=b"\x91\x68"):
    """One that has its place in the frame; `kind`: where its type is in the unit."""
    return bytes([VARIABLE]) + text(name) + number(kind, 4) + uleb(len(expression)) + expression


FRONT = bytes([UNIT]) + b"a.cc\0" + place(LOW, 0x100) + bytes(4) + b"\x04"
FIRST = HEADER_SIZE + len(FRONT)  # where what a case puts first is
MAIN = bytes([FUNCTION]) + b"main\0" + place() + b"\1\x56"


def build_unit(before=b"", inner=b"", behind=b"", main=MAIN):
    """A unit: what is before `main`, in it, and behind it."""
    body = FRONT + before + main + inner + b"\0" + behind + b"\0"
    return with_length(number(4, 2) + number(0, 4) + b"\x08" + body, wide=False)


def build_case(before=b"", inner=b"", behind=b"", main=MAIN, **sections):
    return {
        "debug_info": build_unit(before, inner, behind, main),
        "debug_abbrev": declare(),
        "debug_line": build_lines(4),
    } | sections


def refer(code, target, *more):
    return bytes([code]) + b"".join(more) + number(target, 4)


def of_type(*entries, where=0):
    """A variable whose type is the `where`-th of some entries before `main`."""
    start = FIRST + len(b"".join(entries[:where]))
    return build_case(b"".join(entries), variable(start))


def _named(code, name, target):
    return bytes([code]) + text(name) + number(target, 4)


def blocks_in_blocks():
    return build_case(inner=bytes([BLOCK]) * DEEP + variable(FIRST) + bytes(DEEP))


def blocks_with_code():
    block = bytes([PLACED_BLOCK]) + place()
    return build_case(inner=block * DEEP + variable(FIRST) + bytes(DEEP))


def calls_in_calls():
    call = refer(INLINED, FIRST) + place() + b"\1\1"
    inlined = bytes([ABSTRACT]) + b"f\0" + number(FIRST, 4) + b"\0"
    return build_case(inlined, call * DEEP + bytes(DEEP))


def namespaces_in_namespaces():
    name = bytes([NAMESPACE]) + b"n\0"
    return build_case(name * DEEP, behind=bytes(DEEP))


def structs_in_structs():
    return build_case((bytes([STRUCT]) + b"s\0\1") * DEEP + bytes(DEEP), variable(FIRST))


def unended_blocks():
    return build_case(inner=bytes([BLOCK]) * DEEP)


def constant_of_itself():
    return of_type(refer(CONST, FIRST))


def typedefs_in_a_ring():
    first = _named(TYPEDEF, "a", FIRST + 7)
    return of_type(first, _named(TYPEDEF, "b", FIRST))


def pointer_to_itself():
    return of_type(refer(POINTER, FIRST))


def array_of_itself():
    return of_type(refer(ARRAY, FIRST) + (bytes([COUNT]) + number(1000, 4)) * 8 + b"\0")


def struct_of_itself():
    members = bytes([MEMBER]) + b"m\0" + number(FIRST, 4) + b"\0"
    return of_type(bytes([STRUCT]) + b"s\0\x10" + members * 64 + b"\0")


def enumeration_of_itself():
    return of_type(_named(ENUM, "e", FIRST) + b"\0")


def procedure_that_takes_itself():
    return of_type(refer(PROCEDURE, FIRST) + refer(PARAMETER, FIRST) * 32 + b"\0")


def pointer_to_a_procedure_that_takes_it():
    return of_type(
        refer(POINTER, FIRST + 5),
        refer(PROCEDURE, FIRST) + refer(PARAMETER, FIRST) * 32 + b"\0",
    )


def member_pointer_of_itself():
    return of_type(bytes([MEMBER_POINTER]) + number(FIRST, 4) * 2)


def template_of_itself():
    inner = (bytes([OFFERED]) + b"T\0" + number(FIRST, 4)) * 64
    return of_type(bytes([STRUCT]) + b"s\0\x10" + inner + b"\0")


def variants_of_themselves():
    inner = refer(VARIANTS, FIRST + 5) + b"\0"
    return of_type(bytes([STRUCT]) + b"s\0\x10" + inner + b"\0")


def many_names_of_scopes():
    """Scopes whose names are long, around many types."""
    name = bytes([NAMESPACE]) + b"n" * 8000 + b"\0"
    struct = bytes([STRUCT]) + b"s\0\1\0"
    start = FIRST + len(name) * 60
    shown = b"".join(variable(start + 5 * step) for step in range(1000))
    return build_case(name * 60 + struct * 1000 + bytes(60), shown)


def origin_of_itself():
    call = refer(INLINED, FIRST) + place() + b"\1\1" + b"\0"
    return build_case(bytes([ABSTRACT]) + b"\0" + number(FIRST, 4) + b"\0", call)


def specification_of_itself():
    here = FIRST
    main = bytes([DECLARED]) + place() + number(here, 4)
    return build_case(main=main, inner=variable(here))


def origins_in_a_ring():
    size = len(bytes([ABSTRACT]) + b"\0" + number(0, 4) + b"\0")
    ring = b"".join(
        bytes([ABSTRACT]) + b"\0" + number(FIRST + (step + 1) % 1000 * size, 4) + b"\0"
        for step in range(1000)
    )
    call = refer(INLINED, FIRST) + place() + b"\1\1" + b"\0"
    return build_case(ring, call * 1000)


def forms_of_forms():
    return build_case(inner=bytes([INDIRECT]) + b"\x16" * DEEP + b"\x08x\0")


def code_without_end():
    return build_case(inner=b"\xff" * 1_000_000 + b"\1")


def constant_without_end():
    return build_case(inner=bytes([LONG]) + b"x\0" + b"\xff" * 1_000_000 + b"\1")


def siblings_to_themselves():
    def function(offset):
        return bytes([SIBLING]) + number(offset, 4) + b"f\0" + place(LOW + 0x80, 8) + b"\0"

    size = len(function(0))
    rows = b"".join(function(FIRST + step * size) for step in range(10_000))
    return build_case(rows)


def lists_of_nothing(count=10_000, pairs=60_000):
    """Many functions, each with a list of pieces that are in no code."""
    functions = (bytes([LISTED]) + b"f\0" + bytes(4)) * count
    pieces = (number(1 << 40, 8) + number((1 << 40) + 1, 8)) * pairs
    return build_case(functions, debug_ranges=pieces + bytes(16))


def lists_of_everything(count=10_000, pairs=60_000):
    functions = (bytes([LISTED]) + b"f\0" + bytes(4)) * count
    pieces = (number(1, 8) + number((1 << 64) - 2, 8)) * pairs
    return build_case(functions, debug_ranges=pieces + bytes(16))


def functions_over_one_another():
    function = bytes([FUNCTION]) + b"f\0" + place(LOW, 0x100) + b"\1\x56\0"
    return build_case(function * 50_000)


def declarations_without_end():
    attributes = b"\x03\x08" * 1000
    table = declare()[:-1]
    for code in range(100, 2100):
        table += uleb(code) + b"\x34\0" + attributes + b"\0\0"
    return build_case(debug_abbrev=table + b"\0")


def one_declaration_without_end():
    table = declare()[:-1] + uleb(100) + b"\x34\0" + b"\x03\x08" * 500_000
    return build_case(debug_abbrev=table)


def declarations_of_one_code():
    return build_case(debug_abbrev=(b"\x7f\x34\0\x03\x08\0\0") * 300_000)


def unending_numbers_of_declarations():
    table = declare()[:-1] + (b"\xff" * 9 + b"\x01\x34\0" + b"\xff" * 9 + b"\x01\x08\0\0") * 60_000
    return build_case(debug_abbrev=table)


def loops(*, expression):
    base = bytes([BASE]) + b"int\0\4\5"
    return build_case(base, variable(FIRST, expression=expression))


def expression_that_jumps_back():
    return loops(expression=b"\x30\x2f\xfc\xff")


def expression_that_grows():
    return loops(expression=b"\x31" + b"\x12\x24" * 30_000 + b"\x9f")


def expression_of_pieces():
    return loops(expression=b"\x50\x93\x01" * 30_000)


def expressions_in_expressions():
    expression = b""
    for _ in range(3000):
        expression = b"\xa3" + uleb(len(expression)) + expression
    return loops(expression=expression + b"\x9f")


def pointer_that_leads_to_itself():
    base = bytes([BASE]) + b"int\0\4\5"
    here = FIRST + len(base) + len(MAIN)
    expression = b"\xa0" + number(here, 4) + b"\0"
    return build_case(base + refer(POINTER, FIRST), variable(FIRST + 7, expression=expression))


def frame_base_of_itself():
    main = bytes([FUNCTION]) + b"main\0" + place() + b"\2\x91\0"
    base = bytes([BASE]) + b"int\0\4\5"
    return build_case(base, variable(FIRST), main=main)


def many_variables():
    base = bytes([BASE]) + b"int\0\4\5"
    return build_case(base, variable(FIRST) * 60_000)


def many_units(count=130_000):
    """Units of nothing, then one that has the code."""
    empty = with_length(number(4, 2) + number(0, 4) + b"\x08" + b"\0", wide=False)
    return build_case() | {"debug_info": empty * count + build_unit()}


def units_over_one_another(count=2000):
    functions = (bytes([FUNCTION]) + b"f\0" + place(LOW + 0x80, 4) + b"\1\x56\0") * 100
    unit = with_length(
        number(4, 2) + number(0, 4) + b"\x08" + FRONT + functions + b"\0", wide=False
    )
    return build_case() | {"debug_info": unit * count}


def run_lines(program, **options):
    return build_case(debug_line=build_lines(4, program=program, **options))


SET_LOW = b"\0\x09\2" + number(LOW, 8)
END_SEQUENCE = b"\0\1\1"


def rows_without_end():
    return run_lines(SET_LOW + b"\x13\x20" * 500_000 + END_SEQUENCE)


def lines_beyond_all_addresses():
    far = uleb((1 << 64) - 1)
    return run_lines(SET_LOW + (b"\2" + far + b"\x13") * 10_000 + END_SEQUENCE)


def lines_that_end_where_addresses_do():
    """The same row at the last address there is, and then rows that begin anew."""
    last = b"\0\x09\2" + b"\xff" * 8
    return run_lines(
        SET_LOW
        + b"\1"
        + (last + b"\x13\2\x01\1\2\xff\x7f\1" + SET_LOW + b"\x14") * 100
        + END_SEQUENCE
    )


def addresses_that_go_back():
    return run_lines(b"".join(SET_LOW + b"\x13\2\x10\x14" for _ in range(100_000)) + END_SEQUENCE)


def sequences_without_end():
    return run_lines((SET_LOW + b"\x13\2\x01\x14" + END_SEQUENCE) * 100_000)


def steps_of_lines():
    wide = sleb(1 << 62)
    return run_lines(SET_LOW + (b"\3" + wide + b"\1") * 20_000 + END_SEQUENCE)


def files_of_nothing():
    """A table of files whose entries take no bytes."""
    forms = uleb(1) + b"\x19"  # a flag that is there
    head = b"\1\1\1\xfb\x0e\x0d" + bytes([0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 1])
    tables = b"\1" + uleb(1) + b"\x08" + b"\1/src\0"
    tables += bytes([255]) + forms * 255 + uleb(250_000) + bytes(260_000)
    body = number(5, 2) + b"\x08\0" + number(len(head + tables), 4) + head + tables
    return build_case(debug_line=with_length(body, wide=False))


def call_of_itself():
    main = FIRST
    site = bytes([CALL]) + number(LOW + 8, 8) + number(main, 4) + b"\0"
    return build_case(inner=site * 10_000)


CASES = {
    case.__name__: case
    for case in (
        blocks_in_blocks,
        blocks_with_code,
        calls_in_calls,
        namespaces_in_namespaces,
        structs_in_structs,
        unended_blocks,
        constant_of_itself,
        typedefs_in_a_ring,
        pointer_to_itself,
        array_of_itself,
        struct_of_itself,
        enumeration_of_itself,
        procedure_that_takes_itself,
        pointer_to_a_procedure_that_takes_it,
        member_pointer_of_itself,
        template_of_itself,
        variants_of_themselves,
        many_names_of_scopes,
        origin_of_itself,
        specification_of_itself,
        origins_in_a_ring,
        forms_of_forms,
        code_without_end,
        constant_without_end,
        siblings_to_themselves,
        lists_of_nothing,
        lists_of_everything,
        functions_over_one_another,
        declarations_without_end,
        one_declaration_without_end,
        declarations_of_one_code,
        unending_numbers_of_declarations,
        expression_that_jumps_back,
        expression_that_grows,
        expression_of_pieces,
        expressions_in_expressions,
        pointer_that_leads_to_itself,
        frame_base_of_itself,
        many_variables,
        many_units,
        units_over_one_another,
        rows_without_end,
        lines_beyond_all_addresses,
        lines_that_end_where_addresses_do,
        addresses_that_go_back,
        sequences_without_end,
        steps_of_lines,
        files_of_nothing,
        call_of_itself,
    )
}
