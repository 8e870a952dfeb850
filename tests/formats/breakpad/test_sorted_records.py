import mmap
import random
import tracemalloc

import pytest

from crashtool.formats.breakpad import records, sorted_records
from crashtool.formats.breakpad.sorted_records import NESTED, SortedRecords
from tests.synth.symbol_file import build_symbol_file, func, public


class Counting(bytes):
    """Bytes that count how often they are searched, and how far."""

    reach = 0

    def find(self, part, start=0, end=None):
        end = len(self) if end is None else min(end, len(self))
        found = super().find(part, start, end)
        self.reach += max(0, (end if found < 0 else found) - start)
        return found


def column(*texts, kind=records.FUNC, data=None):
    data = data or build_symbol_file(*texts)
    return SortedRecords(data, kind, 0, len(data), [])


def starts(reader, places):
    return [int(reader.read(place)[1], 16) for place in places]


def test_a_record_is_found_without_reading_the_rest(large):
    data = Counting(build_symbol_file(*(func(start, 8) for start in range(0, 160_000, 16))))
    reader = column(data=data)

    assert starts(reader, [reader.find(80_008)]) == [80_000]
    assert data.reach < len(data) / 100


def test_where_no_record_is_is_searched_once(large):
    data = Counting(build_symbol_file(func(0x10, 8), *["INFO nothing"] * 10_000))
    reader = column(data=data)

    for number in range(0x10, 0x18):
        reader.find(number)

    assert data.reach < 2 * len(data)


def test_no_record_is_found_before_the_first(large):
    reader = column(func(0x10, 8))

    assert reader.find(0xF) == -1
    assert reader.read(-1) is None
    assert reader.find_covering(0xF) is None
    assert reader.find_before(0xF) is None


def test_the_first_of_equals_is_found(large):
    reader = column(func(1, 8), func(0x10, 8, "first"), func(0x10, 8), func(0x10, 8), func(0x20, 8))

    assert reader.read(reader.find(0x10))[4] == b"first"
    assert reader.is_in_order()


def test_the_first_of_very_many_equals_is_found(large):
    reader = column(func(0x10, 8, "first"), *[func(0x10, 8)] * 2 * NESTED)

    assert reader.read(reader.find(0x10))[4] == b"first"
    assert len(reader.find_nearest(0x10)) == NESTED


def test_the_nearest_come_first(large):
    reader = column(*(func(start, 8) for start in (0x10, 0x20, 0x30, 0x40)))

    assert starts(reader, reader.find_nearest(0x35)) == [0x30, 0x20, 0x10]


def test_of_very_many_before_a_number_the_nearest_are_looked_at(large):
    reader = column(*(func(start, 8) for start in range(1000)))
    wanted = list(range(900, 900 - NESTED, -1))

    assert starts(reader, reader.find_nearest(900)) == wanted
    reader.make_index()
    assert starts(reader, reader.find_nearest(900)) == wanted


@pytest.mark.parametrize(
    "misplaced", [func(0x45, 8), "FUNC zz", func(0x15, 8)], ids=["later", "damaged", "earlier"]
)
def test_what_samples_overlook_is_seen_by_its_neighbours(large, monkeypatch, misplaced):
    monkeypatch.setattr(sorted_records, "SAMPLES", 1)
    texts = [func(start, 8) for start in (0x10, 0x20, 0x30, 0x40, 0x50)]
    texts.insert(2, misplaced)
    reader = column(*texts)
    whole = column(*texts)
    whole.make_index()

    assert reader.is_in_order()
    for number in (0x35, 0x2F, 0x22, 0x55):
        assert reader.find_nearest(number) == whole.find_nearest(number)
    assert not reader.is_in_order()


def test_the_records_before_a_number_must_be_in_order(large, monkeypatch):
    monkeypatch.setattr(sorted_records, "SAMPLES", 1)
    reader = column(*(func(start, 8) for start in (0x10, 0x30, 0x20, *range(0x40, 0x100, 16))))

    assert reader.is_in_order()
    assert starts(reader, reader.find_nearest(0xFF))[-3:] == [0x30, 0x20, 0x10]


def test_a_damaged_record_has_no_number(large):
    reader = column(func(0x10, 8), "FUNC zz", func(0x20, 8))

    assert not reader.is_in_order()
    assert starts(reader, [reader.find_surely(0x20)]) == [0x20]


def test_an_index_is_made_of_windows(monkeypatch):
    monkeypatch.setattr(sorted_records, "WINDOW", 20)
    order = [5, 3, 1, 4, 2, 3, 3, 5]
    texts = [func(16 * number, 8, f"f{place}") for place, number in enumerate(order)]
    data = build_symbol_file(*texts, func(0, 8, "many", many_names=True), func(1, 8, "x" * 100))
    reader = SortedRecords(data, records.FUNC, data.index(b"\n") + 1, len(data), [])

    assert reader.read(reader.find(0))[4] == b"many"
    assert len(reader.read(reader.find(1))[4]) == 100
    for number in (1, 2, 3, 4, 5):
        expected = f"f{order.index(number)}".encode()
        assert reader.read(reader.find(16 * number))[4] == expected
    assert starts(reader, reader.find_nearest(0x30)) == [0x30] * 3 + [0x20, 0x10, 1, 0]


def test_a_record_at_the_very_start_is_found(large):
    data = "\n".join([public(0x10), public(0x20), public(0x30)]).encode()
    reader = SortedRecords(data, records.PUBLIC, 0, len(data), [])

    assert reader.find(0x18) == 0
    assert starts(reader, reader.find_nearest(0x20)) == [0x20, 0x10]
    assert reader.find_next(0) == data.index(b"PUBLIC 20")
    assert reader.find_next(reader.find(0x30)) == len(data)


def test_an_index_of_many_records_takes_little_memory(tmp_path):
    numbers = list(range(1 << 20, (1 << 20) + 200_000 * 16, 16))
    random.Random(1).shuffle(numbers)  # noqa: S311
    path = tmp_path / "app.sym"
    path.write_bytes(b"MODULE\n" + b"".join(b"FUNC %x 10 0 f\n" % number for number in numbers))
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        reader = SortedRecords(data, records.FUNC, 0, len(data), [])
        tracemalloc.start()
        try:
            reader.make_index()
            kept, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()

        assert kept < 20 * len(numbers)
        assert peak < sorted_records.WINDOW * 8 + 100 * len(numbers)
        assert starts(reader, [reader.find(numbers[7] + 5)]) == [numbers[7]]
        assert data[:7] == b"MODULE\n"


def test_numbers_that_no_address_can_have_are_passed_over(large):
    reader = column(func(0x20, 8), func(1 << 70, 8), func(0x10, 8))
    reader.make_index()

    assert starts(reader, reader.find_nearest((1 << 64) - 1)) == [0x20, 0x10]
    assert reader.find(0xF) == -1
