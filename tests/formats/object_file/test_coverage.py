"""Whether code is covered by unwind tables, told without the rules: the same as with them."""

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from crashtool.errors import CrashtoolError
from crashtool.formats.breakpad.cfi import parse_rules
from crashtool.formats.object_file.cfi_expressions import Reader
from crashtool.formats.object_file.eh_frame import NAMES, EhFrame
from crashtool.formats.object_file.elf import find_frame_tables
from crashtool.formats.object_file.exception_tables import ExceptionTables, Tables
from crashtool.formats.object_file.identify import find_code, read_object_files
from crashtool.formats.object_file.unwind_row import AlignmentFactors, UnwindRow, compile_plain
from crashtool.formats.object_kinds import CodeRange
from crashtool.services.symbols.mapped_file import map_file
from crashtool.services.symbols.unwind_information import open_unwind_tables
from tests.formats.object_file.test_exception_tables import START, USUAL, build
from tests.growth import count_steps
from tests.toolchain import run_tool

UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
SAMPLES = 300
FEW = st.sampled_from(bytes.fromhex("00 02 03 05 07 08 0a 0b 0c 0d 0e 13 41 83 86 c6 2e 80 ff"))


@UNHURRIED
@given(
    st.lists(FEW | st.integers(0, 255), max_size=40).map(bytes),
    st.sampled_from(sorted(NAMES)),
    st.integers(0, 300),
)
@example(bytes.fromhex("0c0708 0a 0b 0b 2d"), "x86_64", 0)
def test_plain_instructions_are_said_in_text_wherever_one_stops(instructions, machine, address):
    names = NAMES[machine]
    if compile_plain(names).fullmatch(instructions):
        row = UnwindRow(AlignmentFactors(1, -8, names))
        row.run(Reader(instructions), 0, address)  # raises for what cannot be said
        known = [(names.registers.get(number), rule) for number, rule in row.rules.items()]
        text = " ".join(f"{name}: {rule}" for name, rule in [(".cfa", row.cfa), *known] if name)
        assert ".cfa" in parse_rules(text, machine) or not row.cfa


@pytest.mark.parametrize("text", ["0f03 7178 06", "16 06 02 7710", "01", "0d 63", "1d", "86"])
def test_what_may_not_be_said_in_text_is_not_plain(text):
    assert compile_plain(NAMES["x86_64"]).fullmatch(bytes.fromhex(text)) is None


def walk_samples(data):
    code = find_code(data)
    step = max(1, sum(place.size for place in code) // SAMPLES)
    for place in code:
        yield from range(place.address, place.address + place.size, step)
    yield from (-1, 0, 1, 1 << 31, 1 << 63)


def compare(data):
    """Whether the two agree at every sample; None for what has no sorted tables."""
    try:
        row = read_object_files(data)[0]
        cheap, full = (open_unwind_tables(data, row.kind, row.architecture) for _ in range(2))
        places = list(walk_samples(data))
    except CrashtoolError:
        return None
    if cheap is None:
        return None
    return [cheap.covers(at) for at in places] == [full.find_cfi(at) is not None for at in places]


def test_real_files_are_covered_where_they_have_rules(truth):
    paths = [path for path in sorted((truth / "objects").rglob("*")) if path.is_file()]
    agreed = {path: compare(map_file(str(path))) for path in paths}
    assert [path for path, same in agreed.items() if same is False] == []
    assert sum(same is True for same in agreed.values()) > 20


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    folder = tmp_path_factory.mktemp("library")
    source = folder / "many.c"
    source.write_text(
        "int g(int);\n"
        + "".join(f"int f{n}(int a) {{ return g(a) + g(a + {n}); }}\n" for n in range(40))
    )
    target = folder / "many.so"
    run_tool("gcc", "-shared", "-fPIC", "-O1", "-o", target, source)
    return target.read_bytes()


def test_a_library_cut_anywhere_is_covered_where_it_has_rules(library):
    places = find_frame_tables(library)
    table, frames = places.table, places.frames
    cuts = [
        *range(table.offset, table.offset + table.size, 37),
        *range(frames.offset, frames.offset + frames.size, 61),
    ]
    for cut in cuts:
        data = library[:cut]
        try:
            cheap, full = (EhFrame(data, places, "x86_64") for _ in range(2))
        except CrashtoolError:
            continue
        for address in walk_samples(library):
            assert cheap.covers(address) == (full.find_cfi(address) is not None), (cut, address)


def test_coverage_is_told_in_a_fraction_of_the_steps(library):
    places = list(walk_samples(library))
    tables = find_frame_tables(library)

    def count(method):
        frames = EhFrame(library, tables, "x86_64")
        return count_steps(lambda: [getattr(frames, method)(place) for place in places])

    assert count("covers") * 5 < count("find_cfi")


@pytest.mark.parametrize("version", [1, 3])
@pytest.mark.parametrize("total", [1, 2])
def test_a_function_of_windows_is_covered_unless_its_codes_are_damaged(version, total):
    data = build(USUAL, version=version)
    tables = Tables(0, total, (CodeRange(0, 0, len(data)),))
    for place in (-START, -1, 0, 1, 0x20, 0x1FF, 0x200):
        cheap, full = (ExceptionTables(data, tables) for _ in range(2))
        assert cheap.covers(START + place) == (full.find_cfi(START + place) is not None)
    cut = ExceptionTables(data[:8], Tables(0, 1, (CodeRange(0, 0, 8),)))
    assert not cut.covers(START)
