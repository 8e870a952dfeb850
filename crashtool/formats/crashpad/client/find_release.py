"""Which client is meant by a fork and a date or a tag."""

from __future__ import annotations

import re
from calendar import monthrange

from crashtool.errors import UsageError
from crashtool.formats.crashpad.client.releases import RELEASES, Release

DATE = re.compile(r"(20[0-9]{2})-([0-9]{1,2})(?:-([0-9]{1,2}))?", re.ASCII)
TAG = re.compile(r"v?([0-9]{1,4})\.([0-9]{1,4})(?:\.([0-9]{1,4}))?", re.ASCII)


def find_release(fork: str, version: str = "") -> Release:
    """The client of a fork as it was at `version`: the newest when that is empty.

    `version` is a date of its sources (YYYY-MM-DD, or YYYY-MM where nothing changed within the
    month) or, of Sentry's, a version of sentry-native (0.12 or 0.12.3). UsageError for what names
    no client that is known here.
    """
    releases = RELEASES[fork]
    if not version:
        return releases[-1]
    if date := DATE.fullmatch(version):
        return _find_by_date(releases, version, date)
    if tag := TAG.fullmatch(version):
        return _find_by_tag(releases, version, tag)
    raise UsageError(
        f"{version!r} is neither a date nor a version of {fork}",
        hint="give the date of Crashpad's sources, as in 2023-05-27" + _tag_hint(releases),
    )


def _find_by_date(releases: tuple[Release, ...], version: str, date: re.Match[str]) -> Release:
    year, month = int(date[1]), int(date[2])
    last = monthrange(year, month)[1] if 1 <= month <= 12 else 0  # noqa: PLR2004 (months)
    if not 1 <= int(date[3] or 1) <= last:
        raise UsageError(f"{version!r} is not a date", hint="write it as in 2023-05-27")
    begin = f"{year}-{month:02}-{int(date[3] or 1):02}"
    end = f"{year}-{month:02}-{int(date[3] or last):02}"
    if end < releases[0].since:
        raise UsageError(
            f"nothing is known of {releases[0].fork} before {releases[0].since}",
            hint="update Crashpad: its older handlers and clients are no match for what runs today",
        )
    changes = [release.since for release in releases if begin < release.since <= end]
    if changes:
        raise UsageError(
            f"{releases[0].fork} changed on {' and '.join(changes)}: {version} is before and after",
            hint="give the day, too",
        )
    return [release for release in releases if release.since <= begin][-1]


def _find_by_tag(releases: tuple[Release, ...], version: str, tag: re.Match[str]) -> Release:
    if not any(release.tags for release in releases):
        raise UsageError(
            f"{releases[0].fork} has no releases, so {version!r} names none",
            hint="give the date of Crashpad's sources, as in 2023-05-27",
        )
    wanted = _numbers(tag)
    candidates = [
        release for release in releases if any(_parse(name) <= wanted for name in release.tags)
    ]
    if not candidates:
        raise UsageError(
            f"nothing is known of sentry-native before {releases[0].tags[0]}",
            hint="update it",
        )
    return candidates[-1]


def _parse(name: str) -> tuple[int, ...]:
    match = TAG.fullmatch(name)
    assert match, name  # noqa: S101 (the table's own)
    return _numbers(match)


def _numbers(match: re.Match[str]) -> tuple[int, ...]:
    return tuple(int(part or 0) for part in match.groups())


def _tag_hint(releases: tuple[Release, ...]) -> str:
    tags = [tag for release in releases for tag in release.tags]
    return f", or a version of sentry-native: {', '.join(tags)}" if tags else ""
