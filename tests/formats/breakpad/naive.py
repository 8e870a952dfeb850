"""A .sym file parsed as a whole, to compare with what the lazy reader finds."""

import re
from typing import NamedTuple

HEX = "([0-9a-fA-F]{1,16})"
FUNC = re.compile(rf"FUNC\s+(?:m\s+)?{HEX}\s+{HEX}\s+{HEX}(?:\s+(.*))?$")
PUBLIC = re.compile(rf"PUBLIC\s+(?:m\s+)?{HEX}\s+{HEX}(?:\s+(.*))?$")
LINE = re.compile(rf"{HEX}\s+{HEX}\s+([0-9]{{1,10}})\s+([0-9]{{1,10}})(?:\s.*)?$")
FILE = re.compile(r"FILE\s+([0-9]{1,10})(?:\s+(.*))?$")
ORIGIN = re.compile(r"INLINE_ORIGIN\s+([0-9]{1,10})(?:\s+(.*))?$")
INIT = re.compile(rf"STACK CFI INIT\s+{HEX}\s+{HEX}(?:\s+(.*))?$")
DELTA = re.compile(rf"STACK CFI\s+{HEX}(?:\s+(.*))?$")
STACK = rb"(?m)^STACK (CFI INIT|WIN [04])\s+[0-9a-fA-F]{1,16}\s+[0-9a-fA-F]"
PUBLIC_REACH = 0x1000
WIN = re.compile(rf"STACK WIN ([04])\s+{HEX}\s+{HEX}(?:\s+{HEX}){{6}}\s+([01])(?:\s+(.*))?$")


class Function(NamedTuple):
    start: int
    size: int
    parameters: int
    name: str
    body: list[str]


class Naive:
    """All records of a file, in its order. Of equals the first counts."""

    def __init__(self, data: bytes) -> None:
        self.functions: list[Function] = []
        self.publics: dict[int, tuple[int, str]] = {}
        self.files: dict[int, str] = {}
        self.origins: dict[int, str] = {}
        self.cfi: dict[int, tuple[int, str, list[tuple[int, str]]]] = {}
        self.wins: list[tuple[int, int, int]] = []
        self.has_unwind = re.search(STACK, data) is not None
        body: list[str] = []
        deltas: list[tuple[int, str]] = []
        for raw in data.split(b"\n")[1:]:
            text = raw.decode("utf-8", "replace").rstrip()
            delta = None if text.startswith("STACK CFI INIT ") else DELTA.match(text)
            if delta:
                deltas.append((int(delta[1], 16), delta[2] or ""))
                body = []
                continue
            deltas = []
            if text.startswith(("FUNC ", "PUBLIC ", "STACK ")):
                body = []
            self._read(text, body, deltas)

    def _read(self, text, body, deltas) -> None:
        if found := FUNC.match(text):
            if int(found[2], 16):
                numbers = (int(word, 16) for word in found.group(1, 2, 3))
                self.functions.append(Function(*numbers, found[4] or "", body))
        elif found := PUBLIC.match(text):
            self.publics.setdefault(int(found[1], 16), (int(found[2], 16), found[3] or ""))
        elif found := FILE.match(text):
            self.files.setdefault(int(found[1]), found[2] or "")
        elif found := ORIGIN.match(text):
            self.origins.setdefault(int(found[1]), found[2] or "")
        elif found := INIT.match(text):
            if int(found[2], 16):
                self.cfi.setdefault(int(found[1], 16), (int(found[2], 16), found[3] or "", deltas))
        elif found := WIN.match(text):
            if (found[1] == "4") == (found[5] == "1"):
                self.wins.append((int(found[1]), int(found[2], 16), int(found[3], 16)))
        else:
            body.append(text)

    def find_function(self, address):
        """Name, start, size, parameter size, file, line, inlined calls, whether it is PUBLIC."""
        hits = [row for row in self.functions if row.start <= address < row.start + row.size]
        if not hits:
            return self._find_public(address)
        hit = max(hits, key=lambda row: row.start)
        lines = [
            (int(found[1], 16), int(found[3]), int(found[4]))
            for found in map(LINE.match, hit.body)
            if found and 0 <= address - int(found[1], 16) < int(found[2], 16)
        ]
        place = max(lines, key=lambda row: row[0], default=(0, 0, None))
        here = (self.files.get(place[2]) or None, place[1] or None)
        calls = self._find_inlines(hit.body, address)
        first = next((int(found[4]) for found in map(LINE.match, hit.body) if found), None)
        inlines = []
        while calls:
            line, file, origin = calls.pop()
            name = self.origins.get(origin, "")
            if file is None:  # an old file, whose INLINE_ORIGIN records have the file
                name = name.partition(" ")[2]
                file = int(self.origins[calls[-1][2]].partition(" ")[0]) if calls else first
            inlines.append((name, *here))
            here = (self.files.get(file) or None, line or None)
        return (hit.name, hit.start, hit.size, hit.parameters, *here, tuple(inlines), False)

    def _find_inlines(self, body, address):
        """Line, file and origin of each call at the address, the outermost first."""
        found = {}
        for text in body:
            words = text.split()
            if words[:1] != ["INLINE"] or len(words) < 6:
                continue
            depth, line, *file, origin = map(int, words[1 : 4 + len(words) % 2])
            spans = words[4 + len(words) % 2 :]
            for start, size in zip(spans[::2], spans[1::2], strict=True):
                begin = int(start, 16)
                if begin <= address < begin + int(size, 16):
                    if begin > found.get(depth, (-1,))[0]:
                        found[depth] = (begin, (line, *(file or [None]), origin))
                    break
        return [found[depth][1] for depth in sorted(found)]

    def _find_public(self, address):
        start = max((start for start in self.publics if start <= address), default=None)
        begun = max((row.start for row in self.functions if row.start <= address), default=-1)
        if start is None or begun >= start:
            return None
        is_unwound = self.find_cfi(address) is not None or self.find_frame_data(address) is not None
        if self.has_unwind and address - start > PUBLIC_REACH and not is_unwound:
            return None
        parameters, name = self.publics[start]
        return (name, start, 0, parameters, None, None, (), True)

    def find_cfi(self, address):
        start = max((start for start in self.cfi if start <= address), default=None)
        if start is None or address >= start + self.cfi[start][0]:
            return None
        size, rules, deltas = self.cfi[start]
        changes = sorted((row for row in deltas if row[0] <= address), key=lambda row: row[0])
        return (
            start,
            size,
            " ".join(text for text in [rules, *(row[1] for row in changes)] if text),
        )

    def find_frame_data(self, address):
        """Kind, start and size."""
        hits = [row for row in self.wins if row[1] <= address < row[1] + row[2]]
        return max(hits, key=lambda row: (row[0], row[1]), default=None)

    def list_addresses(self):
        """The edges and middles of everything, and what is just outside of it."""
        spans = [(row.start, row.size) for row in self.functions]
        spans += [(start, row[0]) for start, row in self.cfi.items()]
        spans += [row[1:] for row in self.wins] + [(start, 1) for start in self.publics]
        places = {0, (1 << 64) - 1}
        for start, size in spans:
            places |= {start - 1, start, start + size // 2, start + size - 1, start + size}
        return sorted(place for place in places if 0 <= place < 1 << 64)
