"""Where symbols go: one checked URL out of the settings, and a request's own parameters on it."""

from __future__ import annotations

from urllib.parse import quote

from crashtool.errors import BadUrl, UsageError
from crashtool.formats.submission_url import (
    SubmissionUrl,
    build_url,
    convert,
    parse_submission_url,
    redact_token,
    token_kind,
)
from crashtool.services.transport.destination import Cargo, build_destination, check_destination

FORMAT = "symbols"
HINT_ON_KINDS = (
    "a project has separate tokens: symbol tokens (symbol:post) are under the project's settings; "
    "set CRASHTOOL_SYMBOLS_TOKEN with --universe, or give the whole URL with --url"
)
SYMBOLS = Cargo(
    FORMAT,
    "the URL for symbols",
    "crashtool make-url --format symbols URL",
    no_url=(
        "no URL to send symbols to",
        (
            "use --url https://submit.backtrace.io/UNIVERSE/SYMBOL-TOKEN/symbols, or "
            "--universe NAME with CRASHTOOL_SYMBOLS_TOKEN; --output FILE.zip and --dry-run "
            "need no URL"
        ),
    ),
    no_token=("no symbol token", HINT_ON_KINDS),
)
# Rules about what the URL is for: of symbols more can be said, and their token may come by itself.
EXPLAINED_HERE = (
    "path-missing",
    "token-missing",
    "token-not-64-hex",
    "format-missing",
    "format-unknown",
    "format-unexpected",
    "wrong-kind-of-token",
    "root-form",
)


def find_destination(
    url: str | None, *, universe: str | None, host: str | None, token: str | None
) -> SubmissionUrl:
    """The URL to post symbols to, from a whole URL or from its pieces.

    UsageError when a piece is missing; BadUrl when the URL breaks a rule, or is one for reports:
    the token in that is of another kind.
    """
    if url:
        check_destination(SYMBOLS, url, forgiven=EXPLAINED_HERE)
        destination = _read_url(url, token)
    else:
        destination = build_destination(SYMBOLS, universe, host, token)
    check_destination(SYMBOLS, build_url(destination))
    return destination


def request_url(destination: SubmissionUrl, *, tag: str | None, upload_file: str = "") -> str:
    """The URL of one request: the tag, and the name that a single file needs, in its query."""
    own = {"upload_file": upload_file, "tag": tag}
    kept = tuple(pair for pair in destination.attributes if not own.get(pair[0]))
    added = tuple((name, quote(value, safe="")) for name, value in own.items() if value)
    return build_url(destination._replace(attributes=kept + added))


def _read_url(url: str, token: str | None) -> SubmissionUrl:
    try:
        parsed = parse_submission_url(url)
    except UsageError as error:
        raise BadUrl(f"the URL for symbols cannot be used: {error.what}", hint=error.hint) from None
    if token_kind(parsed.format or FORMAT) != token_kind(FORMAT):
        raise BadUrl(
            f"this URL takes a {parsed.format}, not symbols, and its token is a submission token: "
            f"{redact_token(url)}",
            hint=HINT_ON_KINDS,
        )
    if parsed.format not in ("", FORMAT):
        raise BadUrl(
            f"this URL takes a {parsed.format}, not symbols: {redact_token(url)}",
            hint="crashtool make-url --format symbols URL gives the one for symbols",
        )
    if token and parsed.token and token != parsed.token:
        raise UsageError(
            "conflicting symbol tokens: one in the URL, one given with it",
            hint="leave one of them out; --show-settings says where each comes from",
        )
    if not (token or parsed.token):
        raise UsageError("no symbol token: this URL holds none", hint=HINT_ON_KINDS)
    form = "self-hosted" if parsed.form == "root" else parsed.form
    return convert(parsed, form=form, format_name=FORMAT, token=token or parsed.token)
