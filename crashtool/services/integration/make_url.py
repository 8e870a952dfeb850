"""A submission URL made from what flags and settings say, and judged."""

from __future__ import annotations

from crashtool.errors import UsageError
from crashtool.formats.named_tuple import NamedTuple
from crashtool.formats.submission_url import (
    ERROR,
    Purpose,
    SubmissionUrl,
    UrlFinding,
    build_url,
    check_url,
    convert,
    fix_url,
    new_submission_url,
    parse_submission_url,
    token_kind,
)
from crashtool.formats.submission_url.url_forms import SELF_HOSTED

RULE_OF_ANNOTATED = "token-not-64-hex"
CONVERSIONS = ("form", "format", "universe", "host", "port", "plain_http")


class UrlOptions(NamedTuple):
    """What the URL is to be made of; `named` are the parameters that the command line gave.

    `flagged` is the token from the command line, meant for whatever the URL is for; `token` and
    `symbols_token` are those whose kind is known.
    """

    named: frozenset[str]
    form: str
    format: str
    universe: str
    host: str
    port: int | None
    plain_http: bool
    flagged: str
    token: str
    symbols_token: str

    def find_token(self, format_name: str) -> str:
        """The token for a format's endpoint; "" when neither flags nor settings have it."""
        symbols = token_kind(format_name) == "symbol"
        return self.flagged or (self.symbols_token if symbols else self.token)


class UrlOutcome(NamedTuple):
    """A URL with what is known of it; `mended` are the findings that --fix took care of."""

    text: str
    reading: SubmissionUrl | None
    findings: tuple[UrlFinding, ...]
    mended: tuple[UrlFinding, ...] = ()


def assess(text: str, purpose: Purpose, *, fix: bool = False) -> UrlOutcome:
    """What the rules say of a URL as it is, or of it mended as far as that is possible."""
    findings = check_url(text, purpose)
    if not fix:
        return UrlOutcome(text, _find_reading(text), findings)
    mended = fix_url(text, purpose)
    done = tuple(finding for finding in findings if finding.corrected is not None)
    return UrlOutcome(mended, _find_reading(mended), check_url(mended, purpose), done)


def make(url: str | None, wishes: UrlOptions, purpose: Purpose) -> UrlOutcome:
    """A URL built from its pieces, or the given one converted where `wishes` asks for it.

    UsageError says which piece is missing. A URL too wrong to convert comes back as it is.
    """
    builds = "url" not in wishes.named and wishes.named & {"universe", "host"}
    if builds or not url:
        reading = _build(wishes)
    else:
        tokens = ("token", "token_file", "symbols_token")
        if not wishes.named.intersection((*CONVERSIONS, *tokens)):
            return assess(url, purpose)
        given = assess(url, purpose, fix=True)
        if any(finding.severity == ERROR for finding in given.findings):
            return given
        reading = _convert(parse_submission_url(given.text), wishes)
    text = build_url(reading)
    return UrlOutcome(text, reading, (*check_url(text, purpose), *_check_annotated(reading)))


def _check_annotated(reading: SubmissionUrl) -> tuple[UrlFinding, ...]:
    """What the rules say of a token that the root form leaves to an annotation."""
    if not (token := reading.annotations.get("token")):
        return ()
    holding = build_url(convert(reading, form=SELF_HOSTED, token=token))
    return tuple(finding for finding in check_url(holding) if finding.rule == RULE_OF_ANNOTATED)


def _build(wishes: UrlOptions) -> SubmissionUrl:
    if not (wishes.universe or wishes.host):
        raise UsageError(
            "no URL given, and nothing to build one from",
            hint="crashtool make-url --universe NAME --token-file FILE, or crashtool make-url URL",
        )
    format_name = wishes.format or "minidump"
    token = wishes.find_token(format_name)
    if not token and wishes.form != "root":
        kind = token_kind(format_name)
        variable = "CRASHTOOL_SYMBOLS_TOKEN" if kind == "symbol" else "CRASHTOOL_TOKEN"
        other = wishes.token if kind == "symbol" else wishes.symbols_token
        raise UsageError(
            f"a URL for {format_name} holds a {kind} token, and there is none"
            + (", only the other kind: a project has separate tokens for the two" if other else ""),
            hint=f"--token-file FILE, or set {variable}",
        )
    return new_submission_url(
        wishes.form,
        universe=wishes.universe,
        token=token,
        host=wishes.host,
        port=wishes.port,
        plain_http=wishes.plain_http,
        format_name=format_name,
    )


def _convert(url: SubmissionUrl, wishes: UrlOptions) -> SubmissionUrl:
    wanted = wishes.format or url.format or "minidump"
    asked = (
        wishes.flagged or (wishes.symbols_token if {"symbols_token"} <= wishes.named else "")
        if token_kind(wanted) == "symbol"
        else wishes.flagged
    )
    needed = not url.token or token_kind(wanted) != token_kind(url.format or wanted)
    universe = wishes.universe if "universe" in wishes.named or not url.universe else ""
    return convert(
        url,
        form=wishes.form,
        format_name=wanted,
        universe=universe,
        port=wishes.port,
        token=asked or (wishes.find_token(wanted) if needed else ""),
        host=wishes.host if "host" in wishes.named else "",
        plain_http=True if wishes.plain_http else None,
    )


def _find_reading(text: str) -> SubmissionUrl | None:
    try:
        return parse_submission_url(text)
    except UsageError:
        return None
