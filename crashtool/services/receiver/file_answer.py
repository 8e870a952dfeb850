"""Files and parts of files as HTTP answers: who has them already, and what describes a part."""

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from email.utils import formatdate, parsedate_to_datetime
from pathlib import Path

BLOCK = 1 << 18
NOT_MODIFIED = 304
KEPT = ("etag", "last-modified", "cache-control")  # what 304 says again


def is_known(asked: Mapping[str, str], file: Mapping[str, str]) -> bool:
    """Whether a client has the file: by If-None-Match, else by If-Modified-Since (RFC 9110, 13)."""
    tags = asked.get("if-none-match")
    if tags is not None:
        known = {tag.strip().removeprefix("W/") for tag in tags.split(",")}
        return "*" in known or file["etag"].removeprefix("W/") in known
    with suppress(ValueError, TypeError):  # no date: as if it were not there
        since = parsedate_to_datetime(asked.get("if-modified-since", ""))
        return parsedate_to_datetime(file["last-modified"]) <= since
    return False


def describe_part(state: os.stat_result, offset: int, size: int) -> dict[str, str]:
    """The headers of a part of a file."""
    return {
        "content-length": str(size),
        "etag": f'"{state.st_mtime_ns:x}-{offset:x}-{size:x}"',
        "last-modified": formatdate(state.st_mtime, usegmt=True),
    }


def walk_part(path: Path, offset: int, size: int) -> Iterator[bytes]:
    """The bytes of a part, a block at a time."""
    with path.open("rb") as file:
        file.seek(offset)
        while size and (block := file.read(min(BLOCK, size))):
            size -= len(block)
            yield block
