"""Where what is posted goes: one URL, of a whole one or of its pieces, that no rule forbids."""

from __future__ import annotations

from collections.abc import Container

from crashtool.errors import BadUrl, UsageError
from crashtool.formats.named_tuple import NamedTuple
from crashtool.formats.submission_url import (
    ERROR,
    Purpose,
    SubmissionUrl,
    UrlFinding,
    check_url,
    new_submission_url,
    redact_token,
)


class Cargo(NamedTuple):
    """What is posted. The sentences, each with its hint, are for a URL or a token that is missing.

    `subject` is how a URL that cannot be used is called, with {url} where it is shown itself, and
    `check` the call that explains it.
    """

    format: str
    subject: str
    check: str
    no_url: tuple[str, str]
    no_token: tuple[str, str]


def build_destination(
    cargo: Cargo, universe: str | None, host: str | None, token: str | None
) -> SubmissionUrl:
    """The URL of its pieces, which nobody has checked. UsageError when one is missing."""
    if not (universe or host):
        raise UsageError(cargo.no_url[0], hint=cargo.no_url[1])
    if not token:
        raise UsageError(cargo.no_token[0], hint=cargo.no_token[1])
    return new_submission_url(
        universe=universe or "", host=host or "", token=token, format_name=cargo.format
    )


def check_destination(
    cargo: Cargo, url: str, *, platform: str = "", forgiven: Container[str] = ()
) -> tuple[UrlFinding, ...]:
    """All that the rules find. BadUrl for what no server takes, but of the rules `forgiven`."""
    findings = check_url(url, Purpose(format=cargo.format, platform=platform))
    for item in findings:
        if item.severity == ERROR and item.rule not in forgiven:
            subject = cargo.subject.replace("{url}", redact_token(url))
            raise BadUrl(
                f"{subject} cannot be used ({item.rule}): {item.cause}",
                hint=f"{cargo.check} explains it; --fix corrects what it can",
            )
    return findings
