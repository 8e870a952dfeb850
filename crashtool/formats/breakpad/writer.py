"""Writing a .sym file from a symbol cache: functions, their lines, inlined calls, public names."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from crashtool.formats.symcache import Place, SymCache


class ModuleLine(NamedTuple):
    """What a .sym file begins with. `system` and `architecture` as Breakpad spells them.

    `code_id` and `code_file` are "" when not known.
    """

    system: str
    architecture: str
    identifier: str
    name: str
    code_id: str = ""
    code_file: str = ""


class _Span(NamedTuple):
    """A piece of code with one place: functions innermost first."""

    start: int
    size: int
    places: tuple[Place, ...]


class _Inline(NamedTuple):
    depth: int
    line: int
    file: int
    function: int


def walk_symbol_file(
    module: ModuleLine,
    cache: SymCache,
    *,
    spell: Callable[[str], str] = str,
    inlines: bool = True,
) -> Iterator[str]:
    """The records of a .sym file but for STACK, as pieces of text, in the order that readers like.

    `spell` makes a function's name readable. A function of several parts has a FUNC record for
    each; one whose end is not known has a PUBLIC record, which goes on to the next. All others
    are FUNC records, also those without lines: a size keeps the code behind them out.
    """
    yield f"MODULE {module.system} {module.architecture} {module.identifier} {module.name}\n"
    if module.code_id:
        yield f"INFO CODE_ID {module.code_id} {module.code_file}".rstrip() + "\n"
    for number in range(cache.file_count):
        yield f"FILE {number} {_one_line(cache.file_path(number))}\n"
    names = _Names(cache, spell)
    if inlines:
        for function in cache.list_merged():
            yield f"INLINE_ORIGIN {function} {names.get(function)}\n"
    publics: list[str] = []
    for spans in _walk_functions(cache):
        name = names.get(spans[0].places[-1].function)
        if spans[-1].size:
            yield _write_function(spans, name, inlines=inlines)
        else:
            publics.append(f"PUBLIC {spans[0].start:x} 0 {name}\n")
    yield from publics


class _Names:
    """Functions' names, made readable once each."""

    def __init__(self, cache: SymCache, spell: Callable[[str], str]) -> None:
        self._cache = cache
        self._spell = spell
        self._known: dict[int, str] = {}

    def get(self, function: int) -> str:
        found = self._known.get(function)
        if found is None:
            name = self._cache.function_name(function)
            found = self._known[function] = _one_line(self._spell(name)) or "<name omitted>"
        return found


def _one_line(text: str) -> str:
    """The text without what would end a record."""
    return text if text.isprintable() else "".join(c if c.isprintable() else " " for c in text)


def _walk_functions(cache: SymCache) -> Iterator[list[_Span]]:
    """The pieces of one function after the other: what follows one another without a gap."""
    spans: list[_Span] = []
    for number, start, end in cache.walk_ranges():
        places = tuple(cache.places(number))
        if spans and (not places or places[-1].function != spans[0].places[-1].function):
            yield spans
            spans = []
        if places:
            spans.append(_Span(start, max(end - start, 0), places))
    if spans:
        yield spans


def _write_function(spans: list[_Span], name: str, *, inlines: bool) -> str:
    start = spans[0].start
    size = spans[-1].start + spans[-1].size - start
    rows = [f"FUNC {start:x} {size:x} 0 {name}\n"]
    if inlines:
        rows += _write_inlines(spans)
    last: tuple[int, int, int, int] | None = None  # start, size, line, file
    for span in spans:
        place = span.places[0] if inlines else span.places[-1]
        if not place.line or place.file < 0:
            continue
        joins = last and last[0] + last[1] == span.start and last[2:] == (place.line, place.file)
        if last and joins:
            last = (last[0], last[1] + span.size, *last[2:])
            continue
        if last:
            rows.append(f"{last[0]:x} {last[1]:x} {last[2]} {last[3]}\n")
        last = (span.start, span.size, place.line, place.file)
    if last:
        rows.append(f"{last[0]:x} {last[1]:x} {last[2]} {last[3]}\n")
    return "".join(rows)


def _write_inlines(spans: list[_Span]) -> Iterator[str]:
    """INLINE records, outer calls first; pieces of one call that touch become one."""
    calls: dict[_Inline, list[tuple[int, int]]] = {}
    for span in spans:
        for depth in range(len(span.places) - 1):
            caller, callee = span.places[-1 - depth], span.places[-2 - depth]
            key = _Inline(depth, caller.line, max(caller.file, 0), callee.function)
            pieces = calls.setdefault(key, [])
            if pieces and sum(pieces[-1]) == span.start:
                pieces[-1] = pieces[-1][0], pieces[-1][1] + span.size
            else:
                pieces.append((span.start, span.size))
    for key in sorted(calls, key=lambda key: (key.depth, calls[key])):
        places = " ".join(f"{start:x} {size:x}" for start, size in calls[key])
        yield f"INLINE {key.depth} {key.line} {key.file} {key.function} {places}\n"
