"""Damaged debug information gives an answer, none, or a CrashtoolError: nothing else, soon."""

import random
import time
import zlib

import pytest

from crashtool.formats.dwarf.addresses import UnitIndex
from crashtool.formats.dwarf.elf_sections import open_sections
from crashtool.formats.dwarf.forms import DamagedDwarf
from crashtool.formats.dwarf.line_lookup import open_line_lookup
from crashtool.formats.dwarf.lookup import DwarfLookup
from crashtool.formats.object_file.elf import FLAG_EXECUTABLE, read_layout
from tests.damage import attempt
from tests.formats.dwarf.test_line_lookup import LISTS, spans
from tests.synth.dwarf import (
    LOW,
    SIZE,
    build_aranges,
    build_file,
    build_lines,
    build_unit,
    common,
    number,
)

PLACES = (LOW, LOW + 9, LOW + SIZE - 1)
MAX_SECONDS = 2.0


def sections_of(version):
    if version < 5:
        attributes, more = spans(version, where="ranges")
    else:
        more = {
            "debug_rnglists": LISTS["base_index"] + LISTS["index_index"] + LISTS["pair"] + b"\0",
            "debug_addr": number(0, 8) + number(LOW, 8) + number(LOW + SIZE, 8),
            "debug_aranges": build_aranges([(LOW + 0x80, 8)], unit=0x1000),
        }
        attributes = [(0x73, 0x17, bytes(4)), (0x11, 0x01, number(LOW, 8)), (0x55, 0x17, bytes(4))]
    unit, abbreviations = build_unit([*common(), *attributes], version)
    lines = build_lines(version)
    return {"debug_info": unit, "debug_abbrev": abbreviations, "debug_line": lines} | more


def find_lines(data, places):
    lines = open_line_lookup(data)
    return [row for place in places if lines and (row := lines.find(place))]


def look_up(data, places=PLACES):
    """Ask; whether there was any answer. Each is a line that can be shown, and none comes late."""
    start = time.process_time()
    found, _ = attempt(find_lines, data, places)
    assert time.process_time() - start < MAX_SECONDS
    for row in found or ():
        assert isinstance(row.file, str)
        assert row.line >= 0
    return bool(found)


@pytest.mark.parametrize("version", [2, 4, 5])
def test_sections_cut_at_every_byte(version):
    sections = sections_of(version)
    assert look_up(build_file(sections))
    for name, content in sections.items():
        for size in range(len(content)):
            look_up(build_file(sections | {name: content[:size]}))


@pytest.mark.parametrize("version", [2, 4, 5])
def test_every_byte_set_to_its_extremes(version):
    sections = sections_of(version)
    for name, content in sections.items():
        answers = [
            look_up(build_file(sections | {name: content[:place] + byte + content[place + 1 :]}))
            for place in range(len(content))
            for byte in (b"\x00", b"\x7f", b"\x80", b"\xff")
        ]
        assert sum(answers) > len(answers) / 4, "the damage did not reach all"


@pytest.mark.parametrize("version", [2, 4, 5])
def test_flipped_bits(version):
    chance = random.Random(version)  # noqa: S311 (the same in each run)
    data = build_file(sections_of(version))
    answers = []
    for _ in range(500):
        changed = bytearray(data)
        for _ in range(chance.randint(1, 8)):
            changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
        answers.append(look_up(bytes(changed)))
    assert sum(answers) > 150


@pytest.mark.parametrize("name", ["split", "split5", "gz_zlib", "gz_gnu_old", "g1"])
def test_flipped_bits_of_real_files(name, truth):
    data = (truth / "objects" / "elf" / name).read_bytes()
    chance = random.Random(name)  # noqa: S311 (the same in each run)
    start = data.find(b".shstrtab") // 3  # the debug sections are in the rear part
    lines, layout = open_line_lookup(data), read_layout(data)
    code = [row for row in layout.sections if row.flags & FLAG_EXECUTABLE]
    spans = [range(row.address - layout.base, row.address - layout.base + row.size) for row in code]
    places = [place for span in spans for place in span if lines.find(place)][::200]
    answers = []
    for _ in range(60):
        changed = bytearray(data)
        for _ in range(chance.randint(1, 40)):
            changed[chance.randrange(start, len(changed))] ^= 1 << chance.randrange(8)
        answers.append(look_up(bytes(changed), places))
    assert any(answers)


def test_a_number_without_end_is_no_endless_work():
    sections = sections_of(4)
    endless = build_lines(program=b"\2" + b"\xff" * 200_000)
    assert not look_up(build_file(sections | {"debug_line": endless}))


def test_a_section_that_claims_to_inflate_to_much_is_not_read():
    from crashtool.formats.object_file.elf_structs import CompressionHeader64
    from tests.synth.dwarf import CODE
    from tests.synth.object_files import build_elf

    rows = [(f".{name}", 1, 0, content) for name, content in sections_of(4).items()][1:]
    head = CompressionHeader64(method=1, size=1 << 40).pack()
    packed = (".debug_info", 1, 0x800, head + b"x" * 64)
    data = build_elf([CODE, packed, *rows], addresses=[(".text", LOW)])

    assert not look_up(data)


def test_a_section_that_grows_beyond_all_measure_is_not_read():
    from crashtool.formats.object_file.elf_structs import CompressionHeader64
    from tests.synth.dwarf import CODE
    from tests.synth.object_files import build_elf

    size = 160 << 20
    head = CompressionHeader64(method=1, size=size).pack()
    packed = (".debug_line", 1, 0x800, head + zlib.compress(bytes(size)))
    sections = open_sections(build_elf([CODE, packed], addresses=[(".text", LOW)]))

    with pytest.raises(DamagedDwarf, match=r"\.debug_line expands more than 200-fold"):
        sections.open("debug_line")


def test_damage_costs_the_unit_that_it_is_in(truth):
    """A program of many units: what is behind one unit's first entry is overwritten."""
    data = (truth / "linux" / "bin" / "O2" / "oops").read_bytes()
    sections = open_sections(data)
    base = sections.base
    index, lookup = UnitIndex(sections), DwarfLookup(sections)
    chance = random.Random(4)  # noqa: S311 (the same in each run)
    places = [chance.choice(span) - base for span in sections.code for _ in range(400)]
    sound = {place: found for place in places if (found := lookup.find_locations(place))}
    units = {place: next(index.walk_units(place + base), None) for place in sound}
    owners = {place: unit.header for place, unit in units.items() if unit is not None}
    start = next(row.offset for row in read_layout(data).sections if row.name == ".debug_info")
    hit = answered = 0
    for header in sorted(set(owners.values()))[::3]:
        changed = bytearray(data)
        middle = (header.offset + header.end) // 2
        rest = range(start + middle, start + header.end)
        for _ in range(min(400, len(rest))):
            changed[rest[chance.randrange(len(rest))]] = chance.randrange(256)
        damaged = DwarfLookup(open_sections(bytes(changed)))
        for place, owner in owners.items():
            found, sentence = attempt(damaged.find_locations, place)
            assert not sentence
            if owner != header:
                answered += 1
                assert found == sound[place], hex(place)
            hit += owner == header and found != sound[place]
    assert hit
    assert answered > 200
