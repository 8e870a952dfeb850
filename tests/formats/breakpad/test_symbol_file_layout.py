import pytest

from crashtool.formats.breakpad.symbol_file_layout import read_layout
from tests.synth.symbol_file import build_symbol_file, cfi, file, func, line, origin, public

HEAD = [file(number, f"f{number}.c") for number in range(30)]
ORIGINS = [origin(number, f"g{number}") for number in range(30)]
FUNCTIONS = [func(start, 8, "f", line(start, 8, 3, 1)) for start in range(0, 400, 8)]
PUBLICS = [public(start) for start in range(400, 500, 4)]
STACK = [cfi(start, 8, "a: 1", (start + 1, "a: 2")) for start in range(0, 400, 8)]


def texts_at(data, layout):
    """The first bytes of each section but the head; an empty one begins where the next does."""
    places = (layout.origins, layout.body, layout.publics, layout.stack)
    return [data[place : place + 6].decode() for place in places]


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ((HEAD, ORIGINS, FUNCTIONS, PUBLICS, STACK), ["INLINE", "FUNC 0", "PUBLIC", "STACK "]),
        ((HEAD, FUNCTIONS, PUBLICS), ["FUNC 0", "FUNC 0", "PUBLIC", ""]),
        ((PUBLICS, STACK), ["PUBLIC", "PUBLIC", "PUBLIC", "STACK "]),
        ((FUNCTIONS,), ["FUNC 0", "FUNC 0", "", ""]),
        ((STACK,), ["STACK "] * 4),
        ((HEAD,), [""] * 4),
        ((HEAD, PUBLICS[:9], FUNCTIONS, STACK), ["PUBLIC", "PUBLIC", "STACK ", "STACK "]),
    ],
)
def test_sections_are_found(large, parts, expected):
    data = build_symbol_file(*(record for part in parts for record in part))
    layout = read_layout(data)

    assert layout.is_known
    assert texts_at(data, layout) == expected


def test_origins_may_stand_between_functions(large):
    pairs = [record for pair in zip(ORIGINS, FUNCTIONS, strict=False) for record in pair]
    data = build_symbol_file(*HEAD, *pairs, *STACK)
    layout = read_layout(data)

    assert layout.is_known
    assert data[layout.body :].startswith(FUNCTIONS[0].encode())


@pytest.mark.parametrize(
    "parts",
    [
        (STACK, FUNCTIONS),
        (FUNCTIONS, HEAD),
        (FUNCTIONS[:20], STACK[:20], FUNCTIONS[20:], STACK[20:]),
        (ORIGINS, HEAD, FUNCTIONS),
    ],
)
def test_sections_in_another_order_are_unknown(large, parts):
    data = build_symbol_file(*(record for part in parts for record in part))

    assert read_layout(data) == (False, 0, 0, 0, len(data))


def test_a_small_file_is_not_looked_at():
    assert not read_layout(build_symbol_file(*HEAD, *FUNCTIONS[:5])).is_known


def test_one_endless_line_has_no_sections(large):
    data = build_symbol_file() + b"x" * 100_000

    assert read_layout(data).stack == len(data)
