"""How much an ELF, PE or Mach-O file says of its program: what look-ups in it alone give."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crashtool.errors import InputUnusable
from crashtool.formats.named_tuple import NamedTuple
from crashtool.formats.object_file.code_spans import measure_spans, merge_spans, spread_addresses
from crashtool.formats.object_kinds import ObjectFile
from crashtool.services.symbols.dwarf_functions import open_alone

if TYPE_CHECKING:
    from crashtool.formats.code_location import CodeLocation
    from crashtool.formats.dwarf.lookup import DwarfLookup, Symbols
    from crashtool.formats.object_kinds import Content

MAX_LOOKED_UP = 32  # addresses whose functions and merged calls are looked for
MAX_LINED = 256  # addresses whose lines are looked for, where few have any
ENOUGH_LINED = 0.5  # of the first tries: more need not be made
MAX_TRIED = 256  # addresses that are given back
LINKED_IN = frozenset(
    {  # by the C runtime, with neither lines nor unwind tables
        "_init",
        "_fini",
        "_start",
        "deregister_tm_clones",
        "register_tm_clones",
        "frame_dummy",
        "__do_global_dtors_aux",
        "__libc_csu_init",
        "__libc_csu_fini",
        "_dl_relocate_static_pie",
    }
)

HEADERS_HINT = "--quick takes what its headers say"


class NativeCoverage(NamedTuple):
    """What a file has of its program.

    `functions`: those with names, as far as they were counted. `lined`: the share of the code of
    functions that has lines. `nameless`: looked-up functions with merged calls whose names are not
    in the file. `addresses`: places at even steps through the code of functions. `problem`: the
    first damage that was met, "" without.
    """

    functions: int = 0
    lined: float = 0.0
    has_inlines: bool = False
    nameless: int = 0
    addresses: tuple[int, ...] = ()
    problem: str = ""


class _Tries(NamedTuple):
    """What look-ups in the code that units describe gave."""

    share: float
    places: list[list[CodeLocation]]


def measure_native(data: Content, object_file: ObjectFile) -> NativeCoverage:
    """What one object of a file has.

    MalformedFile when it is damaged; InputUnusable when nothing here unpacks its sections, or its
    numbers are big-endian.
    """
    lookup = open_alone(data, object_file.architecture)
    if lookup is None:
        raise InputUnusable(
            f"big-endian debug information ({object_file.architecture}) is not read here",
            hint=HEADERS_HINT,
        )
    functions, spans = _list_functions(lookup.symbols)
    described = lookup.list_unit_code()
    tried = _look_up(lookup, described)
    code = merge_spans(sorted(spans + described))
    named = merge_spans(sorted(spans))
    if measure_spans(named) * 2 > measure_spans(described):  # else much has no symbols
        code = named  # the code of units has what is between functions, too
    size = measure_spans(code)
    kinds = {
        locations[-1].start for locations in tried.places if locations and locations[-1].function
    }
    return NativeCoverage(
        functions=max(functions, len(kinds)),
        lined=min(1.0, tried.share * measure_spans(described) / max(1, size)),
        has_inlines=any(len(locations) > 1 for locations in tried.places)
        or lookup.describes_inlined_calls(),
        nameless=len(
            {locations[-1].start for locations in tried.places if _has_nameless_call(locations)}
        ),
        addresses=tuple(spread_addresses(code, max(1, size // MAX_TRIED))),
        problem=next(iter(lookup.list_damage()), ""),
    )


def _has_nameless_call(locations: list[CodeLocation]) -> bool:
    return any(not location.function for location in locations[:-1])


def _list_functions(symbols: Symbols | None) -> tuple[int, list[tuple[int, int]]]:
    """How many functions symbols name, and the code of all but what every program has."""
    starts = set()
    spans = []
    for function in symbols.walk_functions() if symbols else ():
        if not function.name:
            continue
        starts.add(function.start)
        if function.name not in LINKED_IN:
            spans.append((function.start, function.start + max(1, function.size)))
    return len(starts), spans


def _look_up(lookup: DwarfLookup, described: list[tuple[int, int]]) -> _Tries:
    """What addresses at even steps through the code of units give."""
    size = measure_spans(described)
    step = max(1, size // MAX_LOOKED_UP)
    places = [lookup.find_locations(at) for at in spread_addresses(described, step)]
    if not places:
        return _Tries(0.0, places)
    share = sum(any(location.line for location in locations) for locations in places) / len(places)
    if share < ENOUGH_LINED:
        more = list(spread_addresses(described, max(1, size // MAX_LINED)))
        share = sum(lookup.find_line(at) is not None for at in more) / len(more)
    return _Tries(share, places)
