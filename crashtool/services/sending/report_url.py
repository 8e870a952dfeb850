"""Where reports go: one checked URL out of what the user gave."""

from __future__ import annotations

from collections.abc import Callable

from crashtool.errors import UsageError
from crashtool.formats.attributes import Attribute
from crashtool.formats.submission_url import (
    ERROR,
    Purpose,
    build_url,
    check_url,
    convert,
    fix_url,
    new_submission_url,
    parse_submission_url,
    redact_token,
)
from crashtool.formats.submission_url.url_forms import ROOT
from crashtool.services.transport.destination import Cargo, build_destination, check_destination

FORMAT = "minidump"
REPORTS = Cargo(
    FORMAT,
    "the URL {url}",
    "crashtool make-url URL",
    no_url=(
        "no URL to send reports to",
        (
            "use --url URL, CRASHTOOL_URL, or `url` in crashtool.toml; or --universe NAME "
            "with CRASHTOOL_TOKEN; --dry-run needs no URL"
        ),
    ),
    no_token=(
        "no submission token",
        "set CRASHTOOL_TOKEN, or name a file with --token-file",
    ),
)
PATH_MISSING, TOKEN_MISSING = "path-missing", "token-missing"
_FILLED = {TOKEN_MISSING, "format-missing"}  # what is known without the URL


def find_report_url(
    url: str | None,
    *,
    universe: str | None,
    host: str | None,
    token: str | None,
    warn: Callable[[str], None],
) -> str:
    """The URL to post minidumps to, from a whole URL or from its pieces.

    UsageError when a piece is missing; BadUrl when the URL breaks a rule that no server
    forgives, such as being one for symbols. A missing slash after the host is mended and said.
    """
    if url:
        url = _add_token(url, token)
    else:
        url = build_url(build_destination(REPORTS, universe, host, token))
    findings = check_destination(REPORTS, url, forgiven={PATH_MISSING})
    if any(item.rule == PATH_MISSING for item in findings):
        url = fix_url(url, Purpose(format=FORMAT))
        warn("the URL has no `/` after the host: added here, but handlers on Windows need it")
    return url


def check_handler_url(url: str, platform: str) -> None:
    """BadUrl when no handler of a platform could upload to a URL: it would crash for nothing."""
    check_destination(REPORTS, url, platform=platform)


def refuse_other_token(url: str, token: str | None) -> None:
    """UsageError when a URL holds another token: one of the two is a mistake, and none says which.

    For a URL and a token that were given together; else the URL's own counts.
    """
    try:
        own = parse_submission_url(url).token
    except UsageError:  # of a form that holds none
        return
    if token and own and own != token:
        raise UsageError(
            f"conflicting tokens: one in the URL {redact_token(url)}, one given with it",
            hint="leave one of them out; --show-settings says where each comes from",
        )


def make_sample_url(universe: str | None, host: str | None) -> str:
    """A URL to show in a dry run, with names of places where nothing is known."""
    name = universe or ("" if host else "UNIVERSE")
    made = new_submission_url(
        universe=name,
        host=host or "",
        token="TOKEN",  # noqa: S106 (the name of its place)
        format_name=FORMAT,
    )
    return build_url(made)


def find_login(url: str, token: str | None) -> tuple[Attribute, ...]:
    """The fields that carry token and format when the URL is a server's root alone."""
    try:
        parsed = parse_submission_url(url)
    except UsageError:
        return ()
    if parsed.form != ROOT or not token:
        return ()
    return (Attribute("format", FORMAT), Attribute("token", token))


def _add_token(url: str, token: str | None) -> str:
    """The URL with token and format where its form has places for them and no more is wrong."""
    broken = {
        item.rule for item in check_url(url, Purpose(format=FORMAT)) if item.severity == ERROR
    }
    if not token or TOKEN_MISSING not in broken or not broken <= _FILLED:
        return url
    return build_url(convert(parse_submission_url(url), token=token))
