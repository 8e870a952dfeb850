"""Where symbols go: one checked URL out of the settings, and a request's own parameters on it."""

from urllib.parse import quote

from crashtool.errors import BadUrl, UsageError
from crashtool.formats.submission_url import (
    ERROR,
    Purpose,
    SubmissionUrl,
    build_url,
    check_url,
    convert,
    new_submission_url,
    parse_submission_url,
    redact_token,
    token_kind,
)

FORMAT = "symbols"
HINT_ON_KINDS = (
    "a project has separate tokens: symbol tokens (symbol:post) are under the project's settings; "
    "set CRASHTOOL_SYMBOLS_TOKEN with --universe, or give the whole URL with --url"
)


def find_destination(
    url: str | None, *, universe: str | None, host: str | None, token: str | None
) -> SubmissionUrl:
    """The URL to post symbols to, from a whole URL or from its pieces.

    UsageError when a piece is missing; BadUrl when the URL breaks a rule, or is one for reports:
    the token in that is of another kind.
    """
    if url:
        found = _read_url(url, token)
    elif not (universe or host):
        raise UsageError(
            "no URL to send symbols to",
            hint="use --url https://submit.backtrace.io/UNIVERSE/SYMBOL-TOKEN/symbols, or "
            "--universe NAME with CRASHTOOL_SYMBOLS_TOKEN; --output FILE.zip and --dry-run "
            "need no URL",
        )
    elif not token:
        raise UsageError("no symbol token", hint=HINT_ON_KINDS)
    else:
        found = new_submission_url(
            universe=universe or "", host=host or "", token=token, format_name=FORMAT
        )
    _check(build_url(found))
    return found


def request_url(destination: SubmissionUrl, *, tag: str | None, upload_file: str = "") -> str:
    """The URL of one request: the tag, and the name that a single file needs, in its query."""
    own = {"upload_file": upload_file, "tag": tag}
    kept = tuple(pair for pair in destination.attributes if not own.get(pair[0]))
    added = tuple((name, quote(value, safe="")) for name, value in own.items() if value)
    return build_url(destination._replace(attributes=kept + added))


def _read_url(url: str, token: str | None) -> SubmissionUrl:
    try:
        found = parse_submission_url(url)
    except UsageError as error:
        raise BadUrl(f"the URL for symbols cannot be used: {error.what}", hint=error.hint) from None
    if token_kind(found.format or FORMAT) != token_kind(FORMAT):
        raise BadUrl(
            f"this URL takes a {found.format}, not symbols, and its token is a submission token: "
            f"{redact_token(url)}",
            hint=HINT_ON_KINDS,
        )
    if found.format not in ("", FORMAT):
        raise BadUrl(
            f"this URL takes a {found.format}, not symbols: {redact_token(url)}",
            hint="crashtool make-url --format symbols URL gives the one for symbols",
        )
    if token and found.token and token != found.token:
        raise UsageError(
            "the URL holds one symbol token and the settings another",
            hint="leave one of them out; --show-settings says where each comes from",
        )
    if not (token or found.token):
        raise UsageError("no symbol token: this URL holds none", hint=HINT_ON_KINDS)
    form = "self-hosted" if found.form == "root" else found.form
    return convert(found, form=form, format_name=FORMAT, token=token or found.token)


def _check(url: str) -> None:
    purpose = Purpose(format=FORMAT)
    for finding in check_url(url, purpose):
        if finding.severity == ERROR:
            raise BadUrl(
                f"the URL for symbols cannot be used ({finding.rule}): {finding.cause}",
                hint="crashtool make-url --format symbols URL explains it; "
                "--fix corrects what it can",
            )
