"""All that a secret may begin with, found in one pass: in UTF-8, and in UTF-16 at either parity.

To look for each marker by itself took a pass for each, and two more over every other byte.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache

from crashtool.services.analyze.secret_kinds import list_kinds

SELDOM = b"@zJB=_-:/A"  # letters that dumps have least of; every marker holds one of them
REACH = 64  # bytes: twice the longest marker

Around = tuple[bytes, bytes]


class SecretMarkers:
    """Markers with what must stand around them, each found by the seldomest of its letters."""

    def __init__(self, markers: Iterable[tuple[bytes, Around]]) -> None:
        rows: dict[int, dict[bytes, Around]] = {}
        for marker, around in markers:
            rows.setdefault(_find_seldom(marker), {})[marker] = around
        self._pattern = re.compile(b"|".join(map(_compile_letter, rows, rows.values())))
        self._markers = {letter: tuple(group) for letter, group in rows.items()}
        self._wide = {marker: _widen(marker) for group in rows.values() for marker in group}

    def walk(self, window: bytes, start: int, stop: int) -> Iterator[tuple[bytes, int, int]]:
        """(marker, place, bytes a letter) of each that begins in [start, stop), in no strict order.

        What stands before `start` and behind `stop` is looked at, too.
        """
        for match in self._pattern.finditer(window, start, min(len(window), stop + REACH)):
            at = match.start()
            step = 1 if match.lastindex is None else 2
            for marker in self._markers[window[at]]:
                spelled = marker if step == 1 else self._wide[marker]
                offset = at - _place_of_seldom(marker) * step
                if start <= offset < stop and window.startswith(spelled, offset):
                    yield marker, offset, step


@cache
def compile_markers() -> SecretMarkers:
    """Those of all kinds of secrets."""
    return SecretMarkers((marker, kind.around) for kind in list_kinds() for marker in kind.markers)


def _find_seldom(marker: bytes) -> int:
    return next(letter for letter in SELDOM if letter in marker)


def _place_of_seldom(marker: bytes) -> int:
    return marker.rindex(_find_seldom(marker))


def _compile_letter(letter: int, markers: dict[bytes, Around]) -> bytes:
    """The letter, with the rest of one of the markers around it; the group tells UTF-16.

    The letter stands first, for then the whole is searched by the first letters alone.
    """
    narrow = [_compile_rest(marker, around, 1) for marker, around in markers.items()]
    wide = [_compile_rest(marker, around, 2) for marker, around in markers.items()]
    return rb"%b(?:%b|(\0)(?:%b))" % (
        re.escape(bytes((letter,))),
        b"|".join(narrow),
        b"|".join(wide),
    )


def _compile_rest(marker: bytes, around: Around, step: int) -> bytes:
    """What stands before a marker's seldom letter, that letter included, and what behind it."""
    offset = _place_of_seldom(marker) + 1
    spell = re.escape if step == 1 else lambda text: re.escape(_widen(text))
    zero = b"" if step == 1 else rb"\0"
    before, after = (part + zero if part else b"" for part in around)
    head, tail = before + spell(marker[:offset]), spell(marker[offset:]) + after.removesuffix(zero)
    return rb"(?<=%b)" % head + (rb"(?=%b)" % tail if tail else b"")


def _widen(marker: bytes) -> bytes:
    return b"".join(bytes((letter, 0)) for letter in marker)
