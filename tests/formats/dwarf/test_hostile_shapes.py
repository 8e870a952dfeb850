"""Small files of DWARF that is written to be expensive cost seconds and some memory, not more."""

import os
import random
import sys
import time

import pytest

from crashtool.services.analyze.variables.values import ValueReader
from crashtool.services.files.scratch import Scratch
from crashtool.services.symbols.debug_file import open_debug_file
from tests.damage import attempt
from tests.formats.dwarf.test_variables import FullMemory
from tests.services.symbols.test_damaged_debug_files import identify, measure_memory, write_down
from tests.synth import hostile_dwarf
from tests.synth.dwarf import LOW, build_file

PLACES = (LOW, LOW + 9, LOW + 0x81)
# Of processor time; seconds on a machine with nothing else to do, many more where lines are traced.
MAX_SECONDS = 20.0 if sys.gettrace() is None else 120.0
MAX_MEMORY = 300 << 20
SMALL = 1 << 15  # bytes of a case that is worth many damaged copies
COPIES = int(os.environ.get("CRASHTOOL_FUZZ", "0")) or 120
SEED = os.environ.get("CRASHTOOL_FUZZ_SEED", "")


def read_values(path, places):
    """The number of variables at each place: all that can be asked is."""
    kind, architecture = identify(path)
    file = open_debug_file(str(path), kind, architecture)
    counts = []
    for address in places:
        hit = file.find_function(address)
        scopes = file.find_variables(address)
        frame = FullMemory(address=address, cfa=0x6000)
        reader = ValueReader(frame, 8, architecture)
        rows = [row for scope in scopes for row in scope.variables]
        for row in rows:
            assert len(row.type.name) <= 1 << 12
            reader.read_variable(row.type, row.locate)
        counts.append((hit is not None, len(rows)))
    return counts


@pytest.mark.parametrize("case", hostile_dwarf.CASES.values(), ids=hostile_dwarf.CASES)
def test_what_is_written_to_be_expensive_is_given_up_soon(tmp_path, case):
    path = tmp_path / "case"
    path.write_bytes(build_file(case()))
    before, began = measure_memory(), time.process_time()

    attempt(read_values, path, PLACES)
    with Scratch() as scratch:
        attempt(write_down, path, scratch)

    assert time.process_time() - began < MAX_SECONDS
    assert measure_memory() - before < MAX_MEMORY


def damage(case, chance):
    """The sections of a case, one of them with some numbers of another, or of itself elsewhere."""
    sections = dict(case)
    name = chance.choice(sorted(sections))
    content = bytearray(sections[name])
    for _ in range(chance.choice((1, 2, 4, 16))):
        place = chance.randrange(len(content))
        size = chance.choice((1, 1, 2, 4, 8))
        other = sections[chance.choice(sorted(sections))]
        start = chance.randrange(len(other))
        numbers = (
            other[start : start + size],
            chance.choice(
                (0, 1, 0x7F, 0x80, 0xFF, hostile_dwarf.FIRST, len(content) - 1, place)
            ).to_bytes(size + 8, "little")[:size],
            b"\xff" * size,
        )
        content[place : place + size] = chance.choice(numbers)
    sections[name] = bytes(content)
    return sections


def test_damaged_copies_of_these_give_answers_or_one_class_of_error(tmp_path):
    cases = [made for case in hostile_dwarf.CASES.values() if size_of(made := case()) < SMALL]
    assert len(cases) > 15
    chance = random.Random(f"{SEED}shapes")  # noqa: S311 (the same in each run)
    path = tmp_path / "case"
    answered = 0
    for _ in range(COPIES):
        path.write_bytes(build_file(damage(chance.choice(cases), chance)))
        before, began = measure_memory(), time.process_time()
        counts, _ = attempt(read_values, path, PLACES)
        answered += bool(counts and any(hit for hit, _ in counts))
        with Scratch() as scratch:
            attempt(write_down, path, scratch)
        assert time.process_time() - began < MAX_SECONDS
        assert measure_memory() - before < MAX_MEMORY
    assert answered > COPIES // 8


def size_of(sections):
    return sum(map(len, sections.values()))
