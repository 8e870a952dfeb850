import io
from array import array

import pytest

from crashtool.errors import MalformedFile
from crashtool.formats.symcache import NOTHING, SymCache, SymCacheHeader
from crashtool.services.symbols.native import SymCacheLines, write_line_table
from tests.toolchain import run_tool

STRINGS = b"\x04main\x01/\x05a/b.c\x03sub\x00"
MAIN, ROOT, FILE, SUB, EMPTY = 0, 5, 7, 13, 17


def build(version=9, locations=None, ranges=(0x10, 0x20), functions=None, **fields):
    """A cache with `main` at 0x10, into which `sub` was merged, up to 0x20."""
    files = [ROOT, NOTHING, FILE] + ([NOTHING] * 3 if version == 9 else [])
    if version < 9:
        files.reverse()
    functions = functions or [MAIN, NOTHING, 0x10, 0, SUB, NOTHING, NOTHING, 0]
    locations = locations or [
        0, 7, 0, NOTHING,
        0, 3, 1, 0,
        NOTHING, NOTHING, NOTHING, NOTHING,
    ]  # fmt: skip
    header = SymCacheHeader(
        magic=b"SYMC", version=version, debug_id=bytes(32), architecture=0, file_count=1,
        function_count=len(functions) // 4, location_count=len(locations) // 4,
        range_count=len(ranges), string_size=len(STRINGS), reserved=bytes(16),
    ).replace(**fields)  # fmt: skip
    parts = (files, functions, locations, ranges)
    return header.pack() + b"".join(map(pack_part, parts)) + STRINGS


def pack_part(numbers):
    """The numbers, filled up to the next eight bytes."""
    packed = array("I", numbers).tobytes()
    return packed + bytes(-len(packed) % 8)


@pytest.mark.parametrize("version", [7, 8, 9])
def test_functions_files_and_merged_calls_are_told(version):
    cache = SymCache(build(version))
    assert [cache.function_name(place.function) for place in cache.places(0)] == ["sub", "main"]
    assert [place.line for place in cache.places(0)] == [3, 7]
    assert cache.places(1) == []
    assert cache.file_path(0) == "/a/b.c"
    assert (cache.function_start(0), cache.function_start(1)) == (0x10, None)
    assert list(cache.walk_ranges()) == [(0, 0x10, 0x20), (1, 0x20, 0)]
    assert cache.key(0) == (0, 3, 1, 0)


def test_what_there_is_is_counted():
    counts = SymCache(build()).count()
    assert counts == (2, 0, 16, 16, 1)
    nameless = build(functions=[EMPTY, NOTHING, 0x10, 0, NOTHING, NOTHING, NOTHING, 0])
    assert SymCache(nameless).count()[:3] == (0, 2, 0)


def test_a_chain_without_end_is_cut():
    cache = SymCache(build(locations=[0, 1, 0, 0, 0, 1, 0, 0, NOTHING, NOTHING, NOTHING, NOTHING]))
    assert len(cache.places(0)) == 256


@pytest.mark.parametrize(
    "fields",
    [{"magic": b"SYMX"}, {"version": 6}, {"version": 99}, {"file_count": NOTHING},
     {"function_count": NOTHING}, {"location_count": NOTHING}, {"range_count": 100},
     {"string_size": NOTHING}, {"location_count": 1}],
)  # fmt: skip
def test_a_header_that_does_not_hold_is_refused(fields):
    with pytest.raises(MalformedFile):
        SymCache(build(**fields))


def test_numbers_that_lead_nowhere_give_nothing():
    rows = [0, 7, 9, NOTHING, 9, 3, 1, 77, NOTHING, NOTHING, NOTHING, NOTHING]
    cache = SymCache(build(locations=rows))
    assert cache.places(0) == [(1, -1, 3)]
    broken = build(functions=[NOTHING - 1, NOTHING, 0x10, 0, SUB, NOTHING, NOTHING, 0])
    assert SymCache(broken).function_name(0) == ""


def test_a_cut_cache_is_refused_wherever_it_is_cut():
    whole = build()
    for size in range(len(whole)):
        with pytest.raises(MalformedFile):
            SymCache(whole[:size])


def test_a_real_cache_gives_what_its_own_library_looks_up(tmp_path):
    source, program = tmp_path / "a.c", tmp_path / "a"
    source.write_text(
        "volatile int sink;\n"
        "static inline __attribute__((always_inline)) int twice(int x)\n"
        "{ sink = x; return sink * 2; }\n"
        "int main(int count, char **words) { return twice(count) + words[0][0]; }\n"
    )
    run_tool("gcc", "-g", "-O2", "-o", program, source)
    written = io.BytesIO()
    write_line_table(str(program), "x86_64", written)
    (tmp_path / "table").write_bytes(written.getvalue())
    cache, table = SymCache(written.getvalue()), SymCacheLines(b"", str(tmp_path / "table"))
    seen = 0
    for number, start, _ in cache.walk_ranges():
        ours = [(cache.function_name(place.function), place.line) for place in cache.places(number)]
        assert ours == [(place.function, place.line) for place in table.find_places(start)]
        seen += len(ours)
    assert seen >= 5
    assert cache.count().inlined
