"""Rows that functions have in common are worked out once: the records are those of each alone."""

import random

import pytest

from crashtool.formats.object_file import frame_records
from crashtool.formats.object_file.cfi_expressions import Reader, UnknownExpression
from crashtool.formats.object_file.eh_frame import CIE, NAMES
from crashtool.formats.object_file.unwind_row import AlignmentFactors, UnwindRow

FIRST = b"\x0c\x07\x08\x90\x01"  # the frame is at rsp + 8, the return address right below it
PIECES = [
    b"\x41", b"\x44", b"\x40", b"\x02\x90", b"\x03\x10\x01", b"\x04\x01\0\0\0",  # steps
    b"\x0e\x10", b"\x0e\x18", b"\x86\x02", b"\x0d\x06", b"\x83\x03", b"\x0c\x07\x08", b"\xc6",
    b"\xc3", b"\x0a", b"\x0b", b"\0", b"\x2e\x10", b"\x07\x03", b"\x08\x06", b"\x05\x03\x04",
    b"\x11\x03\x7e", b"\x13\x7f", b"\x09\x03\x06", b"\x0d\x63",
    b"\x10\x06\x02\x76\x00", b"\x0f\x03\x77\x08\x06", b"\x16\x03\x02\x77\x08",  # expressions
    b"\x0f\x01\x2a", b"\x01", b"\x3f",  # what cannot be said
]  # fmt: skip


@pytest.fixture
def entry():
    factors = AlignmentFactors(1, -8, NAMES["x86_64"])
    return CIE(factors, 16, 0, has_augmentation=True, instructions=Reader(FIRST))


def list_alone(entry, code):
    """The changes of one function, by a row of its own."""
    changes, last = [], {}
    try:
        row = UnwindRow(entry.factors)
        row.run(Reader(FIRST), 0, 0)
        row.initial = dict(row.rules)
        for offset in row.walk(Reader(code)):
            rules = frame_records._list_rules(row, entry.return_register, "x86_64")
            text = frame_records.say_change(last, rules)
            if frame_records.OWN_WORDS.intersection(text.split()):
                return changes, offset
            if text:
                changes.append((offset, text))
            last = rules
    except UnknownExpression:
        return changes, changes[-1][0] if changes else 0
    return changes, frame_records.NO_END


@pytest.mark.parametrize("kept", [1, 5, 1 << 13])
def test_changes_are_those_of_a_function_alone(entry, monkeypatch, kept):
    monkeypatch.setattr(frame_records, "MAX_KEPT_ROWS", kept)
    draw = random.Random(3)  # noqa: S311
    rows = frame_records._KeptRows(entry, "x86_64", str)
    seen = 0
    for _ in range(1500):
        usual = draw.random() < 0.7
        pieces = PIECES[:24] if usual else PIECES
        code = b"".join(draw.choice(pieces) for _ in range(draw.randrange(14)))
        code = code[: draw.choice([len(code), len(code), len(code) - 1])]
        changes, end = list_alone(entry, code)

        assert rows.list_changes(code) == (changes, end), code.hex()
        seen += len(changes)
    assert seen > 1500


def test_what_was_remembered_is_the_same_for_all_that_recall_it(entry):
    rows = frame_records._KeptRows(entry, "x86_64", str)
    start = b"\x0a\x41\x86\x02\x41"
    for code in (start + b"\x0b\x83\x03", start + b"\x0b", start + b"\x0b\x83\x04"):
        assert rows.list_changes(code) == list_alone(entry, code)
