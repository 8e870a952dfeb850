"""STACK records: the unwind rules of a module as Breakpad writes them, found by address."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from crashtool.formats.breakpad import records
from crashtool.formats.breakpad.records import MAX_LINE_LENGTH, find_line_end
from crashtool.formats.breakpad.sorted_records import SortedRecords, covers
from crashtool.formats.unwind_rules import FPO, FRAME_DATA, CfiText, FrameData

if TYPE_CHECKING:
    from re import Match

    from crashtool.formats.object_kinds import Content

MAX_DELTAS = 1 << 16
MAX_ADDRESS = (1 << 64) - 1
MAX_ANSWERS = 4096  # remembered ones
WIN_NUMBERS = 8


class StackRecords:
    """The STACK records in `data` from `start` to `end`; addresses are from the module's base."""

    def __init__(
        self,
        data: Content,
        start: int = 0,
        end: int | None = None,
        *,
        problems: list[str] | None = None,
    ) -> None:
        """Damage is noted in `problems`."""
        self.problems: list[str] = [] if problems is None else problems
        self._data = data
        self._end = len(data) if end is None else end
        self._rules, self._frame_data, self._fpo = (
            SortedRecords(data, kind, start, self._end, self.problems)
            for kind in (records.CFI_INIT, records.WIN_FRAME_DATA, records.WIN_FPO)
        )
        self._answers: dict[int, CfiText | None] = {}

    def exists(self) -> bool:
        """Whether there is any."""
        return self._rules.exists() or self._frame_data.exists() or self._fpo.exists()

    def find_cfi(self, address: int) -> CfiText | None:
        """The rules at an address; None when the last STACK CFI record before does not reach it."""
        if not 0 <= address <= MAX_ADDRESS:
            return None
        if address not in self._answers:
            if len(self._answers) >= MAX_ANSWERS:
                self._answers.clear()
            self._answers[address] = self._read_cfi(address)
        return self._answers[address]

    def find_frame_data(self, address: int) -> FrameData | None:
        """The innermost STACK WIN record that covers an address, frame data before FPO data."""
        if not 0 <= address <= MAX_ADDRESS:
            return None
        for kind, column in ((FRAME_DATA, self._frame_data), (FPO, self._fpo)):
            column.check_order()
            record = column.find_covering(address)
            if record is not None:
                return _read_win(kind, record)
        return None

    def _read_cfi(self, address: int) -> CfiText | None:
        record = self._rules.read(self._rules.find(address))
        if record is None or not covers(record, address):
            record = self._rules.find_before(address)
        if record is None or not covers(record, address):
            return None
        start, size = int(record[1], 16), int(record[2], 16)
        rules = [record[3].rstrip(), *self._read_deltas(record.end(), address)]
        return CfiText(start, size, _decode(b" ".join(rule for rule in rules if rule)))

    def _read_deltas(self, offset: int, address: int) -> list[bytes]:
        """The rules, in the order of addresses, that hold from an address up to the given one on.

        `offset`: in the line before the first of them.
        """
        rows: list[tuple[int, bytes]] = []
        match = re.compile(records.CFI_DELTA.pattern).match
        for _ in range(MAX_DELTAS):
            offset = find_line_end(self._data, offset, self._end) + 1
            record = match(self._data, offset, min(self._end, offset + MAX_LINE_LENGTH))
            if record is None:
                break
            if int(record[1], 16) <= address:
                rows.append((int(record[1], 16), record[2].rstrip()))
        rows.sort(key=lambda delta: delta[0])
        return [rules for _, rules in rows]


def _read_win(kind: int, record: Match[bytes]) -> FrameData:
    numbers = [int(word, 16) for word in record.groups()[:WIN_NUMBERS]]
    rest = _decode(record[WIN_NUMBERS + 1])
    program, allocates = (rest, False) if kind == FRAME_DATA else ("", rest == "1")
    return FrameData._make((kind, *numbers, program, allocates))


def _decode(rules: bytes) -> str:
    return rules.decode("ascii", "replace").strip()
