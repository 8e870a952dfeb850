"""Writing a .sym file from a symbol cache: functions, their lines, inlined calls, public names."""

from collections.abc import Callable, Iterator

from crashtool.formats.named_tuple import NamedTuple
from crashtool.formats.symcache import NOTHING, Row, SymCache


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


class _Inline(NamedTuple):
    depth: int
    line: int
    file: int
    function: int


def walk_symbol_file(
    module: ModuleLine,
    cache: SymCache,
    *,
    spell: Callable[[str, int | None], str] = lambda name, _: name,
    inlines: bool = True,
) -> Iterator[str]:
    """The records of a .sym file but for STACK, as pieces of text, in the order that readers like.

    `spell` makes a function's name readable; its start is None when it is only ever merged into
    others. A function of several parts has a FUNC record for each; one whose end is not known has
    a PUBLIC record, which goes on to the next. All others are FUNC records, also those without
    lines: a size keeps the code behind them out.
    """
    name, code_file = _one_line(module.name), _one_line(module.code_file)
    yield f"MODULE {module.system} {module.architecture} {module.identifier} {name}\n"
    if module.code_id:
        yield f"INFO CODE_ID {module.code_id} {code_file}".rstrip() + "\n"
    for number in range(cache.file_count):
        yield f"FILE {number} {_one_line(cache.file_path(number))}\n"
    names = _ReadableNames(cache, spell)
    if inlines:
        for function in cache.list_merged():
            yield f"INLINE_ORIGIN {function} {names.get(function)}\n"
    publics: list[str] = []
    for function, rows in _walk_functions(cache):
        start, end, name = rows[0][0], rows[-1][1], names.get(function)
        if end <= rows[-1][0]:
            publics.append(f"PUBLIC {start:x} 0 {name}\n")
            continue
        yield f"FUNC {start:x} {end - start:x} 0 {name}\n"
        if inlines:
            yield from _write_inlines(cache, rows)
        yield "".join(_write_lines(cache, rows, inlines=inlines))
    yield from publics


class _ReadableNames:
    """Functions' names, made readable once each."""

    def __init__(self, cache: SymCache, spell: Callable[[str, int | None], str]) -> None:
        self._cache = cache
        self._spell = spell
        self._known: dict[int, str] = {}

    def get(self, function: int) -> str:
        found = self._known.get(function)
        if found is None:
            name = self._cache.function_name(function)
            spelled = self._spell(name, self._cache.function_start(function))
            found = self._known[function] = _one_line(spelled) or "<name omitted>"
        return found


def _one_line(text: str) -> str:
    """The text without what would end a record."""
    return text if text.isprintable() else "".join(c if c.isprintable() else " " for c in text)


def _walk_functions(cache: SymCache) -> Iterator[tuple[int, list[Row]]]:
    """The pieces of one function after the other: what follows one another without a gap."""
    rows: list[Row] = []
    current = NOTHING
    count = cache.function_count
    for row in cache.walk_rows():
        function, outer = row[4], row[5]
        if function >= count:
            function = NOTHING
        elif outer != NOTHING and (callers := cache.callers(outer)):
            function = callers[-1].function
        if function != current:
            if rows:
                yield current, rows
            rows, current = [], function
        if function != NOTHING:
            rows.append(row)
    if rows:
        yield current, rows


def _write_lines(cache: SymCache, rows: list[Row], *, inlines: bool) -> Iterator[str]:
    """Line records: of the innermost call, or of the function itself. What touches becomes one."""
    first = end = line = file = 0
    for start, stop, row_file, row_line, _, outer in rows:
        new_file, new_line = row_file, row_line
        if not inlines and outer != NOTHING and (callers := cache.callers(outer)):
            _, new_file, new_line = callers[-1]
        if not new_line or not 0 <= new_file < cache.file_count:
            continue
        if start == end and new_line == line and new_file == file:
            end = stop
            continue
        if line:
            yield f"{first:x} {max(end - first, 0):x} {line} {file}\n"
        first, end, line, file = start, stop, new_line, new_file
    if line:
        yield f"{first:x} {max(end - first, 0):x} {line} {file}\n"


def _write_inlines(cache: SymCache, rows: list[Row]) -> Iterator[str]:
    """INLINE records, outer calls first; pieces of one call that touch become one."""
    calls: dict[_Inline, list[tuple[int, int]]] = {}
    for start, end, _, _, function, outer in rows:
        if outer == NOTHING:
            continue
        callers = cache.callers(outer)
        for depth, caller in enumerate(reversed(callers)):
            callee = callers[-2 - depth].function if depth + 1 < len(callers) else function
            key = _Inline(depth, caller.line, max(caller.file, 0), callee)
            pieces = calls.setdefault(key, [])
            if pieces and pieces[-1][1] == start:
                pieces[-1] = pieces[-1][0], end
            else:
                pieces.append((start, end))
    for key in sorted(calls, key=lambda key: (key.depth, calls[key])):
        places = " ".join(f"{start:x} {max(end - start, 0):x}" for start, end in calls[key])
        yield f"INLINE {key.depth} {key.line} {key.file} {key.function} {places}\n"
