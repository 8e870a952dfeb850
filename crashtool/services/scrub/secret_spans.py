"""What to overwrite in a minidump: environment values, secrets, matches of the user's patterns."""

from __future__ import annotations

import platform
import re
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from crashtool.errors import UsageError
from crashtool.formats.minidump import linux_streams
from crashtool.formats.minidump.texts import MEMORY, STRING, TextPlace
from crashtool.formats.named_tuple import NamedTuple
from crashtool.services.analyze.secrets import walk_secrets
from crashtool.services.scrub import environment

if TYPE_CHECKING:
    from crashtool.services.scrub.file_bytes import FileBytes

ENVIRONMENT, SECRETS, STRINGS = "environment", "secrets", "strings"
ALIASES = {"env": ENVIRONMENT, "environment": ENVIRONMENT, "secrets": SECRETS}
FEWEST = 4  # characters that make a text in memory
SURE_TEXT = 16  # bytes: no addresses follow one another so that so many are letters
PIECE = 1 << 12  # characters of a text that one pattern takes: it keeps a state for each
WRONG_BEFORE = (3, 11, 5)  # github.com/python/cpython/issues/100061 and 106052

NARROW_LETTER = (
    rb"(?:[\t\n\r -~]|[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3})"
)
WIDE_LETTER = rb"(?:[\t\n\r -~\xa0-\xff]\0|[^\0][\x01-\x05])"


class SecretSpan(NamedTuple):
    """Bytes to overwrite: from `start` to before `end` in the file, each `step` bytes one letter.

    Of a step of two, the second byte becomes zero, as UTF-16 has it. Without `is_sure` it may be
    numbers that happen to spell a word.
    """

    kind: str
    start: int
    end: int
    step: int = 1
    is_sure: bool = True


Finder = Callable[["FileBytes", TextPlace], Iterator[SecretSpan]]


def parse_wish(text: str) -> Finder:
    """`environment` (or `env`), `secrets`, or `strings=REGEX`. UsageError for anything else."""
    word, equals, pattern = text.partition("=")
    if equals and word == STRINGS:
        return _make_text_finder(pattern)
    name = ALIASES.get(text)
    if name == ENVIRONMENT:
        return find_environment
    if name == SECRETS:
        return find_secrets
    raise UsageError(f"{text!r} cannot be scrubbed", hint="environment, secrets or strings=REGEX")


def find_environment(data: FileBytes, text_place: TextPlace) -> Iterator[SecretSpan]:
    """The values of environment variables: of the stream, and of blocks of them in memory."""
    start, end = text_place.rva, text_place.rva + text_place.size
    if text_place.stream_type == linux_streams.ENVIRON:
        for first, last in environment.walk_values(data, start, end):
            yield SecretSpan(ENVIRONMENT, first, last)
    elif text_place.kind == MEMORY:
        for width in (1, 2):
            for first, last in environment.walk_block_values(data, start, end, width):
                yield SecretSpan(ENVIRONMENT, first, last, width)


def find_secrets(data: FileBytes, text_place: TextPlace) -> Iterator[SecretSpan]:
    """What looks like a token, a key or a password, by the rules that count them."""
    for kind, start, end, step in walk_secrets(
        data, text_place.rva, text_place.rva + text_place.size
    ):
        yield SecretSpan(kind, start, end, step)


def _make_text_finder(text: str) -> Finder:
    try:
        pattern = re.compile(text)
    except re.error as error:
        raise UsageError(
            f"strings={text} is not a regular expression: {error}", hint="see Python's re"
        ) from None
    _check_possessive(text)
    if pattern.match(""):
        raise UsageError(f"strings={text} also matches an empty text, which is everywhere")
    kind = f"{STRINGS}={text}"

    def find_matches(data: FileBytes, text_place: TextPlace) -> Iterator[SecretSpan]:
        end = text_place.rva + text_place.size
        for start, stop in _walk_texts(NARROW_LETTER, data, text_place.rva, end):
            yield from _match_narrow(kind, pattern, bytes(data[start:stop]), start)
        for start, stop in _walk_texts(WIDE_LETTER, data, text_place.rva, end):
            yield from _match_wide(kind, pattern, bytes(data[start:stop]), start)

    return find_matches


def _check_possessive(text: str) -> None:
    """UsageError for a pattern that this Python would match wrongly, and so leave a secret."""
    bare = re.sub(r"\\.|\[\^?\]?[^\]]*\]", "", text, flags=re.DOTALL)
    if sys.version_info[:3] < WRONG_BEFORE and re.search(r"\(\?>|[*+?}]\+", bare):
        raise UsageError(
            f"strings={text}: Python {platform.python_version()} matches possessive quantifiers "
            "and atomic groups wrongly",
            hint="write it without them, or use Python 3.11.5 or later",
        )


def _walk_texts(letter: bytes, data: FileBytes, start: int, end: int) -> Iterator[tuple[int, int]]:
    """(start, end) of each run of at least FEWEST letters."""
    first_piece = re.compile(letter + b"{%d,%d}" % (FEWEST, PIECE))
    next_piece = re.compile(letter + b"{1,%d}" % PIECE)
    while match := data.search(first_piece, start, end):
        first, start = match
        while more := data.match(next_piece, start, end):
            start = more[1]
        yield first, start


def _match_narrow(
    kind: str, pattern: re.Pattern[str], raw: bytes, offset: int
) -> Iterator[SecretSpan]:
    text = raw.decode("utf-8", "surrogateescape")
    for match in pattern.finditer(text):
        start, end = (
            offset + len(text[:index].encode("utf-8", "surrogateescape")) for index in match.span()
        )
        if start < end:
            yield SecretSpan(kind, start, end, is_sure=end - start >= SURE_TEXT)


def _match_wide(
    kind: str, pattern: re.Pattern[str], raw: bytes, offset: int
) -> Iterator[SecretSpan]:
    text = raw.decode("utf-16-le", "surrogatepass")
    for match in pattern.finditer(text):
        start, end = match.span()
        if start < end:
            first, last = offset + 2 * start, offset + 2 * end
            yield SecretSpan(kind, first, last, 2, is_sure=last - first >= SURE_TEXT)


def keep_file_name(
    data: FileBytes, text_place: TextPlace, finding: SecretSpan
) -> SecretSpan | None:
    """The part of a finding that may be overwritten: of a path, the folders. None for nothing."""
    if text_place.kind != STRING or not text_place.is_path:
        return finding
    raw = bytes(data[text_place.rva : text_place.rva + text_place.size])
    last = max(raw.rfind(b"/"), raw.rfind(b"\\"))
    end = min(finding.end, text_place.rva + last) if last >= 0 else text_place.rva
    return finding._replace(end=end) if finding.start < end else None
