"""What to overwrite in a minidump: environment values, secrets, matches of the user's patterns."""

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from crashtool.errors import UsageError
from crashtool.formats.minidump import linux
from crashtool.formats.minidump.texts import MEMORY, STRING, TextPlace
from crashtool.services.analyze.secrets import walk_secrets

if TYPE_CHECKING:
    from crashtool.formats.record import Buffer

ENVIRONMENT, SECRETS, STRINGS = "environment", "secrets", "strings"
ALIASES = {"env": ENVIRONMENT, "environment": ENVIRONMENT, "secrets": SECRETS}
BLOCK_ENTRIES = 3  # so many NAME=VALUE in a row are an environment
FEWEST = 4  # characters that make a text in memory
SURE_TEXT = 16  # bytes: no addresses follow one another so that so many are letters

# NAME=VALUE, each with its NUL, where the text before has ended; bounded, and never read twice.
NARROW_BLOCK = re.compile(
    rb"(?<![^\0])(?:=?[A-Za-z_][\w().:-]{0,254}+=[^\0]{0,32767}+\0){%d,}+" % BLOCK_ENTRIES
)
WIDE_BLOCK = re.compile(
    rb"(?:=\0)?[A-Za-z_]\0(?:[\w().:-]\0){0,254}+=\0(?:(?!\0\0)..){0,32767}+\0\0"
    rb"(?:(?:=\0)?[A-Za-z_]\0(?:[\w().:-]\0){0,254}+=\0(?:(?!\0\0)..){0,32767}+\0\0){%d,}+"
    % (BLOCK_ENTRIES - 1),
    re.DOTALL,
)
NARROW_TEXT = re.compile(
    rb"(?:[\t\n\r -~]|[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3})"
    rb"{%d,}+" % FEWEST
)
WIDE_TEXT = re.compile(rb"(?:[\t\n\r -~\xa0-\xff]\0|[^\0][\x01-\x05]){%d,}+" % FEWEST)


class Finding(NamedTuple):
    """Bytes to overwrite: from `start` to before `end` in the file, each `step` bytes one letter.

    Of a step of two, the second byte becomes zero, as UTF-16 has it. Without `is_sure` it may be
    numbers that happen to spell a word.
    """

    kind: str
    start: int
    end: int
    step: int = 1
    is_sure: bool = True


Finder = Callable[["Buffer", TextPlace], Iterator[Finding]]


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
    raise UsageError(
        f"{text!r} is nothing that can be scrubbed", hint="environment, secrets or strings=REGEX"
    )


def find_environment(data: "Buffer", place: TextPlace) -> Iterator[Finding]:
    """The values of environment variables: of the stream, and of blocks of them in memory."""
    end = place.rva + place.size
    if place.stream_type == linux.ENVIRON:
        yield from _walk_values(data, place.rva, end, 1)
    elif place.kind == MEMORY:
        for block in NARROW_BLOCK.finditer(data, place.rva, end):
            yield from _walk_values(data, block.start(), block.end(), 1)
        for block in WIDE_BLOCK.finditer(data, place.rva, end):
            yield from _walk_values(data, block.start(), block.end(), 2)


def _walk_values(data: "Buffer", start: int, end: int, step: int) -> Iterator[Finding]:
    """What stands behind the first `=` of each entry that has a name."""
    raw = bytes(data[start:end])
    text = raw.decode("utf-16-le", "surrogatepass") if step > 1 else raw.decode("latin-1")
    place = start
    for entry in text.split("\0"):
        name = entry.find("=", 1)
        size = len(entry) * step
        if 0 < name < len(entry) - 1:
            yield Finding(ENVIRONMENT, place + (name + 1) * step, place + size, step)
        place += size + step


def find_secrets(data: "Buffer", place: TextPlace) -> Iterator[Finding]:
    """What looks like a token, a key or a password, by the rules that count them."""
    for kind, start, end, step in walk_secrets(data, place.rva, place.rva + place.size):
        yield Finding(kind, start, end, step)


def _make_text_finder(text: str) -> Finder:
    try:
        pattern = re.compile(text)
    except re.error as error:
        raise UsageError(
            f"strings={text} is no regular expression: {error}", hint="see Python's re"
        ) from None
    if pattern.match(""):
        raise UsageError(f"strings={text} also matches an empty text, which is everywhere")
    kind = f"{STRINGS}={text}"

    def find_matches(data: "Buffer", place: TextPlace) -> Iterator[Finding]:
        end = place.rva + place.size
        for run in NARROW_TEXT.finditer(data, place.rva, end):
            yield from _match_narrow(kind, pattern, run)
        for run in WIDE_TEXT.finditer(data, place.rva, end):
            yield from _match_wide(kind, pattern, run)

    return find_matches


def _match_narrow(kind: str, pattern: re.Pattern[str], run: re.Match[bytes]) -> Iterator[Finding]:
    text = run.group().decode("utf-8", "surrogateescape")
    for found in pattern.finditer(text):
        start, end = (
            run.start() + len(text[:place].encode("utf-8", "surrogateescape"))
            for place in found.span()
        )
        if start < end:
            yield Finding(kind, start, end, is_sure=end - start >= SURE_TEXT)


def _match_wide(kind: str, pattern: re.Pattern[str], run: re.Match[bytes]) -> Iterator[Finding]:
    text = run.group().decode("utf-16-le", "surrogatepass")
    for found in pattern.finditer(text):
        start, end = found.span()
        if start < end:
            first, last = run.start() + 2 * start, run.start() + 2 * end
            yield Finding(kind, first, last, 2, is_sure=last - first >= SURE_TEXT)


def keep_file_name(data: "Buffer", place: TextPlace, finding: Finding) -> Finding | None:
    """The part of a finding that may be overwritten: of a path, the folders. None for nothing."""
    if place.kind != STRING or not place.is_path:
        return finding
    raw = bytes(data[place.rva : place.rva + place.size])
    last = max(raw.rfind(b"/"), raw.rfind(b"\\"))
    end = min(finding.end, place.rva + last) if last >= 0 else place.rva
    return finding._replace(end=end) if finding.start < end else None
