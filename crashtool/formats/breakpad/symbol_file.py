"""A Breakpad .sym file: functions, lines, inlined calls by address, without parsing the whole."""

from typing import TYPE_CHECKING, NamedTuple

from crashtool.formats.breakpad.columns import LONGEST_LINE, Column, read_line
from crashtool.formats.breakpad.stack_records import CfiText, StackRecords, WinRecord
from crashtool.formats.object_file.symbol_header import read_module_line

if TYPE_CHECKING:
    from crashtool.formats.object_file.kinds import Content

FUNC, PUBLIC = b"\nFUNC ", b"\nPUBLIC "
FILE, ORIGIN = b"\nFILE ", b"\nINLINE_ORIGIN "
STACK, INLINE = b"STACK ", b"INLINE "
FUNC_WORDS, PUBLIC_WORDS, LINE_WORDS, INLINE_WORDS = 4, 3, 4, 5
NOTICED = 1 << 16  # bytes of a function's records that are looked at to tell what a file has
MOST_ADDRESS = (1 << 64) - 1
MOST_PROBLEMS = 8


class InlinedCall(NamedTuple):
    """A function that was merged into its caller, and where execution is inside it."""

    name: str
    file: str | None
    line: int | None


class FunctionHit(NamedTuple):
    """The function at an address; its `start` is from the module's base.

    `size` in bytes, 0 when unknown. `parameter_size`: bytes of parameters on the stack (x86).
    `file` and `line` are the function's own: where it calls the outermost of `inlines`, which are
    innermost first. `is_public`: only the nearest name before the address is known.
    """

    name: str
    start: int
    size: int
    parameter_size: int = 0
    file: str | None = None
    line: int | None = None
    inlines: tuple[InlinedCall, ...] = ()
    is_public: bool = False


class _Inline(NamedTuple):
    depth: int
    line: int
    file: int | None
    origin: int


class SymbolFile:
    """The records of a .sym file, read where a question leads. Damage is noted in `problems`."""

    def __init__(self, data: "Content") -> None:
        """MalformedFile when the MODULE line is none."""
        self.module = read_module_line(data)
        self.problems: list[str] = []
        self._data = data
        self._stack_start = end = self._find_edge(STACK, 0, len(data))
        first = data.find(FUNC, 0, end)
        public = data.find(PUBLIC, 0, first + 1 if first >= 0 else end)
        body = min((place for place in (first, public) if place >= 0), default=end)
        self._functions = Column(data, FUNC, body, end)
        # Mozilla's dump_syms puts PUBLIC between FUNC records, Breakpad's behind the last one.
        self._publics = Column(data, PUBLIC, max(body, self._find_edge(b"PUBLIC ", body, end)), end)
        self._mixed_publics = Column(data, PUBLIC, body, end)
        self._files = Column(data, FILE, 0, body, 10)
        self._origins = Column(data, ORIGIN, 0, body, 10)
        self._late_origins = Column(data, ORIGIN, body, end, 10)
        self._records = StackRecords(data, end, len(data))

    @property
    def has_functions(self) -> bool:
        """Whether it has FUNC records."""
        return self._functions.exists()

    @property
    def has_lines(self) -> bool:
        """Whether its functions have lines."""
        return self._files.exists() and self.has_functions

    @property
    def has_inlines(self) -> bool:
        """Whether it tells inlined calls."""
        return self._origins.exists() or self._late_origins.exists()

    @property
    def has_unwind(self) -> bool:
        """Whether it has STACK records."""
        return self._stack_start < len(self._data)

    def find_cfi(self, address: int) -> CfiText | None:
        """The STACK CFI rules at an address."""
        return self._records.find_cfi(address)

    def find_win(self, address: int) -> WinRecord | None:
        """The STACK WIN record at an address."""
        return self._records.find_win(address)

    def find_function(self, address: int) -> FunctionHit | None:
        """The FUNC that covers an address, else the PUBLIC before it with no FUNC in between."""
        if not 0 <= address <= MOST_ADDRESS:
            return None
        place = self._functions.find(address)
        hit = self._read_function(place, address)
        if hit is None:
            surely = self._functions.find_surely(address)
            hit = self._read_function(surely, address) if surely != place else None
            place = surely
        return hit or self._read_public(address, place)

    def _find_edge(self, word: bytes, start: int, end: int) -> int:
        """Where the last records, those that begin with a word, start; `end` without any."""
        low, high = start, end
        while high - low > 1:
            middle = (low + high) // 2
            line = self._data.find(b"\n", middle, high)
            if line < 0 or line + 1 >= end or self._data[line + 1 : line + 1 + len(word)] == word:
                high = middle
            else:
                low = line
        found = self._data.find(b"\n" + word, max(start, low - 1), min(end, low + LONGEST_LINE))
        return end if found < 0 else found

    def _note(self, problem: str) -> None:
        if len(self.problems) < MOST_PROBLEMS:
            self.problems.append(problem)

    def _read_function(self, place: int, address: int) -> FunctionHit | None:
        if place < 0:
            return None
        line = read_line(self._data, place + 1)
        words = _split(line.text, FUNC_WORDS)
        try:
            start, size, parameters = (int(word, 16) for word in words[1:FUNC_WORDS])
        except ValueError:
            self._note(f"a FUNC record that is none, at offset {place + 1:#x}")
            return None
        if not start <= address < start + size:
            return None
        name = _text(words[FUNC_WORDS]) if len(words) > FUNC_WORDS else ""
        hit = FunctionHit(name, start, size, parameters)
        end = self._functions.next(place)
        public = self._data.find(PUBLIC, line.end, end + 1)
        block = bytes(self._data[line.end + 1 : public if public >= 0 else end])
        return self._add_lines(hit, block, address)

    def _add_lines(self, hit: FunctionHit, block: bytes, address: int) -> FunctionHit:
        inlines: list[_Inline] = []
        file: int | None = None
        line = 0
        for text in block.split(b"\n"):
            try:
                if text.startswith(INLINE):
                    if inline := _parse_inline(text, address):
                        inlines.append(inline)
                elif not line and text and (found := _parse_line(text, address)):
                    line, file = found
            except ValueError:
                self._note(f"a record of function {hit.name[:80]} that is none")
        calls: list[InlinedCall] = []
        for inline in sorted(inlines, reverse=True):  # the innermost is where the line is
            name = self._find_text(self._origins, inline.origin)
            name = name or self._find_text(self._late_origins, inline.origin) or ""
            calls.append(InlinedCall(name, self._find_text(self._files, file), line or None))
            file, line = inline.file, inline.line
        return hit._replace(
            file=self._find_text(self._files, file), line=line or None, inlines=tuple(calls)
        )

    def _find_text(self, column: Column, number: int | None) -> str | None:
        """The text of the FILE or INLINE_ORIGIN record with a number."""
        if number is None:
            return None
        for place in (column.find(number), column.find_surely(number)):
            if place >= 0 and column.number(place) == number:
                text = read_line(self._data, place + len(column.tag)).text
                return _text(text.partition(b" ")[2]) or None
        return None

    def _read_public(self, address: int, function: int) -> FunctionHit | None:
        column = self._publics if self._publics.exists() else self._mixed_publics
        place = column.find_surely(address)
        if place < 0:
            return None
        words = _split(read_line(self._data, place + 1).text, PUBLIC_WORDS)
        try:
            start, parameters = (int(word, 16) for word in words[1:PUBLIC_WORDS])
        except ValueError:
            self._note(f"a PUBLIC record that is none, at offset {place + 1:#x}")
            return None
        before = self._functions.number(function) if function >= 0 else None
        if start > address or (before is not None and before > start):
            return None
        name = _text(words[PUBLIC_WORDS]) if len(words) > PUBLIC_WORDS else ""
        return FunctionHit(name, start, 0, parameters, is_public=True)


def _split(text: bytes, count: int) -> list[bytes]:
    """The words of a FUNC or PUBLIC record, without the `m` of a name that stands for several."""
    words = text.split(None, count)
    if len(words) > 1 and words[1] == b"m":
        words = text.split(None, count + 1)
        del words[1]
    return words


def _parse_line(text: bytes, address: int) -> tuple[int, int] | None:
    """Line and file of an `address size line file` record that covers the address."""
    words = text.split(None, LINE_WORDS)
    if len(words) < LINE_WORDS:
        raise ValueError
    start, size = int(words[0], 16), int(words[1], 16)
    return (int(words[2]), int(words[3])) if start <= address < start + size else None


def _parse_inline(text: bytes, address: int) -> _Inline | None:
    """An INLINE record if one of its ranges covers the address; old ones lack the call's file."""
    words = text.split()
    if len(words) < INLINE_WORDS:
        raise ValueError
    has_file = len(words) % 2 == 1
    first = INLINE_WORDS if has_file else INLINE_WORDS - 1
    for place in range(first, len(words) - 1, 2):
        start = int(words[place], 16)
        if start <= address < start + int(words[place + 1], 16):
            file = int(words[3]) if has_file else None
            return _Inline(int(words[1]), int(words[2]), file, int(words[first - 1]))
    return None


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace").strip()
