"""Counts what looks secret in a dump: what goes with it wherever it is sent."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, BinaryIO, Protocol

from crashtool.errors import InputUnusable, reason_of
from crashtool.formats.named_secrets import mask_named_secrets
from crashtool.formats.named_tuple import NamedTuple
from crashtool.formats.redaction import redact_token
from crashtool.model.crash import SecretCount
from crashtool.services.analyze.secret_kinds import Kind, compile_kind, list_kinds
from crashtool.services.analyze.secret_markers import compile_markers

if TYPE_CHECKING:
    import re


CHUNK = 1 << 16  # bytes of the file that are looked at in one go: what a CPU has at hand
MARGIN = 1 << 12  # bytes around a chunk that a secret may reach into; even
NOTHING = bytes(CHUNK + 2 * MARGIN)
SHORTEST_WIDE = bytes(8)  # what stands between the letters of the shortest secret in UTF-16
MAX_MARKERS = 1 << 11  # of one kind in one chunk; only hostile files have more
MASK = "…".encode()
# What documentation and tests have where a secret would be.
PLACEHOLDERS = (b"EXAMPLE", b"example", b"xxxxxx", b"XXXXXX", b"000000000", b"placeholder")


def count_secrets(path: str) -> tuple[SecretCount, ...]:
    """How often each kind of secret occurs in a dump: its memory, environment, every stream.

    UTF-8 and UTF-16 texts count. Each occurrence counts, also of one and the same secret. The
    secrets themselves are neither kept nor returned. Memory stays bounded by the chunk.
    InputUnusable when the file cannot be read.
    """
    try:
        with open(path, "rb") as file:  # noqa: PTH123 (pathlib costs start-up time)
            return count_in(file)
    except OSError as error:
        raise InputUnusable(f"{path} cannot be read: {reason_of(error)}") from None


def count_in(file: BinaryIO) -> tuple[SecretCount, ...]:
    """As `count_secrets`, in the rest of an open file."""
    totals = dict.fromkeys((kind.name for kind in list_kinds()), 0)
    for window, start, stop in _walk_windows(file):
        for kind, _, _ in _walk_window(window, start, stop):
            totals[kind.name] += 1
    return tuple(SecretCount(name, total) for name, total in totals.items() if total)


def mask_secrets(text: str) -> str:
    """`text` with an ellipsis for each secret that `count_secrets` would count in it, for values
    that the text calls a password or the like, and for the tokens and passwords that are masked
    wherever crashtool shows a URL.
    """
    data = text.encode("utf-8", "surrogatepass")
    kept, done = bytearray(), 0
    if not any(marker in data for kind in list_kinds() for marker in kind.markers):
        return redact_token(
            mask_named_secrets(text)
        )  # as of most texts; patterns take long to compile
    for secret in sorted(walk_secrets(data, 0, len(data)), key=lambda secret: secret.start):
        if secret.step == 1 and secret.end > done:
            kept += data[done : max(done, secret.start)]
            if secret.start >= done:
                kept += MASK
            done = secret.end
    kept += data[done:]
    return redact_token(mask_named_secrets(kept.decode("utf-8", "replace")))


class Sliceable(Protocol):
    """Something to take bytes from, by offsets: bytes, or a file's."""

    def __getitem__(self, part: slice, /) -> bytes: ...


class Secret(NamedTuple):
    """Where a secret is: from `start` to before `end` in the file; of each `step` bytes the first
    is a letter. Of an environment variable it is the value, of an e-mail address all of it.
    """

    kind: str
    start: int
    end: int
    step: int


def walk_secrets(data: Sliceable, start: int, end: int) -> Iterator[Secret]:
    """The secrets from `start` to before `end` in a file's bytes, each time they occur."""
    for position in range(start, end, CHUNK):
        low, high = max(start, position - MARGIN), min(end, position + CHUNK + MARGIN)
        window = data[low:high]
        last_place = min(end, position + CHUNK) - low
        for kind, reading, match in _walk_window(window, position - low, last_place):
            first, last = kind.extent(reading.text, match)
            offset, step = low + reading.offset, reading.step
            yield Secret(kind.name, offset + first * step, offset + last * step, step)


def _walk_windows(file: BinaryIO) -> Iterator[tuple[bytes, int, int]]:
    """(bytes, start, stop): chunks with a margin around them; what begins in [start, stop) counts.

    The margin behind a chunk is only known when the next one is read.
    """
    before, current = b"", file.read(CHUNK)
    while current:
        following = file.read(CHUNK)
        yield before + current + following[:MARGIN], len(before), len(before) + len(current)
        before, current = current[-MARGIN:], following


class _Reading(NamedTuple):
    """Bytes read as one encoding.

    Each letter takes `step` bytes, the first of them at `offset`. Of UTF-16 `zeros` are the bytes
    between, which must be 0 for ASCII.
    """

    text: bytes
    zeros: bytes | None = None
    offset: int = 0
    step: int = 1


def _walk_window(
    window: bytes, start: int, stop: int
) -> Iterator[tuple[Kind, _Reading, re.Match[bytes]]]:
    """What is secret of what begins in [start, stop): as UTF-8, then as UTF-16 at either parity."""
    if NOTHING.startswith(window):
        return  # much of a full dump
    places: dict[int, dict[bytes, list[int]]] = {}
    for marker, offset, step in compile_markers().walk(window, start, stop):
        encoding = 0 if step == 1 else 1 + offset % 2
        rows = places.setdefault(encoding, {}).setdefault(marker, [])
        if len(rows) < MAX_MARKERS:
            rows.append(offset // step)
    for encoding, matches in sorted(places.items()):
        reading = _read_as(window, encoding)
        if reading is None:
            continue
        for kind in list_kinds():
            for secret in _walk_kind(kind, reading, matches):
                yield kind, reading, secret


def _read_as(window: bytes, encoding: int) -> _Reading | None:
    """Bytes as an encoding: 0 as they are, 1 and 2 every other byte; None for no UTF-16 at all."""
    if not encoding:
        return _Reading(window)
    even, odd = window[::2], window[1::2]
    reading = _Reading(even, odd, 0, 2) if encoding == 1 else _Reading(odd, even[1:], 1, 2)
    return reading if SHORTEST_WIDE in (odd if encoding == 1 else even) else None


def _walk_kind(
    kind: Kind, reading: _Reading, places: dict[bytes, list[int]]
) -> Iterator[re.Match[bytes]]:
    for marker in kind.markers:
        for offset in places.get(marker, ()):
            match = _find_secret(kind, reading.text, reading.zeros, offset)
            if match:
                yield match


def _find_secret(
    kind: Kind, text: bytes, zeros: bytes | None, offset: int
) -> re.Match[bytes] | None:
    if offset and text[offset - 1] in kind.before:
        return None
    match = compile_kind(kind.pattern).match(text, offset)
    if match is None or (kind.confirms and not kind.confirms(text, match)):
        return None
    if zeros is not None and zeros.count(0, offset, match.end()) != match.end() - offset:
        return None
    return None if any(word in match.group() for word in PLACEHOLDERS) else match
