"""Counts what looks secret in a dump: what goes with it wherever it is sent."""

import re
from collections.abc import Callable, Iterator
from itertools import chain
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from crashtool.errors import InputUnusable, reason_of
from crashtool.model.crash import SecretCount

if TYPE_CHECKING:
    from crashtool.formats.record import Buffer

CHUNK = 1 << 16  # bytes of the file that are looked at in one go: what a CPU has at hand
MARGIN = 1 << 12  # bytes around a chunk that a secret may reach into; even
BEFORE = 64  # characters before a marker that may belong to the secret's name
SHORTEST_WIDE = bytes(8)  # what stands between the letters of the shortest secret in UTF-16
FEWEST_DIFFERENT = 8  # characters in a key, or it is none
MOST_MARKERS = 1 << 11  # of one kind in one chunk; only hostile files have more
TOKEN = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"
KEYS = (b"API_", b"API", b"ACCESS_", b"PRIVATE_", b"SECRET_")
NAME = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"

# What documentation and tests have where a secret would be.
PLACEHOLDERS = (b"EXAMPLE", b"example", b"xxxxxx", b"XXXXXX", b"000000000", b"placeholder")


class Kind(NamedTuple):
    """A kind of secret: bytes that begin it, what then must follow, and what may stand before.

    `before`: characters that may not stand before the marker, for then it is part of something
    longer; every kind has some, or a text of nothing but markers would be read again and again.
    `confirms`: looks at the text and the place of the match once more. `extent`: what of the text
    is the secret, when it is not the match.
    """

    name: str
    markers: tuple[bytes, ...]
    pattern: re.Pattern[bytes]
    before: bytes = TOKEN
    confirms: "Callable[[bytes, re.Match[bytes]], bool] | None" = None
    extent: "Callable[[bytes, re.Match[bytes]], tuple[int, int]]" = lambda _text, found: (
        found.span()
    )


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
    kinds = _kinds()
    totals = dict.fromkeys((kind.name for kind in kinds), 0)
    for window, start, stop in _walk_windows(file):
        for reading in _walk_readings(window, start, stop):
            for kind in kinds:
                totals[kind.name] += sum(1 for _ in _find_kind(kind, reading))
    return tuple(SecretCount(name, total) for name, total in totals.items() if total)


class Secret(NamedTuple):
    """Where a secret is: from `start` to before `end` in the file; of each `step` bytes the first
    is a letter. Of an environment variable it is the value, of an e-mail address all of it.
    """

    kind: str
    start: int
    end: int
    step: int


def walk_secrets(data: "Buffer", start: int, end: int) -> Iterator[Secret]:
    """The secrets from `start` to before `end` in a file's bytes, each time they occur."""
    kinds = _kinds()
    for place in range(start, end, CHUNK):
        low, high = max(start, place - MARGIN), min(end, place + CHUNK + MARGIN)
        window = bytes(data[low:high])
        for reading in _walk_readings(window, place - low, min(end, place + CHUNK) - low):
            for kind in kinds:
                for found in _find_kind(kind, reading):
                    first, last = kind.extent(reading.text, found)
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
    """Bytes read as one encoding: what begins in [first, last) counts.

    Each letter takes `step` bytes, the first of them at `offset`. Of UTF-16 `zeros` are the bytes
    between, which must be 0 for ASCII.
    """

    text: bytes
    zeros: bytes | None
    first: int
    last: int
    offset: int = 0
    step: int = 1


def _walk_readings(window: bytes, start: int, stop: int) -> Iterator[_Reading]:
    """The bytes as they are, then every other byte, as UTF-16 has them."""
    if window.count(0) == len(window):
        return  # much of a full dump
    yield _Reading(window, None, start, stop)
    even, odd = window[::2], window[1::2]
    if SHORTEST_WIDE in odd:
        yield _Reading(even, odd, (start + 1) // 2, (stop + 1) // 2, 0, 2)
    if SHORTEST_WIDE in even:
        yield _Reading(odd, even[1:], start // 2, stop // 2, 1, 2)


def _find_kind(kind: Kind, reading: _Reading) -> Iterator[re.Match[bytes]]:
    text, first, last = reading.text, reading.first, reading.last
    for marker in kind.markers:
        left, place = MOST_MARKERS, text.find(marker, first, last + len(marker) - 1)
        while place >= 0 and left:
            left -= 1
            found = _find_secret(kind, text, reading.zeros, place)
            if found:
                yield found
            place = text.find(marker, place + 1, last + len(marker) - 1)


def _find_secret(
    kind: Kind, text: bytes, zeros: bytes | None, place: int
) -> re.Match[bytes] | None:
    if place and text[place - 1] in kind.before:
        return None
    found = kind.pattern.match(text, place)
    if found is None or (kind.confirms and not kind.confirms(text, found)):
        return None
    if zeros is not None and zeros.count(0, place, found.end()) != found.end() - place:
        return None
    return None if any(word in found.group() for word in PLACEHOLDERS) else found


def _is_name_of_variable(text: bytes, found: re.Match[bytes]) -> bool:
    """Whether the marker ends the name of an environment variable, at the start of a text."""
    head = text[max(0, found.start() - BEFORE) : found.start()]
    stem = head.rstrip(NAME)
    if found.group().startswith(b"KEY=") and not head.endswith(KEYS):
        return False
    return stem[-1:] in (b"", b"\0", b"\n", b'"', b"'", b" ", b";")


def _value_extent(_text: bytes, found: re.Match[bytes]) -> tuple[int, int]:
    return found.start() + found.group().index(b"=") + 1, found.end()


def _address_extent(text: bytes, found: re.Match[bytes]) -> tuple[int, int]:
    return found.start() - len(_split_mailbox(text, found)[1]), found.end()


def _split_mailbox(text: bytes, found: re.Match[bytes]) -> tuple[bytes, bytes]:
    """What stands before the name before the @, and the name."""
    place = found.start()
    text = text[max(0, place - BEFORE) : place]
    stem = text.rstrip(TOKEN + b".+%")
    return stem, text[len(stem) :]


def _has_mailbox(text: bytes, found: re.Match[bytes]) -> bool:
    """Whether a person's name may stand before the @: no login of git, no password of a URL."""
    stem, name = _split_mailbox(text, found)
    if stem.endswith(b":") and b"://" in stem:
        return False
    return len(name) > 1 and stem != b"" and name != b"git" and name[-1:] not in b".%-"


def _has_digit_and_letter(_text: bytes, found: re.Match[bytes]) -> bool:
    secret = found.group()
    return any(48 <= byte < 58 for byte in secret) and secret.lower() != secret.upper()  # noqa: PLR2004


def _is_live_key(text: bytes, found: re.Match[bytes]) -> bool:
    """Whether `sk_live_` or `rk_live_` is a word of its own."""
    place = found.start()
    return text[place - 1 : place] in (b"s", b"r") and text[place - 2 : place - 1] not in _LETTERS


def _is_access_key(_text: bytes, found: re.Match[bytes]) -> bool:
    """An access key id has capitals, and digits only as base 32 has them; it may lack them."""
    return len(set(found.group())) > FEWEST_DIFFERENT


_LETTERS = frozenset(bytes((byte,)) for byte in TOKEN)
_CONFIRMS = {"AWS access key id": _is_access_key, "Stripe key": _is_live_key}


def _kinds() -> tuple[Kind, ...]:
    """Made when needed: compiling costs start-up time."""
    return tuple(chain(_vendor_tokens(), _general_secrets()))


def _vendor_tokens() -> Iterator[Kind]:
    """Tokens that say whose they are: hardly anything else looks like them."""
    for name, marker, tail in (
        ("AWS access key id", b"AKIA", rb"[A-Z2-7]{16}(?![A-Za-z0-9])"),
        ("AWS access key id", b"ASIA", rb"[A-Z2-7]{16}(?![A-Za-z0-9])"),
        ("Anthropic API key", b"sk-", rb"ant-[\w-]{32,200}"),
        ("OpenAI API key", b"sk-", rb"(?:proj|svcacct)-[\w-]{32,200}"),
        ("GitHub token", b"gh", rb"[pousr]_[A-Za-z0-9]{36}"),
        ("GitHub token", b"github_pat_", rb"\w{60,120}"),
        ("GitLab token", b"glpat-", rb"[\w-]{20}"),
        ("Google API key", b"AIza", rb"[\w-]{35}(?![\w-])"),
        ("npm token", b"npm_", rb"[A-Za-z0-9]{36}(?![A-Za-z0-9])"),
        ("PyPI token", b"pypi-AgE", rb"[\w-]{50,250}"),
        ("Slack token", b"xox", rb"[abprs]-[0-9A-Za-z-]{20,250}"),
        ("Stripe key", b"k_live_", rb"[0-9A-Za-z]{20,250}"),
    ):
        confirms = _CONFIRMS.get(name, _has_digit_and_letter)
        before = b"" if name == "Stripe key" else TOKEN
        yield Kind(name, (marker,), re.compile(re.escape(marker) + tail), before, confirms)
    yield Kind(
        "Backtrace submission URL",
        (b"://",),
        re.compile(rb"://submit\.backtrace\.io/[\w.-]{1,64}/[0-9a-f]{64}"),
        before=b"",
    )
    yield Kind(
        "Slack webhook",
        (b"://",),
        re.compile(rb"://hooks\.slack\.com/services/T\w{7,12}/B\w{7,12}/\w{20,60}"),
        before=b"",
    )


def _general_secrets() -> Iterator[Kind]:
    """Secrets known by where they stand."""
    yield Kind(
        "JSON web token",
        (b"eyJ",),
        re.compile(rb"eyJ[\w-]{10,2000}\.eyJ[\w-]{10,2000}\.[\w-]{16,}"),
    )
    yield Kind(
        "private key",
        (b"-----BEGIN ",),
        re.compile(rb"-----BEGIN (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY-----\r?\n[\w+/=:, \r\n-]{64}"),
        before=b"-",
    )
    yield Kind(
        "authorization header",
        (b"uthorization: ",),
        re.compile(rb"uthorization: (?:Bearer|Basic|Token|token|bearer) [\w.~+/=-]{16,256}"),
        before=b"",
    )
    yield Kind(
        "HTTP cookie",
        (b"ookie: ",),
        re.compile(rb"ookie: [\w.-]{1,64}=[^\s\0;]{8,256}"),
        before=b"",
    )
    yield Kind(
        "password in a URL",
        (b"://",),
        re.compile(rb"://[\w.%~+-]{1,64}:[\w.%~+!$*-]{3,128}@[A-Za-z0-9][\w.-]{2,64}"),
        before=b"",
    )
    words = (b"TOKEN", b"SECRET", b"PASSWORD", b"PASSWD", b"KEY", b"CREDENTIALS")
    yield Kind(
        "environment variable with a secret's name",
        tuple(word + b"=" for word in words),
        re.compile(rb"(?:%b)=(?![/\\.]|[A-Z]:\\|%%|\$)[!-~]{8,256}" % b"|".join(words)),
        before=b"",
        confirms=_is_name_of_variable,
        extent=_value_extent,
    )
    yield Kind(
        "e-mail address",
        (b"@",),
        re.compile(
            rb"@[a-z0-9](?:[a-z0-9-]{0,40}\.){1,4}(?:com|net|org|edu|gov|io|dev|app|ai|info|us|uk|de"
            rb"|fr|es|it|nl|pl|cz|ch|at|be|se|no|fi|dk|ru|ua|cn|jp|kr|in|au|nz|ca|br|mx|eu)"
            rb"(?![\w-])(?!\.\w)"
        ),
        before=b"",
        confirms=_has_mailbox,
        extent=_address_extent,
    )
