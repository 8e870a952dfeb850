"""The lazy reader agrees with one that parses everything, on generated files and on real ones."""

import lzma

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from crashtool.errors import CrashtoolError
from crashtool.formats.breakpad.symbol_file import BreakpadFile
from tests.formats.breakpad.naive import Naive
from tests.synth import symbol_file as sym

unhurried = settings(
    deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150
)
numbers = some.integers(0, 5)
names = some.sampled_from(["", "f", "operator()(int, long)", "\u00fc x", "m", "1 file.c"])
small = some.integers(0, 24)
junk = some.sampled_from(
    ["", "INFO x", "FUNC", "FUNC -1 4 0 x", "FUNC 12345678901234567 4 0 x", "PUBLIC zz", "FILE x",
     "STACK", "STACK CFI INIT 5", "STACK CFI", "INLINE 0", "5 5 5", "\0", "10 -4 5 1"]
)  # fmt: skip


@some.composite
def bodies(draw, start, size):
    lines, address = [], start
    while address < start + size and draw(some.booleans()):
        width = draw(some.integers(0, 6))
        lines.append(sym.line(address, width, draw(numbers), draw(numbers)))
        address += width + draw(some.integers(0, 1))
    inlines = [
        sym.inline(
            draw(some.integers(0, 2)),
            draw(numbers),
            draw(numbers),
            draw(numbers),
            *[(start + draw(small), draw(small)) for _ in range(draw(some.integers(1, 2)))],
        )
        for _ in range(draw(some.integers(0, 3)))
    ]
    return inlines + lines


@some.composite
def sections(draw, *, overlap):
    """Heads, functions, publics and stack records: lists of records in order."""
    head = [sym.file(number, draw(names)) for number in sorted(draw(some.sets(numbers)))]
    head += [sym.origin(number, draw(names)) for number in sorted(draw(some.sets(numbers)))]
    functions, publics, stack, wins = [], [], [], []
    address = draw(small)
    for _ in range(draw(some.integers(0, 12))):
        size = draw(small)
        functions.append(
            sym.func(
                address,
                size,
                draw(names),
                *draw(bodies(address, size)),
                parameters=draw(small),
                many_names=draw(some.booleans()),
            )
        )
        if draw(some.booleans()):
            publics.append(sym.public(address + draw(small), draw(names), draw(small)))
        deltas = [(address + draw(small), f"r{number}: 1") for number in range(draw(numbers))]
        stack.append(sym.cfi(address, size, ".cfa: 8", *deltas))
        kind = draw(some.sampled_from([0, 4]))
        wins.append(sym.win(kind, address, draw(small), "1", flag=draw(some.sampled_from([0, 1]))))
        address += draw(small) if overlap else size + draw(some.integers(1, 4))
    publics.sort(key=lambda text: int(text.split()[1], 16))
    return head, functions, publics, stack + wins


def answers(reader, addresses):
    """What a reader says of addresses, in the words of the naive one."""
    rows = []
    for address in addresses:
        hit = reader.find_function(address)
        rules = reader.find_cfi(address)
        frame = reader.find_frame_data(address)
        if isinstance(reader, BreakpadFile):
            hit = hit and (*hit[:6], tuple(map(tuple, hit.inlines)), hit.is_public)
            rules = rules and tuple(rules)
            frame = frame and frame[:3]
        rows.append((hex(address), hit, rules, frame))
    return rows


def assert_agreement(data, addresses=None):
    naive = Naive(data)
    addresses = addresses or naive.list_addresses()
    assert answers(BreakpadFile(data), addresses) == answers(naive, addresses)


@unhurried
@given(sections(overlap=True), some.sampled_from(["\n", "\r\n"]), some.booleans())
def test_files_in_order_are_understood(parts, newline, ends):
    records = [record for part in parts for record in part]

    assert_agreement(sym.build_symbol_file(*records, newline=newline, ends=ends))


@unhurried
@given(sections(overlap=True))
def test_large_files_in_order_are_understood(large, parts):
    assert_agreement(sym.build_symbol_file(*[record for part in parts for record in part]))


@unhurried
@given(sections(overlap=True), some.lists(junk), some.randoms(use_true_random=False))
def test_shuffled_and_damaged_files_are_understood(parts, rubbish, shuffler):
    records = [record for part in parts for record in part] + rubbish
    shuffler.shuffle(records)

    assert_agreement(sym.build_symbol_file(*records))


@unhurried
@given(sections(overlap=False), some.randoms(use_true_random=False))
def test_large_files_whose_sections_are_shuffled_are_understood(large, parts, shuffler):
    for part in parts:
        shuffler.shuffle(part)

    assert_agreement(sym.build_symbol_file(*[record for part in parts for record in part]))


@unhurried
@given(sections(overlap=False))
def test_large_files_with_public_records_between_functions_are_understood(large, parts):
    head, functions, publics, stack = parts
    body = sorted(functions + publics, key=lambda text: int(text.replace("m ", "").split()[1], 16))

    assert_agreement(sym.build_symbol_file(*head, *body, *stack))


@unhurried
@given(some.binary(max_size=400))
def test_rubbish_hides_nothing_of_what_comes_before(rubbish):
    function, rules = sym.func(0x10, 4, "f", sym.line(0x10, 4, 7, 0)), sym.cfi(0x10, 4, ".cfa: 8")
    reader = BreakpadFile(sym.build_symbol_file(function, rules) + b"\n" + rubbish)

    for address in (0, 1, 1 << 63, (1 << 64) - 1, -1, 1 << 64):
        assert reader.find_function(address) is None
        assert reader.find_cfi(address) is None
        assert reader.find_frame_data(address) is None
    assert reader.find_function(0x11)[:2] == ("f", 0x10)
    assert reader.find_cfi(0x11)


def read_sym(path):
    return lzma.decompress(path.read_bytes()) if path.suffix == ".xz" else path.read_bytes()


def test_real_files_are_understood(corpus):
    count = 0
    for path in sorted(corpus.rglob("*.sym*")):
        data = read_sym(path)
        try:
            reader = BreakpadFile(data)
        except CrashtoolError:
            continue
        naive = Naive(data)
        addresses = naive.list_addresses()
        chosen = addresses[:: max(1, len(addresses) // 12)]
        for mine, expected in zip(answers(reader, chosen), answers(naive, chosen), strict=True):
            assert mine == expected, path
        count += 1
    assert count > 50


@pytest.mark.parametrize("suffix", ["", ".xz"])
def test_the_corpus_has_files(corpus, suffix):
    assert any(corpus.rglob("*.sym" + suffix))
